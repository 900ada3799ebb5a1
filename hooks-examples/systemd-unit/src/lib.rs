//! Stops systemd units for the time of a backup, or freezes them. See the README for
//! its settings.

use hookward_sdk::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod config;
mod systemd;
mod unit;

use config::{Action, Config};

/// The hook: down in `before`, up again in `finally`.
#[hook]
pub fn run(event: &Event) -> Result<(), String> {
    let config = Config::read().map_err(|error| error.to_string())?;
    match event.kind {
        EventKind::Before => before(event, &config),
        EventKind::Finally => finally(event, &config),
        other => {
            control::warn(format!(
                "nothing to do in `{other}`: subscribe this hook with on = [\"before\", \"finally\"]"
            ));
            Ok(())
        }
    }
}

/// The units that a run has taken down.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    run: String,
    units: Vec<String>,
}

const RECORD: &str = "down";

fn before(event: &Event, config: &Config) -> Result<(), String> {
    let mut units = Vec::new();
    for unit in &config.units {
        let shown = systemd::show(config, unit)?;
        if let Some(problem) = shown.problem(config.action) {
            return Err(format!("{unit}: {problem}"));
        }
        // What an earlier attempt has taken down before it failed is ours too.
        let is_left_over = event.attempt > 1 && shown.may_be_ours(config.action, began(event));
        if shown.is_running(config.action) || is_left_over {
            units.push(unit.clone());
        } else {
            info!(unit = unit, "left alone: it is {shown}");
        }
    }
    if event.dry_run {
        info!("a dry run: else this would {} {}", config.action.down(), list(&units));
        return Ok(());
    }
    // First, so that nothing is ever down without a record that will be kept.
    let record = Record { run: event.run_id.clone(), units };
    state::set(RECORD, &record).map_err(|error| error.to_string())?;
    for unit in &record.units {
        systemd::down(config, unit)?;
        info!(unit = unit, "{}: done", config.action.down());
    }
    stay_down(config, &record.units)
}

/// A socket, a timer or a restart may have brought back what was stopped first.
fn stay_down(config: &Config, units: &[String]) -> Result<(), String> {
    for unit in units {
        let shown = systemd::show(config, unit)?;
        if config.action == Action::Stop && shown.is_running(config.action) {
            return Err(format!(
                "{unit} came up again, it is {shown}: what starts it, such as its socket, has to stand before it in \
                 `units`"
            ));
        }
    }
    Ok(())
}

fn finally(event: &Event, config: &Config) -> Result<(), String> {
    if event.dry_run {
        info!("a dry run: nothing was taken down");
        return Ok(());
    }
    let units = recorded(event).unwrap_or_else(|| left_down(event, config));
    let mut failed = Vec::new();
    for unit in units.iter().rev() {
        match systemd::up(config, unit) {
            Ok(()) => info!(unit = unit, "{}: done", config.action.up()),
            Err(problem) => failed.push(problem),
        }
    }
    if failed.is_empty() {
        // A record that can't be removed is harmless: no other run takes it for its own.
        if let Err(error) = state::delete(RECORD) {
            warn!("{error}");
        }
        return Ok(());
    }
    Err(format!("{}; look at `journalctl -u UNIT`", failed.join("; ")))
}

/// The units that this run's `before` has recorded. A call that failed or was cut
/// off leaves no record.
fn recorded(event: &Event) -> Option<Vec<String>> {
    match state::get::<Record>(RECORD) {
        Ok(record) => record.filter(|record| record.run == event.run_id).map(|record| record.units),
        Err(error) => {
            warn!("the record of `before` can't be read: {error}");
            None
        }
    }
}

/// Without a record: the units that went down since the run began, and those of
/// which nobody knows.
fn left_down(event: &Event, config: &Config) -> Vec<String> {
    let is_left_down = |unit: &&String| match systemd::show(config, unit) {
        Ok(shown) if shown.may_be_ours(config.action, began(event)) => {
            if config.action == Action::Stop && !shown.has_trace() {
                control::warn(format!(
                    "{unit} is down, and nothing says whether this run has stopped it: it is started"
                ));
            }
            true
        }
        Ok(shown) => {
            info!(unit = unit, "left alone: it is {shown}");
            false
        }
        // Its start says why.
        Err(_) => true,
    };
    config.units.iter().filter(is_left_down).cloned().collect()
}

/// When the run began, in whole seconds as systemd tells times. Unknown is long ago.
fn began(event: &Event) -> Timestamp {
    event
        .started_at()
        .and_then(|time| Timestamp::try_from(time).ok())
        .and_then(|time| Timestamp::from_second(time.as_second()).ok())
        .unwrap_or(Timestamp::MIN)
}

fn list(units: &[String]) -> String {
    if units.is_empty() { "nothing".to_owned() } else { units.join(", ") }
}
