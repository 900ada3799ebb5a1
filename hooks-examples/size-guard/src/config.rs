//! The settings.

use std::fmt;

use bytesize::ByteSize;
use hookward_sdk::{ConfigError, config};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// They have to fit into a small state.
const MOST_RUNS: usize = 100;

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
    pub(crate) max_changed: Option<Percent>,
    pub(crate) max_new_factor: Option<f64>,
    #[serde(default = "floor")]
    pub(crate) new_floor: ByteSize,
    /// Runs that are kept.
    #[serde(default = "ten")]
    pub(crate) history: usize,
    /// Runs that have to be known before one is compared with them.
    #[serde(default = "three")]
    pub(crate) min_runs: usize,
    /// Id of a run: it and those before it don't count any more.
    pub(crate) history_since: Option<String>,
    #[serde(default)]
    pub(crate) on_suspicion: Choice,
    #[serde(default)]
    pub(crate) no_summary: NoSummary,
}

/// What to do with a suspicious run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Choice {
    #[default]
    Fail,
    Warn,
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
        let wrong = |key: &str, message: &str| Err(ConfigError::new(key, message));
        if config.max_shrink.is_some_and(|percent| percent.0 > 100.0) {
            return wrong("max-shrink", "nothing shrinks by more than 100%");
        }
        if config.max_changed.is_some_and(|percent| percent.0 >= 100.0) {
            return wrong("max-changed", "no more than 100% of the files can be new or changed");
        }
        if config.max_new_factor.is_some_and(|factor| !factor.is_finite() || factor < 1.0) {
            return wrong("max-new-factor", "give a number of 1 or more");
        }
        if config.min_runs == 0 {
            return wrong("min-runs", "there has to be a run to compare with");
        }
        if config.history < config.min_runs || config.history > MOST_RUNS {
            return wrong("history", "give a number from that of `min-runs` (3 when left out) to 100");
        }
        if config.history_since.as_deref().is_some_and(|id| !is_run_id(id)) {
            return wrong("history-since", "give the id of a run, as `hookward runs` shows it");
        }
        Ok(config)
    }
}

/// As the host writes it: else it would not sort among the others.
fn is_run_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
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

const fn three() -> usize {
    3
}

const fn ten() -> usize {
    10
}

const fn floor() -> ByteSize {
    ByteSize::mib(10)
}
