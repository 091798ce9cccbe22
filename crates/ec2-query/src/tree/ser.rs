//! From a serde type to a tree.

use super::{Node, TreeError, TreeErrorKind};
use serde::ser::{self, Impossible, Serialize};

/// The tree of `value`; nothing if the value itself is absent.
pub(crate) fn to_node<T: Serialize + ?Sized>(value: &T) -> Result<Option<Node>, TreeError> {
    value.serialize(Serializer)
}

struct Serializer;

fn text<T: ToString + ?Sized>(value: &T) -> Result<Option<Node>, TreeError> {
    Ok(Some(Node::Text(value.to_string())))
}

fn unsupported<T>(what: &str) -> Result<T, TreeError> {
    Err(TreeError::new(TreeErrorKind::Other(format!("{what} has no EC2 notation"))))
}

impl ser::Serializer for Serializer {
    type Ok = Option<Node>;
    type Error = TreeError;
    type SerializeSeq = List;
    type SerializeTuple = Impossible<Option<Node>, TreeError>;
    type SerializeTupleStruct = Impossible<Option<Node>, TreeError>;
    type SerializeTupleVariant = Impossible<Option<Node>, TreeError>;
    type SerializeMap = Impossible<Option<Node>, TreeError>;
    type SerializeStruct = Record;
    type SerializeStructVariant = Impossible<Option<Node>, TreeError>;

    fn serialize_bool(self, value: bool) -> Result<Self::Ok, TreeError> {
        text(&value)
    }
    fn serialize_i8(self, value: i8) -> Result<Self::Ok, TreeError> {
        text(&value)
    }
    fn serialize_i16(self, value: i16) -> Result<Self::Ok, TreeError> {
        text(&value)
    }
    fn serialize_i32(self, value: i32) -> Result<Self::Ok, TreeError> {
        text(&value)
    }
    fn serialize_i64(self, value: i64) -> Result<Self::Ok, TreeError> {
        text(&value)
    }
    fn serialize_u8(self, value: u8) -> Result<Self::Ok, TreeError> {
        text(&value)
    }
    fn serialize_u16(self, value: u16) -> Result<Self::Ok, TreeError> {
        text(&value)
    }
    fn serialize_u32(self, value: u32) -> Result<Self::Ok, TreeError> {
        text(&value)
    }
    fn serialize_u64(self, value: u64) -> Result<Self::Ok, TreeError> {
        text(&value)
    }
    fn serialize_f32(self, value: f32) -> Result<Self::Ok, TreeError> {
        text(&value)
    }
    fn serialize_f64(self, value: f64) -> Result<Self::Ok, TreeError> {
        text(&value)
    }
    fn serialize_char(self, value: char) -> Result<Self::Ok, TreeError> {
        text(&value)
    }
    fn serialize_str(self, value: &str) -> Result<Self::Ok, TreeError> {
        text(value)
    }
    fn serialize_bytes(self, _value: &[u8]) -> Result<Self::Ok, TreeError> {
        unsupported("a byte string")
    }
    fn serialize_none(self) -> Result<Self::Ok, TreeError> {
        Ok(None)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Self::Ok, TreeError> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Self::Ok, TreeError> {
        Ok(None)
    }
    fn serialize_unit_struct(self, _name: &'static str) -> Result<Self::Ok, TreeError> {
        Ok(None)
    }
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Self::Ok, TreeError> {
        text(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Self::Ok, TreeError> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<Self::Ok, TreeError> {
        unsupported("an enum with data")
    }
    fn serialize_seq(self, length: Option<usize>) -> Result<List, TreeError> {
        Ok(List(Vec::with_capacity(length.unwrap_or(0))))
    }
    fn serialize_tuple(self, _length: usize) -> Result<Self::SerializeTuple, TreeError> {
        unsupported("a tuple")
    }
    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleStruct, TreeError> {
        unsupported("a tuple")
    }
    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant, TreeError> {
        unsupported("an enum with data")
    }
    fn serialize_map(self, _length: Option<usize>) -> Result<Self::SerializeMap, TreeError> {
        unsupported("a map")
    }
    fn serialize_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStruct, TreeError> {
        Ok(Record(Vec::with_capacity(length)))
    }
    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStructVariant, TreeError> {
        unsupported("an enum with data")
    }
}

struct List(Vec<Node>);

impl ser::SerializeSeq for List {
    type Ok = Option<Node>;
    type Error = TreeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TreeError> {
        let number = self.0.len() + 1;
        self.0.extend(to_node(value).map_err(|error| error.within(number.to_string()))?);
        Ok(())
    }

    fn end(self) -> Result<Self::Ok, TreeError> {
        Ok(Some(Node::List(self.0)))
    }
}

struct Record(Vec<(std::borrow::Cow<'static, str>, Node)>);

impl ser::SerializeStruct for Record {
    type Ok = Option<Node>;
    type Error = TreeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), TreeError> {
        let node = to_node(value).map_err(|error| error.within(name))?;
        self.0.extend(node.map(|node| (name.into(), node)));
        Ok(())
    }

    fn end(self) -> Result<Self::Ok, TreeError> {
        Ok(Some(Node::Record(self.0)))
    }
}
