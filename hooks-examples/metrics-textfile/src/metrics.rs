//! What is told of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use hookward_sdk::{Event, Outcome, Status};

use crate::kept::Kept;
use crate::text::{Labels, Text};

pub(crate) const LAST_SUCCESS: &str = "hookward_last_success_timestamp_seconds";
pub(crate) const LAST_SNAPSHOT: &str = "hookward_last_snapshot_timestamp_seconds";
pub(crate) const FILES: &str = "hookward_snapshot_files";
pub(crate) const BYTES: &str = "hookward_snapshot_bytes";
pub(crate) const ADDED: &str = "hookward_snapshot_added_bytes";
pub(crate) const STORED: &str = "hookward_snapshot_stored_bytes";

const STATUSES: [Status; 5] = [Status::Success, Status::Warning, Status::Failure, Status::Cancelled, Status::Skipped];

/// The calls of one hook for one event.
#[derive(Default)]
struct Calls {
    has_failed: bool,
    duration: Duration,
}

pub(crate) fn tell(event: &Event, outcome: &Outcome, ended: Duration, mut kept: Kept) -> Text {
    let ended = ended.as_secs_f64();
    kept.update(event, outcome, ended);
    let mut text = Text::default();
    let run: Labels<'_> = vec![("profile", event.profile_name()), ("operation", &event.operation)];
    let mut tell = |name, help, value: Option<f64>| text.gauge(name, help, value.map(|value| (run.clone(), value)));
    tell("hookward_last_run_timestamp_seconds", "When the last run ended, since 1970.", Some(ended));
    tell(LAST_SUCCESS, "When a run last ended with success, since 1970.", kept.success);
    tell(LAST_SNAPSHOT, "When a run last made a snapshot, complete or not, since 1970.", kept.snapshot);
    let duration = outcome.duration().as_secs_f64();
    tell("hookward_last_run_duration_seconds", "How long the last run took.", Some(duration));
    let code = outcome.exit_code.map(f64::from);
    tell("hookward_last_run_exit_code", "restic's exit code in the last run, when it had one.", code);
    tell(FILES, "Files in the last snapshot.", kept.files);
    tell(BYTES, "Bytes in the files of the last snapshot.", kept.bytes);
    tell(ADDED, "Bytes that the last snapshot added to the repository, before compression.", kept.added);
    tell(STORED, "Bytes that the last snapshot added to the repository, as stored.", kept.stored);
    let statuses = STATUSES.map(|status| {
        let mut labels = run.clone();
        labels.push(("status", status.as_str()));
        (labels, truth(status == outcome.status))
    });
    text.gauge("hookward_last_run_status", "1 for the status of the last run, 0 for the others.", statuses);
    hooks(&mut text, outcome, &run);
    text
}

fn hooks<'a>(text: &mut Text, outcome: &'a Outcome, run: &Labels<'a>) {
    let calls = calls(outcome);
    let labels = |hook: &(&'a str, &'static str, &'static str)| {
        let mut labels = run.clone();
        labels.extend([("hook", hook.0), ("scope", hook.1), ("event", hook.2)]);
        labels
    };
    text.gauge(
        "hookward_last_run_hook_failed",
        "1 when the last attempt of the hook failed for this event in the last run.",
        calls.iter().map(|(hook, calls)| (labels(hook), truth(calls.has_failed))),
    );
    text.gauge(
        "hookward_last_run_hook_duration_seconds",
        "How long the hook took for this event in the last run, all its attempts together.",
        calls.iter().map(|(hook, calls)| (labels(hook), calls.duration.as_secs_f64())),
    );
    let failures = calls.values().filter(|calls| calls.has_failed).count();
    text.gauge(
        "hookward_last_run_hook_failures",
        "How many hooks failed in the last run, counted for each event.",
        [(run.clone(), failures as f64)],
    );
}

/// One of each, for no two samples may have the same labels.
fn calls(outcome: &Outcome) -> BTreeMap<(&str, &'static str, &'static str), Calls> {
    let mut all: BTreeMap<_, Calls> = BTreeMap::new();
    for hook in &outcome.hooks {
        let calls = all.entry((hook.name.as_str(), hook.scope.as_str(), hook.kind.as_str())).or_default();
        // The last attempt counts.
        calls.has_failed = hook.failure.is_some();
        calls.duration += hook.duration();
    }
    all
}

fn truth(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}
