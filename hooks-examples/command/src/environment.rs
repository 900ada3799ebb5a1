//! The event as environment variables.

use bytesize::ByteSize;
use hookward_sdk::{Event, Outcome, Status, Summary};

/// Every variable that the program may get: what the grant's `hook-env` has to name.
pub const NAMES: &[&str] = &[
    "HOOKWARD_EVENT",
    "HOOKWARD_RUN_ID",
    "HOOKWARD_PROFILE",
    "HOOKWARD_OPERATION",
    "HOOKWARD_REPOSITORY",
    "HOOKWARD_DRY_RUN",
    "HOOKWARD_ATTEMPT",
    "HOOKWARD_RECOVERED",
    "HOOKWARD_STATUS",
    "HOOKWARD_EXIT_CODE",
    "HOOKWARD_SNAPSHOT_ID",
    "PROFILE_NAME",
    "PROFILE_COMMAND",
    "ERROR",
    "ERROR_MESSAGE",
    "ERROR_EXIT_CODE",
    "ERROR_STDERR",
    "AUTORESTIC_LOCATION",
    "AUTORESTIC_SNAPSHOT_ID_0",
    "AUTORESTIC_FILES_ADDED_0",
    "AUTORESTIC_FILES_CHANGED_0",
    "AUTORESTIC_FILES_UNMODIFIED_0",
    "AUTORESTIC_DIRS_ADDED_0",
    "AUTORESTIC_DIRS_CHANGED_0",
    "AUTORESTIC_DIRS_UNMODIFIED_0",
    "AUTORESTIC_ADDED_SIZE_0",
    "AUTORESTIC_PROCESSED_FILES_0",
    "AUTORESTIC_PROCESSED_SIZE_0",
    "AUTORESTIC_PROCESSED_DURATION_0",
];

type Variable = (&'static str, String);

/// The variables that have a value in this event.
pub(crate) fn of(event: &Event) -> Vec<Variable> {
    let mut variables = vec![
        ("HOOKWARD_EVENT", event.kind.to_string()),
        ("HOOKWARD_RUN_ID", event.run_id.clone()),
        ("HOOKWARD_OPERATION", event.operation.clone()),
        ("HOOKWARD_REPOSITORY", event.repository.clone()),
        ("HOOKWARD_DRY_RUN", event.dry_run.to_string()),
        ("HOOKWARD_ATTEMPT", event.attempt.to_string()),
        ("HOOKWARD_RECOVERED", event.recovered.to_string()),
        ("PROFILE_COMMAND", event.operation.clone()),
    ];
    if let Some(profile) = &event.profile {
        for name in ["HOOKWARD_PROFILE", "PROFILE_NAME", "AUTORESTIC_LOCATION"] {
            variables.push((name, profile.clone()));
        }
    }
    if let Some(outcome) = &event.outcome {
        of_outcome(outcome, &mut variables);
    }
    for (_, value) in &mut variables {
        // No program's environment can hold one.
        value.retain(|character| character != '\0');
    }
    variables.retain(|(_, value)| !value.is_empty());
    variables
}

fn of_outcome(outcome: &Outcome, variables: &mut Vec<Variable>) {
    variables.push(("HOOKWARD_STATUS", outcome.status.to_string()));
    if let Some(code) = outcome.exit_code {
        variables.push(("HOOKWARD_EXIT_CODE", code.to_string()));
    }
    if let Some(id) = &outcome.snapshot_id {
        variables.push(("HOOKWARD_SNAPSHOT_ID", id.clone()));
        variables.push(("AUTORESTIC_SNAPSHOT_ID_0", id.clone()));
    }
    if let Some(summary) = &outcome.summary {
        of_summary(summary, variables);
    }
    // A script takes the mere presence of these for a failure.
    if matches!(outcome.status, Status::Success | Status::Skipped) {
        return;
    }
    let error = outcome.error.clone().unwrap_or_default();
    variables.push(("ERROR", error.clone()));
    variables.push(("ERROR_MESSAGE", error));
    variables.push(("ERROR_STDERR", outcome.stderr_tail.clone()));
    if let Some(code) = outcome.exit_code.filter(|code| *code != 0) {
        variables.push(("ERROR_EXIT_CODE", code.to_string()));
    }
}

fn of_summary(summary: &Summary, variables: &mut Vec<Variable>) {
    let size = |bytes: u64| ByteSize(bytes).display().iec().to_string();
    variables.extend([
        ("AUTORESTIC_FILES_ADDED_0", summary.files_new.to_string()),
        ("AUTORESTIC_FILES_CHANGED_0", summary.files_changed.to_string()),
        ("AUTORESTIC_FILES_UNMODIFIED_0", summary.files_unmodified.to_string()),
        ("AUTORESTIC_DIRS_ADDED_0", summary.dirs_new.to_string()),
        ("AUTORESTIC_DIRS_CHANGED_0", summary.dirs_changed.to_string()),
        ("AUTORESTIC_DIRS_UNMODIFIED_0", summary.dirs_unmodified.to_string()),
        ("AUTORESTIC_ADDED_SIZE_0", size(summary.data_added)),
        ("AUTORESTIC_PROCESSED_FILES_0", summary.total_files_processed.to_string()),
        ("AUTORESTIC_PROCESSED_SIZE_0", size(summary.total_bytes_processed)),
        ("AUTORESTIC_PROCESSED_DURATION_0", clock(summary.total_duration)),
    ]);
}

/// As restic prints it: `1:05`, `2:00:07`.
fn clock(seconds: f64) -> String {
    // A negative or absurd number becomes the nearest that fits.
    let seconds = seconds as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}
