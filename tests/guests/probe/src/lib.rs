//! A hook for tests of whole runs: notes every call in a journal, and fails, skips,
//! warns, panics, spins or takes its time where its settings say so.

#![allow(clippy::panic, reason = "part of the tests")]

mod dump;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hookward_sdk::prelude::*;
use serde::Deserialize;

/// Event kinds are written as in the contract: `["before", "finally"]`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Config {
    /// What the hook is called in the journal and in its messages.
    #[serde(default = "default_name")]
    name: String,
    /// Guest path of the file that gets a line for each call.
    journal: Option<String>,
    /// Guest path of the file that gets the event as JSON; `{kind}` in it becomes the
    /// event's kind.
    dump: Option<String>,
    /// Events that fail.
    #[serde(default)]
    fail_on: Vec<String>,
    /// Events that panic.
    #[serde(default)]
    panic_on: Vec<String>,
    /// Events that compute without end.
    #[serde(default)]
    spin_on: Vec<String>,
    /// How many attempts of an event in `fail-on`, `panic-on` or `spin-on` do so, and
    /// of one with `sleep` take their time; none: all.
    fail_attempts: Option<u32>,
    /// The error of those events.
    #[serde(default = "default_error")]
    error: String,
    /// Events that ask for the run to be skipped.
    #[serde(default)]
    skip_on: Vec<String>,
    /// Events that warn.
    #[serde(default)]
    warn_on: Vec<String>,
    /// Milliseconds to wait, by event.
    #[serde(default)]
    sleep: BTreeMap<String, u64>,
    /// Guest path of a file to wait for, by event.
    #[serde(default)]
    until: BTreeMap<String, String>,
    /// A message for the log.
    log: Option<String>,
    /// Whether the journal's line says which call of this instance it is.
    #[serde(default)]
    count: bool,
    /// Whether the journal says which run it is, and gets a line at the call's end too.
    #[serde(default)]
    ends: bool,
    /// Whether it says which run it is.
    #[serde(default)]
    id: bool,
}

/// Calls of this instance.
static CALLS: AtomicU32 = AtomicU32::new(0);

fn default_name() -> String {
    "probe".to_owned()
}

fn default_error() -> String {
    "told to fail".to_owned()
}

/// Does what the settings say. The journal comes first: a call that is cut off
/// has been noted.
#[hook]
pub fn run(event: &Event) -> Result<(), Box<dyn std::error::Error>> {
    let config: Config = config()?;
    let kind = event.kind.as_str();
    let named = |kinds: &[String]| kinds.iter().any(|name| name == kind);
    let in_attempt = config.fail_attempts.is_none_or(|attempts| event.attempt <= attempts);
    let call = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    if let Some(path) = &config.journal {
        let mut line = line(&config.name, event);
        if config.count {
            line += &format!(" call={call}");
        }
        if config.ends || config.id {
            line += &format!(" run={}", event.run_id);
        }
        note(path, &line)?;
    }
    if let Some(path) = &config.dump {
        fs::write(path.replace("{kind}", kind), dump::event(event).to_string())?;
    }
    if let Some(message) = &config.log {
        info!("{message}");
    }
    if let Some(&millis) = config.sleep.get(kind).filter(|_| in_attempt) {
        std::thread::sleep(Duration::from_millis(millis));
    }
    while config.until.get(kind).is_some_and(|path| !Path::new(path).exists()) {
        std::thread::sleep(Duration::from_millis(10));
    }
    if named(&config.warn_on) {
        control::warn(format!("{} warns of {kind}", config.name));
    }
    if named(&config.skip_on) {
        control::skip(format!("{} skips {kind}", config.name));
    }
    if named(&config.panic_on) && in_attempt {
        panic!("{} panics in {kind}", config.name);
    }
    while named(&config.spin_on) && in_attempt {
        std::hint::black_box(call);
    }
    let fails = named(&config.fail_on) && in_attempt;
    if let Some(path) = config.journal.as_ref().filter(|_| config.ends) {
        let end = if fails { "failed" } else { "ok" };
        note(path, &format!("ended {} {kind} attempt={} run={} {end}", config.name, event.attempt, event.run_id))?;
    }
    if fails { Err(config.error.into()) } else { Ok(()) }
}

/// `NAME KIND attempt=N`, then what is known of the outcome, then the flags.
fn line(name: &str, event: &Event) -> String {
    let mut line = format!("{name} {} attempt={}", event.kind, event.attempt);
    if let Some(outcome) = &event.outcome {
        line += &format!(" status={}", outcome.status);
        if let Some(code) = outcome.exit_code {
            line += &format!(" exit={code}");
        }
        if let Some(id) = &outcome.snapshot_id {
            line += &format!(" snapshot={id}");
        }
        line += &format!(" hooks={}", outcome.hooks.len());
    }
    if event.dry_run {
        line += " dry-run";
    }
    if event.recovered {
        line += " recovered";
    }
    line
}

/// Appends in one write, so that lines of hooks that run at once stay whole.
fn note(path: &str, line: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(format!("{line}\n").as_bytes())
}
