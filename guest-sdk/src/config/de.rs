//! A deserializer over the entries of `wasi:config/store`.

use std::fmt::Display;

use serde::de::value::{MapDeserializer, StringDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use super::{ConfigError, Problem};

pub(super) fn from_entries<T: DeserializeOwned>(mut entries: Vec<(String, String)>) -> Result<T, ConfigError> {
    // The same mistake is told the same way every time.
    entries.sort();
    serde_path_to_error::deserialize(Entries(entries)).map_err(|error| {
        let path = error.path().to_string();
        let ConfigError { key, problem } = error.into_inner();
        // The path ends before a key that isn't there; `.` is the whole table.
        let path = (path != ".").then_some(path);
        let key = match (path, key) {
            (Some(path), Some(key)) if path != key => Some(format!("{path}.{key}")),
            (path, key) => path.or(key),
        };
        ConfigError { key, problem }
    })
}

impl de::Error for ConfigError {
    fn custom<T: Display>(message: T) -> Self {
        Self { key: None, problem: Problem::Value(message.to_string()) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { key: Some(field.to_owned()), problem: Problem::Missing }
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self { key: Some(field.to_owned()), problem: Problem::Unknown { known } }
    }
}

/// The whole table.
struct Entries(Vec<(String, String)>);

impl<'de> Deserializer<'de> for Entries {
    type Error = ConfigError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_map(MapDeserializer::new(self.0.into_iter().map(|(key, text)| (key, Entry(text)))))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        if self.0.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf unit unit_struct seq tuple tuple_struct map struct enum
        identifier ignored_any
    }
}

/// One value: the text of a TOML string, or JSON of anything else. Which of the two
/// is told only by what the type wants.
struct Entry(String);

impl IntoDeserializer<'_, ConfigError> for Entry {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Entry {
    /// The value, unless it must have been a TOML string.
    fn parse(&self) -> Option<Value> {
        // The host writes neither a JSON string nor null.
        serde_json::from_str(&self.0).ok().filter(|value: &Value| !value.is_string() && !value.is_null())
    }

    fn text(self) -> StringDeserializer<ConfigError> {
        self.0.into_deserializer()
    }
}

/// Types that aren't strings: from JSON, and where it isn't JSON the visitor says
/// what it wants instead of that text.
macro_rules! parsed {
    ($($method:ident($($argument:ident: $type:ty),*))+) => {$(
        fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, ConfigError> {
            match self.parse() {
                Some(value) => value.$method($($argument,)* visitor).map_err(ConfigError::custom),
                None => visitor.visit_string(self.0),
            }
        }
    )+};
}

macro_rules! raw {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
            self.text().$method(visitor)
        }
    )+};
}

impl<'de> Deserializer<'de> for Entry {
    type Error = ConfigError;

    raw! { deserialize_char deserialize_str deserialize_string deserialize_identifier }

    parsed! {
        deserialize_any() deserialize_bool()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64()
        deserialize_unit() deserialize_unit_struct(name: &'static str)
        deserialize_seq() deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_map() deserialize_struct(name: &'static str, fields: &'static [&'static str])
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_byte_buf(self.0.into_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        match self.parse() {
            // A variant with content is a table of one key.
            Some(value @ Value::Object(_)) => {
                value.deserialize_enum(name, variants, visitor).map_err(ConfigError::custom)
            }
            _ => visitor.visit_enum(self.text()),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_unit()
    }
}
