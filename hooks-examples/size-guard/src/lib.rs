//! Raises an error when a backup is suspiciously small, large or different from the
//! ones before. See the README for its settings.

use hookward_sdk::prelude::*;

mod config;
mod history;
mod limits;
mod shares;

use config::{Choice, Config, NoSummary};
use history::History;

/// The hook: looks at restic's summary after a backup.
#[hook]
pub fn run(event: &Event) -> Result<(), String> {
    let config = Config::read().map_err(|error| error.to_string())?;
    if !matches!(event.kind, EventKind::Success | EventKind::Warning) || event.operation != "backup" {
        control::warn(format!(
            "nothing to look at in `{}` of `{}`: subscribe this hook with on = [\"success\", \"warning\"] to \
             operations = [\"backup\"]",
            event.kind, event.operation
        ));
        return Ok(());
    }
    match event.summary() {
        Some(summary) => judge(event, summary, &config),
        None => without_summary(config.no_summary),
    }
}

fn judge(event: &Event, summary: &Summary, config: &Config) -> Result<(), String> {
    let mut objections = limits::check(summary, config);
    let history = History::read(event, config);
    match &history {
        Ok(history) if history.len() < config.min_runs => {
            info!(runs = history.len(), "too few runs are known to compare this one with");
        }
        Ok(history) => objections.extend(history.check(summary, config, event)),
        Err(_) => {}
    }
    if !objections.is_empty() {
        let snapshot = event.snapshot_id().and_then(|id| id.get(..8)).unwrap_or("of this run");
        let trouble = history.err().map(|trouble| format!("; {trouble}")).unwrap_or_default();
        let message = format!("snapshot {snapshot} is suspicious: {}{trouble}", objections.join("; "));
        return match config.on_suspicion {
            Choice::Fail => Err(message),
            Choice::Warn => {
                control::warn(message);
                Ok(())
            }
        };
    }
    let history = history?;
    if !event.dry_run {
        history.add(event, summary, config.history).map_err(|error| error.to_string())?;
    }
    info!(
        files = summary.total_files_processed,
        bytes = summary.total_bytes_processed,
        added = summary.data_added,
        "the backup is within its bounds"
    );
    Ok(())
}

fn without_summary(choice: NoSummary) -> Result<(), String> {
    let message = "restic gave no summary, so this backup could not be looked at: start it by `hookward run`, or \
                   give restic `--json`";
    match choice {
        NoSummary::Error => Err(format!("{message}; `no-summary = \"warn\"` or `\"ignore\"` lets such runs pass")),
        NoSummary::Warn => {
            control::warn(message);
            Ok(())
        }
        NoSummary::Ignore => Ok(()),
    }
}
