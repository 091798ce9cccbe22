//! A value of any serde type from a string of random bytes, so that no type needs a generator of
//! its own and a new field is tested without anybody thinking of it.

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess,
    SeqAccess, Visitor, value::Error,
};

/// Which characters texts are made of.
#[derive(Clone, Copy, PartialEq)]
pub enum Alphabet {
    /// Those that an XML document can hold.
    Xml,
    /// All.
    Any,
}

/// A value of `T`: the same bytes give the same value, and no bytes the plainest one.
pub fn arbitrary<T: DeserializeOwned>(entropy: &[u8], alphabet: Alphabet) -> T {
    T::deserialize(&mut Source { entropy: entropy.iter(), alphabet }).unwrap()
}

struct Source<'a> {
    entropy: std::slice::Iter<'a, u8>,
    alphabet: Alphabet,
}

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        self.entropy.next().copied().unwrap_or(0)
    }

    fn number(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    fn text(&mut self) -> String {
        let length = self.byte() % 6;
        (0..length).map(|_| self.character()).collect()
    }

    fn character(&mut self) -> char {
        const XML: &[char] =
            &['a', '.', '<', '>', '&', '"', '\'', ' ', '\t', '\n', '\r', ']', ';', '#', 'é', '💚'];
        const OTHER: &[char] = &[
            '\0', '\u{1}', '\u{b}', '\u{1b}', '\u{7f}', '\u{85}', '\u{2028}', '\u{fffe}',
            '\u{ffff}',
        ];
        let byte = usize::from(self.byte());
        match self.alphabet {
            Alphabet::Any if byte >= 128 => OTHER[byte % OTHER.len()],
            _ => XML[byte % XML.len()],
        }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.number() as $type)
        }
    )*};
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "any bits make a good number"
)]
impl<'de> Deserializer<'de> for &mut Source<'_> {
    type Error = Error;

    numbers! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(f64::from(self.number()) / 64.0)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.byte() % 2 == 1)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.text())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.byte() % 2 == 1 { visitor.visit_some(self) } else { visitor.visit_none() }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // Now and then more than nine, where the order of numbers is not that of their texts.
        let length = if self.byte() > 250 { 12 } else { self.byte() % 4 };
        visitor.visit_seq(Elements { source: self, left: length })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Fields { source: self, fields: fields.iter() })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("no values of this kind are made here"))
    }

    serde::forward_to_deserialize_any! {
        f32 char str bytes byte_buf unit unit_struct newtype_struct tuple tuple_struct map enum
        identifier ignored_any
    }
}

struct Elements<'s, 'a> {
    source: &'s mut Source<'a>,
    left: u8,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.source).map(Some)
    }
}

struct Fields<'s, 'a> {
    source: &'s mut Source<'a>,
    fields: std::slice::Iter<'static, &'static str>,
}

impl<'de> MapAccess<'de> for Fields<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(name) = self.fields.next() else { return Ok(None) };
        seed.deserialize(IntoDeserializer::<Error>::into_deserializer(*name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(&mut *self.source)
    }
}
