//! What outlives a run that failed: read back from the file of the run before.

use hookward_sdk::{Event, Outcome, Status};

use crate::metrics;

/// Values of earlier runs: none when there was no such run.
#[derive(Default)]
pub(crate) struct Kept {
    /// When a run last ended with success, in seconds since 1970.
    pub(crate) success: Option<f64>,
    /// When a run last made a snapshot.
    pub(crate) snapshot: Option<f64>,
    pub(crate) files: Option<f64>,
    pub(crate) bytes: Option<f64>,
    pub(crate) added: Option<f64>,
    pub(crate) stored: Option<f64>,
}

impl Kept {
    /// Reads what is there. What isn't, or can't be read, begins anew.
    pub(crate) fn read(text: &str) -> Self {
        Self {
            success: sample(text, metrics::LAST_SUCCESS),
            snapshot: sample(text, metrics::LAST_SNAPSHOT),
            files: sample(text, metrics::FILES),
            bytes: sample(text, metrics::BYTES),
            added: sample(text, metrics::ADDED),
            stored: sample(text, metrics::STORED),
        }
    }

    /// Takes in what this run knows better.
    pub(crate) fn update(&mut self, event: &Event, outcome: &Outcome, ended: f64) {
        if outcome.status == Status::Success {
            self.success = Some(ended);
        }
        if event.operation == "backup" && outcome.status.is_finished() {
            self.snapshot = Some(ended);
        }
        if let Some(summary) = &outcome.summary {
            self.files = Some(summary.total_files_processed as f64);
            self.bytes = Some(summary.total_bytes_processed as f64);
            self.added = Some(summary.data_added as f64);
            self.stored = Some(summary.data_added_packed as f64);
        }
    }
}

/// The value of a metric that has one sample. Label values are ours: no line breaks.
fn sample(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')))?;
    let (_, value) = line.rsplit_once("} ")?;
    value.parse().ok().filter(|value: &f64| value.is_finite())
}
