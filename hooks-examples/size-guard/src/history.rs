//! The numbers of the last good runs, kept in the hook's state.

use hookward_sdk::{Event, StateError, Summary, state};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::shares;

const KEY: &str = "runs";

/// What is kept of a run.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Run {
    run_id: String,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Files that were new or changed.
    pub(crate) changed: u64,
    /// Bytes added to the repository, before compression.
    pub(crate) added: u64,
}

impl Run {
    pub(crate) fn new(event: &Event, summary: &Summary) -> Self {
        Self {
            run_id: event.run_id.clone(),
            files: summary.total_files_processed,
            bytes: summary.total_bytes_processed,
            changed: summary.files_new.saturating_add(summary.files_changed),
            added: summary.data_added,
        }
    }
}

/// The last good runs, the oldest first.
pub(crate) struct History(Vec<Run>);

impl History {
    /// What counts for this run.
    pub(crate) fn read(event: &Event, config: &Config) -> Result<Self, String> {
        let runs: Option<Vec<Run>> = state::get(KEY).map_err(|error| match error {
            StateError::Value { .. } => {
                format!("the history can't be read, remove this hook's state to start afresh: {error}")
            }
            _ => error.to_string(),
        })?;
        let mut runs = runs.unwrap_or_default();
        // Ids of runs sort by time. This run is there when an earlier call kept it.
        let since = config.history_since.as_deref().unwrap_or_default();
        runs.retain(|run| run.run_id.as_str() > since && run.run_id != event.run_id);
        Ok(Self(runs))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The number in the middle: one odd run doesn't move it.
    pub(crate) fn median(&self, number: impl Fn(&Run) -> u64) -> u64 {
        let mut numbers: Vec<u64> = self.0.iter().map(number).collect();
        numbers.sort_unstable();
        let middle = numbers.len() / 2;
        let upper = numbers.get(middle).copied().unwrap_or_default();
        match middle.checked_sub(1).and_then(|lower| numbers.get(lower)) {
            Some(lower) if numbers.len().is_multiple_of(2) => lower.midpoint(upper),
            _ => upper,
        }
    }

    /// What has changed more than it may.
    pub(crate) fn check(&self, summary: &Summary, config: &Config, event: &Event) -> Vec<String> {
        let mut objections = shares::check(self, &Run::new(event, summary), config);
        if !objections.is_empty() {
            objections.push(format!(
                "if that is right, set `history-since = \"{}\"`, and the next runs set new bounds",
                event.run_id
            ));
        }
        objections
    }

    /// Keeps a good run, and forgets what is too old.
    pub(crate) fn add(self, event: &Event, summary: &Summary, most: usize) -> Result<(), StateError> {
        let mut runs = self.0;
        runs.push(Run::new(event, summary));
        let old = runs.len().saturating_sub(most);
        state::set(KEY, &runs.split_off(old))
    }
}
