//! What a hook says while it runs.

use serde::{Deserialize, Serialize};

/// Where a record came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Source {
    /// The interface `hookward:hook/log`.
    Log,
    /// `warn` of `hookward:hook/control`.
    Warning,
    /// A line of the guest's stdout.
    Stdout,
    /// A line of the guest's stderr.
    Stderr,
    /// The host, about the hook: that its output was cut off, say.
    Host,
}

/// Importance of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the field's own words")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    /// The level's name in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One message. Every text in it is one line without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Where it came from.
    pub source: Source,
    /// How important it is: info for stdout, warn for stderr.
    pub level: Level,
    /// The message.
    pub message: String,
    /// Named values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
}

/// Takes the records of a call as they come. Called from the guest's thread: a
/// sink that waits holds the hook up, and the hook's clock runs on.
pub trait Sink: Send + Sync {
    /// Takes one record.
    fn record(&self, record: Record);
}

/// Drops every record.
#[derive(Debug, Clone, Copy, Default)]
pub struct Discard;

impl Sink for Discard {
    fn record(&self, _: Record) {}
}

impl Sink for std::sync::Mutex<Vec<Record>> {
    fn record(&self, record: Record) {
        self.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(record);
    }
}
