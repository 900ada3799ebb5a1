//! Where a hook's component comes from.

use std::fmt;
use std::path::PathBuf;

use hookward_engine::event::path;
use hookward_registry::Reference;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A file, or what a registry keeps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A file, absolute. Not looked at yet.
    File(PathBuf),
    /// A reference to a registry.
    Registry(Reference),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Registry(reference) => reference.fmt(f),
        }
    }
}

// As the text that a configuration has: an absolute path is no reference.
impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::File(path) => path::serialize(path, serializer),
            Self::Registry(reference) => reference.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = path::deserialize(deserializer)?;
        match path.to_str().filter(|text| Reference::is_meant(text)) {
            Some(text) => text.parse().map(Self::Registry).map_err(serde::de::Error::custom),
            None => Ok(Self::File(path)),
        }
    }
}
