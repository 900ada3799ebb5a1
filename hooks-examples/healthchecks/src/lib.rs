//! Tells healthchecks.io, a server of its kind, or Uptime Kuma how backups go. See the
//! README for its settings.

use hookward_sdk::prelude::*;

mod config;
mod ping;
mod report;
mod signal;

use config::Config;
use signal::Signal;

/// The hook: one ping for each event.
#[hook]
pub fn run(event: &Event) -> Result<(), String> {
    let config = Config::read().map_err(|error| error.to_string())?;
    if event.dry_run && !config.dry_run {
        info!("nothing is pinged in a dry run, unless `dry-run = true`");
        return Ok(());
    }
    let Some(signal) = Signal::of(event, &config) else {
        info!("nothing is pinged for `{}`", event.kind);
        return Ok(());
    };
    if ping::send(event, signal, &config)? {
        info!("pinged: {}", signal.name());
    }
    Ok(())
}
