//! Writes the metrics of a backup for the textfile collector of the Prometheus node
//! exporter. See the README for its settings.

use std::time::{Duration, SystemTime};

use hookward_sdk::prelude::*;

mod config;
mod file;
mod kept;
mod metrics;
mod text;

use config::Config;
use file::File;
use kept::Kept;

/// The hook: writes the file anew.
#[hook]
pub fn run(event: &Event) -> Result<(), String> {
    let config = Config::read().map_err(|error| error.to_string())?;
    let Some(outcome) = &event.outcome else {
        control::warn(format!(
            "there is nothing to write in `{}`: subscribe this hook with on = [\"finally\"]",
            event.kind
        ));
        return Ok(());
    };
    if event.dry_run {
        info!("nothing is written in a dry run");
        return Ok(());
    }
    let file = File::new(&config, event);
    let kept = Kept::read(&file.read()?);
    let ended = ended(event, outcome);
    file.write(&metrics::tell(event, outcome, ended, kept).to_string())?;
    info!(file = file, "wrote the metrics");
    Ok(())
}

/// When the run ended, since 1970. Its id knows when it began, so this stays the same
/// in a call that is repeated, and in one that was owed for hours.
fn ended(event: &Event, outcome: &Outcome) -> Duration {
    let ended =
        event.started_at().and_then(|began| began.checked_add(outcome.duration())).unwrap_or_else(SystemTime::now);
    ended.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
