//! From a tree to a serde type, which decides what is a list, a number, a flag.

use super::{Node, TreeError, TreeErrorKind};
use crate::form::MAX_INDEX;
use serde::de::{self, DeserializeOwned, IntoDeserializer, Visitor};
use std::borrow::Cow;

/// The value that `node`, read from `notation`, says.
pub(crate) fn from_node<T: DeserializeOwned>(
    node: Node,
    notation: Notation,
) -> Result<T, TreeError> {
    T::deserialize(Deserializer { node, notation })
}

/// What a tree was read from.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Notation {
    /// A form: elements of a list are numbered from 1, and what is not known is refused, since a
    /// server must not carry out half of what it was asked.
    Form,
    /// An answer: elements of a list are called `Item`, and what is not known is passed over, since
    /// servers learn new elements before clients do.
    Xml,
}

struct Deserializer {
    node: Node,
    notation: Notation,
}

type Fields = Vec<(Cow<'static, str>, Node)>;

impl Deserializer {
    fn error<T>(kind: TreeErrorKind) -> Result<T, TreeError> {
        Err(TreeError::new(kind))
    }

    fn text(self) -> Result<String, TreeError> {
        match self.node {
            Node::Text(text) => Ok(text),
            // An answer may say an empty text and an empty list the same way.
            Node::Record(fields) if fields.is_empty() => Ok(String::new()),
            Node::Record(_) | Node::List(_) => {
                Self::error(TreeErrorKind::Shape { expected: "a single value" })
            }
        }
    }

    fn fields(self, expected: &'static str) -> Result<Fields, TreeError> {
        match self.node {
            Node::Record(fields) => Ok(fields),
            Node::Text(text) if self.notation == Notation::Xml && text.trim().is_empty() => {
                Ok(Vec::new())
            }
            Node::Text(_) | Node::List(_) => Self::error(TreeErrorKind::Shape { expected }),
        }
    }

    /// The elements of a list in order, each with its number.
    fn elements(self) -> Result<Vec<(u32, Node)>, TreeError> {
        let notation = self.notation;
        let fields = self.fields(match notation {
            Notation::Form => "a list, numbered from 1",
            Notation::Xml => "a list",
        })?;
        match notation {
            Notation::Form => {
                let mut elements = Vec::with_capacity(fields.len());
                for (name, node) in fields {
                    elements.push((index(&name)?, node));
                }
                // Numbers order the elements; gaps between them are allowed, as on EC2.
                elements.sort_unstable_by_key(|(number, _)| *number);
                Ok(elements)
            }
            Notation::Xml => {
                let mut elements = Vec::with_capacity(fields.len());
                for ((name, node), number) in fields.into_iter().zip(1..) {
                    if name != "Item" && name != "Member" {
                        return Err(TreeError::new(TreeErrorKind::Shape { expected: "a list" })
                            .within(name));
                    }
                    elements.push((number, node));
                }
                Ok(elements)
            }
        }
    }

    fn parsed<T: std::str::FromStr>(self, expected: &'static str) -> Result<T, TreeError> {
        let text = self.text()?;
        text.trim()
            .parse()
            .map_err(|_| TreeError::new(TreeErrorKind::Value { value: text, expected }))
    }
}

/// The number of an element, from its name. Zeros in front are refused, so that no two names mean
/// the same element.
fn index(name: &str) -> Result<u32, TreeError> {
    let proper = name.bytes().all(|byte| byte.is_ascii_digit()) && !name.starts_with('0');
    name.parse()
        .ok()
        .filter(|number| proper && *number <= MAX_INDEX)
        .ok_or_else(|| TreeError::new(TreeErrorKind::Index { index: name.to_owned() }).within(name))
}

macro_rules! deserialize_number {
    ($($method:ident $visit:ident $expected:literal),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
            visitor.$visit(self.parsed($expected)?)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Deserializer {
    type Error = TreeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self.node {
            Node::Text(text) => visitor.visit_string(text),
            Node::Record(_) | Node::List(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        let text = self.text()?;
        match text.trim() {
            "1" => visitor.visit_bool(true),
            "0" => visitor.visit_bool(false),
            word if word.eq_ignore_ascii_case("true") => visitor.visit_bool(true),
            word if word.eq_ignore_ascii_case("false") => visitor.visit_bool(false),
            _ => Self::error(TreeErrorKind::Value { value: text, expected: "true or false" }),
        }
    }

    deserialize_number! {
        deserialize_i8 visit_i8 "a whole number",
        deserialize_i16 visit_i16 "a whole number",
        deserialize_i32 visit_i32 "a whole number",
        deserialize_i64 visit_i64 "a whole number",
        deserialize_u8 visit_u8 "a whole number from 0",
        deserialize_u16 visit_u16 "a whole number from 0",
        deserialize_u32 visit_u32 "a whole number from 0",
        deserialize_u64 visit_u64 "a whole number from 0",
        deserialize_f32 visit_f32 "a number",
        deserialize_f64 visit_f64 "a number",
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        let notation = self.notation;
        visitor.visit_seq(Elements { elements: self.elements()?.into_iter(), notation })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        let notation = self.notation;
        let fields = self.fields("a structure with fields")?.into_iter();
        visitor.visit_map(FieldAccess { fields, value: None, notation })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        visitor.visit_enum(IntoDeserializer::<TreeError>::into_deserializer(self.text()?))
    }

    /// Called for fields that the type does not have.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self.notation {
            Notation::Form => Self::error(TreeErrorKind::Unknown),
            Notation::Xml => visitor.visit_unit(),
        }
    }

    serde::forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

struct Elements {
    elements: std::vec::IntoIter<(u32, Node)>,
    notation: Notation,
}

impl<'de> de::SeqAccess<'de> for Elements {
    type Error = TreeError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, TreeError> {
        let Some((number, node)) = self.elements.next() else { return Ok(None) };
        seed.deserialize(Deserializer { node, notation: self.notation })
            .map(Some)
            .map_err(|error| error.within(number.to_string()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.elements.len())
    }
}

struct FieldAccess {
    fields: std::vec::IntoIter<(Cow<'static, str>, Node)>,
    /// The field whose name was handed out, and whose value is asked for next.
    value: Option<(Cow<'static, str>, Node)>,
    notation: Notation,
}

impl<'de> de::MapAccess<'de> for FieldAccess {
    type Error = TreeError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, TreeError> {
        self.value = self.fields.next();
        let Some((name, _)) = &self.value else { return Ok(None) };
        let name: &str = name;
        seed.deserialize(IntoDeserializer::<TreeError>::into_deserializer(name)).map(Some)
    }

    fn next_value_seed<S: de::DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, TreeError> {
        let Some((name, node)) = self.value.take() else {
            return Deserializer::error(TreeErrorKind::Other("a value without a name".to_owned()));
        };
        seed.deserialize(Deserializer { node, notation: self.notation })
            .map_err(|error| error.within(name))
    }
}
