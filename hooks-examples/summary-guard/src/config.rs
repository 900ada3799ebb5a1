//! The settings.

use std::fmt;
use std::path::PathBuf;

use bytesize::ByteSize;
use hookward_sdk::{ConfigError, config};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The hook's `config` table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    /// 1 when left out: a snapshot of nothing is what this hook is for.
    #[serde(default = "one")]
    pub(crate) min_files: u64,
    pub(crate) max_files: Option<u64>,
    pub(crate) min_bytes: Option<ByteSize>,
    pub(crate) max_bytes: Option<ByteSize>,
    pub(crate) max_new_bytes: Option<ByteSize>,
    pub(crate) max_shrink: Option<Percent>,
    pub(crate) max_growth: Option<Percent>,
    pub(crate) baseline: Option<PathBuf>,
    #[serde(default)]
    pub(crate) replace_after_objection: bool,
    #[serde(default)]
    pub(crate) no_summary: NoSummary,
}

/// What to do when restic told nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NoSummary {
    #[default]
    Error,
    Warn,
    Ignore,
}

/// A share of a hundred, as `20%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Percent(f64);

impl Config {
    pub(crate) fn read() -> Result<Self, ConfigError> {
        let config: Self = config()?;
        let compares = config.max_shrink.is_some() || config.max_growth.is_some();
        match &config.baseline {
            None if compares => Err(ConfigError::new(
                "baseline",
                "name a file, such as \"/state/db.json\": `max-shrink` and `max-growth` compare with the run before",
            )),
            Some(path) if !path.has_root() => Err(ConfigError::new("baseline", "has to be an absolute path")),
            _ if config.max_shrink.is_some_and(|percent| percent.0 > 100.0) => {
                Err(ConfigError::new("max-shrink", "nothing shrinks by more than 100%"))
            }
            _ => Ok(config),
        }
    }
}

impl Percent {
    /// This share of a number.
    pub(crate) fn of(self, number: u64) -> f64 {
        number as f64 * self.0 / 100.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.strip_suffix('%')
            .and_then(|number| number.trim_end().parse().ok())
            .filter(|number: &f64| number.is_finite() && *number >= 0.0)
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is no share: write it as `20%`")))
    }
}

const fn one() -> u64 {
    1
}
