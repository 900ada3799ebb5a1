//! Raises an error when a backup is suspiciously small, large or different from the
//! last one. See the README for its settings.

use hookward_sdk::prelude::*;

mod baseline;
mod config;
mod limits;

use baseline::Store;
use config::{Config, NoSummary};

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
    let mut troubles = Vec::new();
    if let Some(path) = &config.baseline {
        let store = Store::new(path, event);
        match store.read() {
            Ok(Some(baseline)) => objections.extend(baseline.check(summary, config, &store)),
            Ok(None) => info!("no baseline yet in {store}: this run is the first"),
            Err(trouble) => troubles.push(trouble),
        }
        let is_accepted = objections.is_empty() || config.replace_after_objection;
        // What couldn't be understood isn't written over.
        if is_accepted && troubles.is_empty() && !event.dry_run {
            troubles.extend(store.write(summary).err());
        }
    }
    if !objections.is_empty() {
        let snapshot = event.snapshot_id().and_then(|id| id.get(..8)).unwrap_or("of this run");
        troubles.insert(0, format!("snapshot {snapshot} is suspicious: {}", objections.join("; ")));
    }
    if troubles.is_empty() {
        info!(
            files = summary.total_files_processed,
            bytes = summary.total_bytes_processed,
            added = summary.data_added,
            "the backup is within its bounds"
        );
        return Ok(());
    }
    Err(troubles.join("; "))
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
