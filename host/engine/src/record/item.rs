//! Values of calls as they stand in a record: no more than JSON has, and bytes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Key of the one entry of what stands for bytes that are no text.
const BASE64: &str = "base64";

/// Bytes of an argument that are written down whole. Of a longer one, only its
/// beginning, its length and its digest are.
const WHOLE: usize = 1024;

/// Bytes of a longer argument that are shown.
const HEAD: usize = 200;

/// A value of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Nothing,
    Flag(bool),
    Number(u64),
    /// Bytes, which are written as a text if they are one. Wiped when they are dropped:
    /// before the mask has been over them, they may hold a secret.
    Text(Zeroizing<Vec<u8>>),
    List(Vec<Item>),
    Named(BTreeMap<String, Item>),
}

impl Item {
    pub(crate) fn text(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Text(Zeroizing::new(bytes.into()))
    }

    pub(crate) fn named<const N: usize>(entries: [(&str, Item); N]) -> Self {
        Self::Named(entries.into_iter().map(|(name, item)| (name.to_owned(), item)).collect())
    }

    /// The text, if it is one.
    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Self::Text(bytes) = self { std::str::from_utf8(bytes).ok() } else { None }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Item> {
        if let Self::Named(entries) = self { entries.get(name) } else { None }
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Item> {
        if let Self::Named(entries) = self { entries.get_mut(name) } else { None }
    }

    /// Every text in it, in order.
    pub(crate) fn texts(&mut self, act: &mut impl FnMut(&mut Vec<u8>)) {
        match self {
            Self::Text(bytes) => act(bytes),
            Self::List(items) => items.iter_mut().for_each(|item| item.texts(act)),
            Self::Named(entries) => entries.values_mut().for_each(|item| item.texts(act)),
            Self::Nothing | Self::Flag(_) | Self::Number(_) => {}
        }
    }

    /// Bytes that it takes in memory and in the file, roughly.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Nothing | Self::Flag(_) => 8,
            Self::Number(_) => 16,
            Self::Text(bytes) => 16 + bytes.len(),
            Self::List(items) => items.iter().map(|item| 2 + item.size()).sum(),
            Self::Named(entries) => entries.iter().map(|(name, item)| name.len() + 4 + item.size()).sum(),
        }
    }

    /// Cuts texts that are too long to be repeated. The digest is that of the text as
    /// it is compared: see [`alike`].
    pub(crate) fn shorten(&mut self) {
        match self {
            Self::Text(bytes) if bytes.len() > WHOLE => {
                let head = bytes.get(..HEAD).unwrap_or_default();
                let head = String::from_utf8_lossy(head).trim_end_matches('\u{fffd}').to_owned();
                *self = Self::named([
                    ("head", Self::text(head)),
                    ("bytes", Self::Number(bytes.len() as u64)),
                    ("sha256", Self::text(hex::encode(Sha256::digest(collapsed(bytes))))),
                ]);
            }
            Self::List(items) => items.iter_mut().for_each(Self::shorten),
            Self::Named(entries) => entries.values_mut().for_each(Self::shorten),
            _ => {}
        }
    }
}

/// With one `*` for each run of them and a character at each end: what an encoding makes
/// of a secret has another length than what it makes of the secret's stand-in, and in
/// base64 the first and the last character stand for bits of what is around it, too.
fn collapsed(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let shares = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    let mut all = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut bytes = bytes.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'*' {
            all.push(byte);
            continue;
        }
        while bytes.next_if_eq(&b'*').is_some() {}
        all.pop_if(|last| shares(last));
        all.push(byte);
        let _ = bytes.next_if(shares);
    }
    all
}

/// Whether two arguments are the same. `masked`: but for the lengths of what the mask
/// has hidden in them.
pub(crate) fn alike(one: &Item, other: &Item, masked: bool) -> bool {
    match (one, other) {
        (Item::Text(one), Item::Text(other)) if masked => collapsed(one) == collapsed(other),
        (Item::List(one), Item::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other, masked))
        }
        (Item::Named(one), Item::Named(other)) => {
            if let (Some(one), Some(other)) = (one.get("sha256"), other.get("sha256")) {
                return one == other;
            }
            let same = |((name, one), (same_name, other)): ((&String, &Item), (&String, &Item))| {
                name == same_name && alike(one, other, masked)
            };
            one.len() == other.len() && one.iter().zip(other).all(same)
        }
        _ => one == other,
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_unit(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => serializer.serialize_str(text),
                Err(_) => serializer.collect_map([(BASE64, STANDARD.encode(&**bytes))]),
            },
            Self::List(items) => serializer.collect_seq(items),
            Self::Named(entries) => serializer.collect_map(entries),
        }
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde_json::Value;

        fn item(value: Value) -> Result<Item, String> {
            Ok(match value {
                Value::Null => Item::Nothing,
                Value::Bool(flag) => Item::Flag(flag),
                Value::Number(number) => Item::Number(number.as_u64().ok_or("a number that no call has")?),
                Value::String(text) => Item::text(text),
                Value::Array(values) => Item::List(values.into_iter().map(item).collect::<Result<_, _>>()?),
                Value::Object(entries) => match entries.get(BASE64) {
                    Some(Value::String(encoded)) if entries.len() == 1 => {
                        Item::text(STANDARD.decode(encoded).map_err(|error| error.to_string())?)
                    }
                    _ => {
                        let entries = entries.into_iter().map(|(name, value)| Ok((name, item(value)?)));
                        Item::Named(entries.collect::<Result<_, String>>()?)
                    }
                },
            })
        }
        item(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_the_same_after_it_was_written() {
        let item = Item::named([
            ("nothing", Item::Nothing),
            ("flag", Item::Flag(true)),
            ("number", Item::Number(u64::MAX)),
            ("text", Item::text("grüße\n")),
            ("bytes", Item::text([0xff, 0, 1])),
            ("list", Item::List(vec![Item::Number(1), Item::text("")])),
        ]);
        let written = serde_json::to_string(&item).unwrap();
        assert!(written.contains(r#""bytes":{"base64":"/wAB"}"#), "{written}");
        assert_eq!(serde_json::from_str::<Item>(&written).unwrap(), item);
    }

    #[test]
    fn what_the_mask_hides_may_differ_in_length() {
        let (mut long, mut longer) = (Item::text(format!("{}****", "x".repeat(2000))), Item::text("y"));
        assert!(!alike(&long, &longer, true));
        longer = Item::text(format!("{}*********", "x".repeat(2000)));
        assert!(alike(&long, &longer, true) && !alike(&long, &longer, false));
        long.shorten();
        longer.shorten();
        assert!(alike(&long, &longer, true) && long.get("head").is_some());
        let mut other = Item::text("z".repeat(2000));
        other.shorten();
        assert!(!alike(&long, &other, true));
    }
}
