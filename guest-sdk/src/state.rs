//! Small state of this hook in this profile, kept from run to run.
//!
//! Values are JSON, or bytes as they are. Needs the grant `state`.
//! ```
//! use hookward_sdk::prelude::*;
//!
//! #[hook]
//! fn count(_: Event) -> Result<(), StateError> {
//!     let runs: u64 = state::get("runs")?.unwrap_or(0);
//!     state::set("runs", &(runs + 1))
//! }
//! ```

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host;

/// Reads a value: none when the key isn't there.
///
/// # Errors
/// When the host can't tell, or the value can't be read as a `T`.
pub fn get<T: DeserializeOwned>(key: impl AsRef<str>) -> Result<Option<T>, StateError> {
    let key = key.as_ref();
    get_bytes(key)?.map(|bytes| decode(key, &bytes)).transpose()
}

/// Keeps a value, in the place of an earlier one.
///
/// # Errors
/// When the host doesn't take it, or the value can't be written as JSON.
pub fn set<T: Serialize + ?Sized>(key: impl AsRef<str>, value: &T) -> Result<(), StateError> {
    let key = key.as_ref();
    set_bytes(key, &encode(key, value)?)
}

/// Reads the bytes of a value: none when the key isn't there.
///
/// # Errors
/// When the host can't tell.
pub fn get_bytes(key: impl AsRef<str>) -> Result<Option<Vec<u8>>, StateError> {
    host::state_get(key.as_ref())
}

/// Keeps bytes, in the place of an earlier value.
///
/// # Errors
/// When the host doesn't take them.
pub fn set_bytes(key: impl AsRef<str>, value: &[u8]) -> Result<(), StateError> {
    host::state_set(key.as_ref(), value)
}

/// Forgets a value. It need not be there.
///
/// # Errors
/// When the host can't do it.
pub fn delete(key: impl AsRef<str>) -> Result<(), StateError> {
    host::state_delete(key.as_ref())
}

/// The keys of all values, sorted.
///
/// # Errors
/// When the host can't tell.
pub fn keys() -> Result<Vec<String>, StateError> {
    let mut keys = host::state_keys()?;
    keys.sort_unstable();
    Ok(keys)
}

pub(crate) fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, StateError> {
    serde_json::from_slice(bytes).map_err(|error| StateError::Value { key: key.to_owned(), message: error.to_string() })
}

pub(crate) fn encode<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<Vec<u8>, StateError> {
    serde_json::to_vec(value).map_err(|error| StateError::Value { key: key.to_owned(), message: error.to_string() })
}

/// Why state can't be read or kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// The host doesn't let the hook.
    Denied,
    /// The host can't or won't: its sentence.
    Host(String),
    /// The value is not what the type wants, or the type can't be JSON.
    Value {
        /// Key of the value.
        key: String,
        /// What is wrong.
        message: String,
    },
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("the host doesn't let this hook keep state: grant it `state`"),
            Self::Host(message) => write!(f, "state: {message}"),
            Self::Value { key, message } => write!(f, "state `{key}`: {message}"),
        }
    }
}

impl std::error::Error for StateError {}
