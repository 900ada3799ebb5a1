//! The hook's own settings: its `[hook.config]` table.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::host;

mod de;

/// Reads the hook's `config` table into a type of yours.
///
/// What `T` asks for decides how a value is read: a `String` field gets the text as
/// it was written, a number, a flag, a list or a table is parsed. The attributes of
/// serde do what they do elsewhere.
/// ```
/// use std::time::Duration;
///
/// use hookward_sdk::prelude::*;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "kebab-case", deny_unknown_fields)]
/// struct Config {
///     url: String,
///     #[serde(default)]
///     tags: Vec<String>,
///     mode: Option<Mode>,
///     // "90s", "25h": there are crates for that, such as humantime-serde or jiff.
///     #[serde(default, with = "humantime_serde")]
///     max_age: Option<Duration>,
/// }
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "kebab-case")]
/// enum Mode {
///     Strict,
///     Lenient,
/// }
///
/// #[hook]
/// fn run(event: Event) -> Result<(), ConfigError> {
///     let config: Config = config()?;
///     info!(url = config.url, "for {}", event.operation);
///     Ok(())
/// }
/// ```
///
/// # What can't be told apart
/// The host keeps a string of the table as its text and everything else as JSON, so
/// `"5"` and `5` arrive alike. Where the type says what it wants this is no matter.
/// Where it doesn't (`#[serde(flatten)]`, `untagged` and internally tagged enums,
/// `serde_json::Value`) a text that reads as a JSON number, flag, list or table is
/// taken for one.
///
/// # Errors
/// When a value is missing or can't be read, with the name of its key. Return it
/// from the hook as it is.
pub fn config<T: DeserializeOwned>() -> Result<T, ConfigError> {
    let entries =
        host::config_entries().map_err(|message| ConfigError { key: None, problem: Problem::Host(message) })?;
    de::from_entries(entries)
}

/// Why the hook's settings can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    key: Option<String>,
    problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    Host(String),
    Missing,
    Unknown { known: &'static [&'static str] },
    Value(String),
}

impl ConfigError {
    /// An error of your own about one key: for what a type can't say, such as two
    /// keys that exclude each other.
    /// ```
    /// use hookward_sdk::ConfigError;
    ///
    /// let error = ConfigError::new("windows", "give at least one");
    /// assert_eq!(error.to_string(), "config key `windows`: give at least one");
    /// ```
    pub fn new(key: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { key: Some(key.into()), problem: Problem::Value(message.to_string()) }
    }

    /// The key, as `max-age` or `windows[1].from`.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.key, &self.problem) {
            (_, Problem::Host(message)) => {
                write!(f, "the hook's config can't be read: {message}")
            }
            (Some(key), Problem::Missing) => write!(f, "config key `{key}` is missing"),
            (None, Problem::Missing) => f.write_str("a config key is missing"),
            (key, Problem::Unknown { known }) => {
                match key {
                    Some(key) => write!(f, "config key `{key}` is not known")?,
                    None => f.write_str("a config key is not known")?,
                }
                f.write_str(if known.is_empty() { ": this hook takes no config" } else { ", the known ones are " })?;
                for (n, name) in known.iter().enumerate() {
                    write!(f, "{}`{name}`", if n == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            (Some(key), Problem::Value(message)) => write!(f, "config key `{key}`: {message}"),
            (None, Problem::Value(message)) => write!(f, "config: {message}"),
        }
    }
}

impl std::error::Error for ConfigError {}
