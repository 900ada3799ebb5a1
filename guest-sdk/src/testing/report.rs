//! What came of a call.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use serde::de::DeserializeOwned;

use super::Request;
use crate::command::Invocation;
use crate::{Level, PlanChange, StateError, state};

/// What a hook did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// What it returned: the error as the operator would read it.
    pub result: Result<(), String>,
    /// What it logged, in order.
    pub logs: Vec<Log>,
    /// The warnings that it added to the run.
    pub warnings: Vec<String>,
    /// Why it asked that the run be skipped. The host heeds it in `before` only,
    /// and when the hook returned ok.
    pub skip: Option<String>,
    /// The commands that it asked for, in order, refused ones included.
    pub commands: Vec<Invocation>,
    /// The changes of the plan that it made, in order. The host heeds them when the
    /// hook returned ok.
    pub plan: Vec<PlanChange>,
    /// The requests that it made, in order, denied ones included.
    pub requests: Vec<Request>,
    /// The state that it left: the bytes of every key.
    pub state: BTreeMap<String, Vec<u8>>,
}

impl Report {
    /// The error, if there is one.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.result.as_ref().err().map(String::as_str)
    }

    /// Whether the hook returned ok.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.result.is_ok()
    }

    /// Whether a message with this text in it was logged, at any level.
    #[must_use]
    pub fn logged(&self, text: &str) -> bool {
        self.logs.iter().any(|log| log.message.contains(text))
    }

    /// A value of the state that it left: none when the key isn't there.
    ///
    /// # Errors
    /// When it can't be read as a `T`.
    pub fn stored<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StateError> {
        self.state.get(key).map(|bytes| state::decode(key, bytes)).transpose()
    }
}

/// One message of a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Log {
    /// Its level.
    pub level: Level,
    /// Its text.
    pub message: String,
    /// Its fields, in order.
    pub fields: Vec<(String, String)>,
}

impl Log {
    pub(crate) fn new(level: Level, message: &str, fields: &[(&str, String)]) -> Self {
        Self {
            level,
            message: message.to_owned(),
            fields: fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        }
    }

    /// The value of a field.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

impl Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.level, self.message)?;
        self.fields.iter().try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}
