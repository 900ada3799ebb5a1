//! The run in plain text.

use std::fmt::Write as _;
use std::time::Duration;

use bytesize::ByteSize;
use hookward_sdk::{Event, Outcome, Summary};

/// Bytes: what self-hosted servers keep of a body by default.
const MOST: usize = 10_000;

/// What happened, in one line.
pub(crate) fn headline(event: &Event) -> String {
    let Event { operation, host, .. } = event;
    let run = format!("{operation} of {} on {host}", event.profile_name());
    match &event.outcome {
        None => format!("{run} begins"),
        Some(outcome) => {
            let duration = humantime::format_duration(rounded(outcome.duration()));
            let error = outcome.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
            format!("{run}: {} after {duration}{error}", outcome.status)
        }
    }
}

/// Nobody wants the milliseconds of an hour.
fn rounded(duration: Duration) -> Duration {
    if duration < Duration::from_secs(10) { duration } else { Duration::from_secs(duration.as_secs()) }
}

/// The headline and all that helps to find out why, the most important first.
pub(crate) fn whole(event: &Event) -> String {
    let mut text = headline(event);
    if let Some(outcome) = &event.outcome {
        tell(&mut text, outcome);
    }
    text.truncate(text.floor_char_boundary(MOST));
    text
}

fn tell(text: &mut String, outcome: &Outcome) {
    // Writing to a string doesn't fail.
    if let Some(snapshot) = &outcome.snapshot_id {
        let _ = write!(text, "\nsnapshot {}", snapshot.get(..8).unwrap_or(snapshot));
    }
    if let Some(summary) = &outcome.summary {
        let Summary { files_new, files_changed, .. } = summary;
        let (files, bytes) = (summary.total_files_processed, ByteSize(summary.total_bytes_processed));
        let (added, stored) = (ByteSize(summary.data_added), ByteSize(summary.data_added_packed));
        let _ = write!(text, "\n{files} files with {bytes}, of them {files_new} new and {files_changed} changed");
        let _ = write!(text, "\nadded {added}, stored as {stored}");
    }
    if !outcome.stderr_tail.is_empty() && outcome.error.is_some() {
        let _ = write!(text, "\n\nrestic's last words:\n{}", outcome.stderr_tail.trim_end());
    }
    for hook in outcome.failed_hooks() {
        let message = hook.failure.as_ref().map(|failure| failure.message.as_str()).unwrap_or_default();
        let _ = write!(text, "\n\nhook \"{}\" failed in `{}`: {message}", hook.name, hook.kind);
    }
}
