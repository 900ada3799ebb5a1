//! One call of a hook, and what came of it.

use std::fmt::{self, Display};

use serde::Serialize;
use serde_json::Value;

use super::recorder::{self, Recorder};
use crate::{Event, Level};

/// One call of a hook, with a stand-in for the host.
#[derive(Debug)]
#[must_use = "nothing is called before `run`"]
pub struct Call {
    event: Event,
    host: Recorder,
}

impl Call {
    /// A call for an event: one that [`event`](super::event()) makes, or a whole
    /// [`Event`].
    pub fn new(event: impl Into<Event>) -> Self {
        Self { event: event.into(), host: Recorder::default() }
    }

    /// The hook's `config` table: `serde_json::json!({ .. })`, or whatever else
    /// serializes as a table. The values reach the hook as the host encodes them, a
    /// string as its text and anything else as JSON.
    pub fn config(mut self, table: impl Serialize) -> Self {
        self.host.config = encode(&table);
        self
    }

    /// Calls the hook.
    ///
    /// The error is told as in WebAssembly when `hook` is, or calls, a function
    /// under `#[hook]`. Of any other function it is what `Display` writes: the
    /// sources of an error are then not joined.
    ///
    /// A closure has to name the type of its argument: `|event: Event| ...`.
    pub fn run<M>(self, hook: impl Hook<M>) -> Report {
        let Self { event, host } = self;
        let (returned, host) = recorder::during(host, || hook.call(event));
        let result = returned.map_err(|error| match host.error {
            // Else it is the error of some other hook, called on the way.
            Some(told) if told.starts_with(&error.brief) => told,
            _ => error.full,
        });
        Report { result, logs: host.logs, warnings: host.warnings, skip: host.skip }
    }
}

/// What a [`Call`] can run: a function of an [`Event`] or a reference to one.
///
/// `M` keeps the kinds of function apart and is never named.
pub trait Hook<M> {
    /// Calls it, and turns its error into text.
    #[doc(hidden)]
    fn call(self, event: Event) -> Result<(), Told>;
}

/// An error as `{}` and as `{:#}`.
#[doc(hidden)]
#[derive(Debug)]
pub struct Told {
    brief: String,
    full: String,
}

impl Told {
    fn new(error: impl Display) -> Self {
        Self { brief: error.to_string(), full: format!("{error:#}") }
    }
}

impl<F: FnOnce(Event) -> Result<(), E>, E: Display> Hook<fn(Event) -> E> for F {
    fn call(self, event: Event) -> Result<(), Told> {
        self(event).map_err(Told::new)
    }
}

impl<F: FnOnce(&Event) -> Result<(), E>, E: Display> Hook<fn(&Event) -> E> for F {
    fn call(self, event: Event) -> Result<(), Told> {
        self(&event).map_err(Told::new)
    }
}

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

/// Encodes a table as the host does.
fn encode(table: &impl Serialize) -> Result<Vec<(String, String)>, String> {
    let table = serde_json::to_value(table)
        .map_err(|error| format!("what the test gave to `config` can't be a table: {error}"))?;
    let Value::Object(table) = table else {
        return Err(format!("the test gave `{table}` to `config`, which wants a table"));
    };
    Ok(table
        .into_iter()
        // TOML has no null: such a key isn't there.
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| match value {
            Value::String(text) => (key, text),
            other => (key, other.to_string()),
        })
        .collect())
}
