//! Stops containers for the time of a backup, or pauses them. See the README for its
//! settings.

use std::thread;
use std::time::{Duration, Instant};

use hookward_sdk::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod config;
mod container;
mod engine;

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

/// The containers that a run has taken down.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    run: String,
    containers: Vec<String>,
}

const RECORD: &str = "down";

fn before(event: &Event, config: &Config) -> Result<(), String> {
    let names = engine::names(config)?;
    if let (Some(label), []) = (&config.label, names.as_slice()) {
        control::warn(format!("no container has the label `{label}`: nothing is taken down"));
    }
    let mut containers = Vec::new();
    for name in names {
        let container = engine::inspect(config, &name)?;
        if let Some(problem) = container.problem(config.action) {
            return Err(format!("{name}: {problem}"));
        }
        // What an earlier attempt has taken down before it failed is ours too.
        let is_left_over = event.attempt > 1 && container.may_be_ours(config.action, began(event));
        if container.is_running() || is_left_over {
            containers.push(name);
        } else {
            info!(container = name, "left alone: it is {container}");
        }
    }
    if event.dry_run {
        info!("a dry run: else this would {} {}", config.action.down(), list(&containers));
        return Ok(());
    }
    // First, so that nothing is ever down without a record that will be kept.
    let record = Record { run: event.run_id.clone(), containers };
    state::set(RECORD, &record).map_err(|error| error.to_string())?;
    for name in &record.containers {
        engine::down(config, name)?;
        info!(container = name, "{}: done", config.action.down());
    }
    Ok(())
}

fn finally(event: &Event, config: &Config) -> Result<(), String> {
    if event.dry_run {
        info!("a dry run: nothing was taken down");
        return Ok(());
    }
    let mut failed = Vec::new();
    let containers = recorded(event).unwrap_or_else(|| {
        let names = engine::names(config).unwrap_or_else(|problem| {
            failed.push(problem);
            config.containers.clone()
        });
        left_down(event, config, &names)
    });
    for name in containers.iter().rev() {
        match engine::up(config, name) {
            Ok(()) => info!(container = name, "{}: done", config.action.up()),
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
    Err(format!("{}; look at `docker logs NAME`", failed.join("; ")))
}

/// The containers that this run's `before` has recorded. A call that failed or was
/// cut off leaves no record.
fn recorded(event: &Event) -> Option<Vec<String>> {
    match state::get::<Record>(RECORD) {
        Ok(record) => record.filter(|record| record.run == event.run_id).map(|record| record.containers),
        Err(error) => {
            warn!("the record of `before` can't be read: {error}");
            None
        }
    }
}

/// Without a record: the containers that went down since the run began.
fn left_down(event: &Event, config: &Config, names: &[String]) -> Vec<String> {
    // Of one that can't be looked at its start says why.
    let is_left_down = |name: &&String| {
        engine::inspect(config, name).map_or(true, |container| container.may_be_ours(config.action, began(event)))
    };
    // The engine goes on with a stop when the one who asked for it is gone, and shows
    // nothing of it: until its time is over a container that runs may yet go down.
    let settled = match config.action {
        Action::Stop => config.timeout + config.wait.min(SLACK),
        Action::Pause => Duration::ZERO,
    };
    let begin = Instant::now();
    loop {
        let left: Vec<String> = names.iter().filter(is_left_down).cloned().collect();
        if left.len() == names.len() || begin.elapsed() >= settled {
            return left;
        }
        thread::sleep(engine::PAUSE.min(settled));
    }
}

/// What a container may take to end once it is killed.
const SLACK: Duration = Duration::from_secs(2);

/// When the run began. Unknown is long ago.
fn began(event: &Event) -> Timestamp {
    event.started_at().and_then(|time| Timestamp::try_from(time).ok()).unwrap_or(Timestamp::MIN)
}

fn list(containers: &[String]) -> String {
    if containers.is_empty() { "nothing".to_owned() } else { containers.join(", ") }
}
