//! The hook, called through the SDK's test door, its files read as Prometheus does.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "in helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use hookward_sdk::testing::{Call, EventBuilder, Report, event, outcome};
use hookward_sdk::{EventKind, HookFailure, HookResult, Outcome, Scope, Status, Summary};
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "../../readme.rs"]
mod readme;

/// The samples of a text: names and labels as they stand, and values. Panics where the
/// rules of the format are broken.
fn parse(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'), "the last line ends");
    let (mut samples, mut seen, mut current) = (BTreeMap::new(), BTreeSet::new(), String::new());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("there is help");
            assert!(!help.is_empty() && !help.contains('\\'), "{line}");
            assert!(seen.insert(name.to_owned()), "{name} has one group");
            assert_eq!(lines.next(), Some(format!("# TYPE {name} gauge").as_str()));
            let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.starts_with("hookward_") && name.chars().all(is_name), "{name}");
            assert!(lines.peek().is_some_and(|line| line.starts_with(&format!("{name}{{"))), "{name} has a sample");
            current = name.to_owned();
            continue;
        }
        let (name, rest) = line.split_once('{').expect("every sample has labels");
        assert_eq!(name, current);
        let rest = labels(rest);
        let value: f64 = rest.strip_prefix(' ').expect("a blank").parse().expect("a number, and no time");
        let key = line.strip_suffix(rest).expect("the labels are before it").to_owned();
        assert!(samples.insert(key, value).is_none(), "{line} comes once");
    }
    samples
}

/// Reads labels up to their `}`; returns what follows.
fn labels(mut rest: &str) -> &str {
    let mut names = BTreeSet::new();
    loop {
        let (name, value) = rest.split_once("=\"").expect("a label");
        assert!(name.chars().all(|c| c.is_ascii_lowercase()) && names.insert(name), "{name}");
        let mut chars = value.char_indices();
        let end = loop {
            match chars.next().expect("the value ends") {
                (_, '\\') => assert!(matches!(chars.next(), Some((_, '\\' | '"' | 'n'))), "{value}"),
                (at, '"') => break at,
                (_, c) => assert_ne!(c, '\n'),
            }
        };
        let after = value.get(end + 1..).expect("a boundary");
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return after.strip_prefix('}').expect("the labels end"),
        }
    }
}

struct Dir(TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("there is a temporary directory"))
    }

    fn run(&self, event: EventBuilder) -> Report {
        Call::new(event).config(json!({"dir": self.0.path()})).run(metrics_textfile::run)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).expect("the file is there")
    }

    /// The samples after an event of profile `db`.
    fn after(&self, event: EventBuilder) -> BTreeMap<String, f64> {
        assert_eq!(self.run(event.profile("db")).error(), None);
        parse(&self.text("hookward_db.prom"))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("the directory is there");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn of(samples: &BTreeMap<String, f64>, name: &str) -> Option<f64> {
    samples.get(&format!("hookward_{name}{{profile=\"db\",operation=\"backup\"}}")).copied()
}

/// An id that knows when its run began, in milliseconds since 1970.
fn run_id(ms: u64) -> String {
    format!("{:08x}-{:04x}-774b-bcce-b302099a8057", ms >> 16, ms & 0xffff)
}

fn summary() -> Summary {
    Summary {
        total_files_processed: 1200,
        total_bytes_processed: 5_000_000_000_000,
        data_added: 300,
        data_added_packed: 200,
        ..Summary::default()
    }
}

#[test]
fn a_success_is_told_in_full() {
    let dir = Dir::new();
    let samples = dir.after(event(EventKind::Finally).run_id(run_id(1_688_000_000_000)).summary(summary()));
    for (name, value) in [
        ("last_run_timestamp_seconds", 1_688_000_001.5),
        ("last_success_timestamp_seconds", 1_688_000_001.5),
        ("last_snapshot_timestamp_seconds", 1_688_000_001.5),
        ("last_run_duration_seconds", 1.5),
        ("last_run_exit_code", 0.0),
        ("snapshot_files", 1200.0),
        ("snapshot_bytes", 5e12),
        ("snapshot_added_bytes", 300.0),
        ("snapshot_stored_bytes", 200.0),
        ("last_run_hook_failures", 0.0),
    ] {
        assert_eq!(of(&samples, name), Some(value), "{name}");
    }
    for status in ["success", "warning", "failure", "cancelled", "skipped"] {
        let key = format!("hookward_last_run_status{{profile=\"db\",operation=\"backup\",status=\"{status}\"}}");
        assert_eq!(samples[&key], f64::from(u8::from(status == "success")), "{status}");
    }
    assert_eq!(samples.len(), 15);
    assert_eq!(dir.names(), ["hookward_db.prom"], "nothing else is left");
}

#[test]
fn a_failure_keeps_what_was_good() {
    let dir = Dir::new();
    dir.after(event(EventKind::Success).run_id(run_id(1_688_000_000_000)).summary(summary()));
    for n in 1..=2 {
        let failed = dir.after(event(EventKind::Failure).run_id(run_id(1_688_000_000_000 + n * 1000)));
        assert_eq!(of(&failed, "last_run_timestamp_seconds"), Some(1_688_000_001.5 + n as f64));
        assert_eq!(of(&failed, "last_success_timestamp_seconds"), Some(1_688_000_001.5));
        assert_eq!(of(&failed, "last_snapshot_timestamp_seconds"), Some(1_688_000_001.5));
        assert_eq!(of(&failed, "snapshot_bytes"), Some(5e12));
        assert_eq!(of(&failed, "last_run_exit_code"), Some(1.0));
    }
    // A snapshot that lacks something is one, and no success.
    let warned = dir.after(event(EventKind::Warning).run_id(run_id(1_688_000_010_000)));
    assert_eq!(of(&warned, "last_success_timestamp_seconds"), Some(1_688_000_001.5));
    assert_eq!(of(&warned, "last_snapshot_timestamp_seconds"), Some(1_688_000_011.5));
}

#[test]
fn before_the_first_success_there_is_none() {
    let dir = Dir::new();
    let skipped = dir.after(event(EventKind::Skipped));
    for name in ["last_success_timestamp_seconds", "last_run_exit_code", "snapshot_files"] {
        assert_eq!(of(&skipped, name), None, "{name}");
    }
    assert!(of(&skipped, "last_run_timestamp_seconds").is_some());
}

#[test]
fn hooks_are_told_once_for_each_event() {
    let call = |name: &str, kind, attempt, failed: bool| HookResult {
        name: name.to_owned(),
        scope: Scope::Profile,
        kind,
        attempt,
        failure: failed.then(|| HookFailure { reason: "error".to_owned(), message: "no".to_owned() }),
        duration_ms: 250,
    };
    let hooks = vec![
        call("db", EventKind::Before, 1, true),
        call("db", EventKind::Before, 2, false),
        call("db", EventKind::Finally, 1, true),
        call("guard", EventKind::Success, 1, true),
    ];
    let samples = Dir::new().after(event(EventKind::Finally).outcome(Outcome { hooks, ..outcome(Status::Success) }));
    let hook = |what: &str, name: &str, kind: &str| {
        samples[&format!(
            "hookward_last_run_hook_{what}{{profile=\"db\",operation=\"backup\",hook=\"{name}\",scope=\"profile\",\
             event=\"{kind}\"}}"
        )]
    };
    assert_eq!(hook("failed", "db", "before"), 0.0);
    assert_eq!(hook("duration_seconds", "db", "before"), 0.5);
    assert_eq!(hook("failed", "db", "finally"), 1.0);
    assert_eq!(hook("failed", "guard", "success"), 1.0);
    assert_eq!(of(&samples, "last_run_hook_failures"), Some(2.0));
}

#[test]
fn odd_names_are_escaped() {
    let dir = Dir::new();
    let odd = event(EventKind::Success).hook("a \"b\" \\ c\nd} 7", EventKind::Before, None);
    let key = "hookward_last_run_hook_failed{profile=\"db\",operation=\"backup\",hook=\"a \\\"b\\\" \\\\ c\\nd} 7\",\
               scope=\"profile\",event=\"before\"}";
    assert_eq!(dir.after(odd.clone()).get(key), Some(&0.0));
    // And don't confuse what is read back.
    assert_eq!(dir.after(odd)[key], 0.0);
}

#[test]
fn a_call_that_is_repeated_writes_the_same() {
    let dir = Dir::new();
    let first = dir.after(event(EventKind::Finally).summary(summary()));
    let again = dir.after(event(EventKind::Finally).summary(summary()).attempt(2).recovered(true));
    assert_eq!(first, again);
}

#[test]
fn without_a_time_in_the_id_the_clock_is_read() {
    let samples = Dir::new().after(event(EventKind::Success).run_id("by-hand"));
    assert!(of(&samples, "last_run_timestamp_seconds").is_some_and(|time| time > 1_700_000_000.0));
}

#[test]
fn profiles_and_operations_have_files_of_their_own() {
    let dir = Dir::new();
    for event in [
        event(EventKind::Success).profile("a.b"),
        event(EventKind::Success).profile("a.b").operation("forget"),
        event(EventKind::Success).no_profile(),
    ] {
        assert!(dir.run(event).is_ok());
    }
    assert_eq!(dir.names(), ["hookward.prom", "hookward_a.b.prom", "hookward_a.b@forget.prom"]);
    let forget = parse(&dir.text("hookward_a.b@forget.prom"));
    assert!(forget.contains_key("hookward_last_success_timestamp_seconds{profile=\"a.b\",operation=\"forget\"}"));
    assert!(!forget.keys().any(|key| key.starts_with("hookward_last_snapshot")), "{forget:?}");
}

#[test]
fn a_file_that_cannot_be_understood_is_written_anew() {
    let dir = Dir::new();
    let text = "hookward_last_success_timestamp_seconds{} NaN\nhookward_snapshot_files\nhookward_snapshot_bytes{} x\n";
    fs::write(dir.0.path().join("hookward_db.prom"), text).unwrap();
    let samples = dir.after(event(EventKind::Failure));
    for name in ["last_success_timestamp_seconds", "snapshot_files", "snapshot_bytes"] {
        assert_eq!(of(&samples, name), None, "{name}");
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let dir = Dir::new();
    assert!(dir.run(event(EventKind::Finally).dry_run(true)).is_ok());
    assert!(dir.names().is_empty());
}

#[test]
fn before_the_run_there_is_nothing_to_tell() {
    let dir = Dir::new();
    let report = dir.run(event(EventKind::Before));
    assert!(report.is_ok() && dir.names().is_empty());
    assert_eq!(report.warnings, ["there is nothing to write in `before`: subscribe this hook with on = [\"finally\"]"]);
}

#[test]
fn what_is_wrong_is_told() {
    let error = |config: Value| {
        let report = Call::new(event(EventKind::Finally)).config(config).run(metrics_textfile::run);
        report.error().map(str::to_owned)
    };
    for (config, expected) in [
        (
            json!({"dir": "metrics"}),
            "config key `dir`: has to be an absolute path: the `guest` of the hook's `dirs` grant",
        ),
        (json!({"prefix": "../x"}), "config key `prefix`: has to be the begin of a file's name"),
        (json!({"prefix": ""}), "config key `prefix`: has to be the begin of a file's name"),
        (json!({"path": "/x"}), "config key `path` is not known, the known ones are `dir`, `prefix`"),
    ] {
        assert_eq!(error(config).as_deref(), Some(expected));
    }
    let dir = Dir::new();
    let missing = error(json!({"dir": dir.0.path().join("missing")})).unwrap();
    assert!(missing.contains("hookward_test.prom can't be written: "), "{missing}");
    assert!(missing.ends_with("does the hook's `dirs` grant show its directory, with `write = true`?"), "{missing}");
}

#[test]
fn the_readme_configures_this_hook() {
    let page = include_str!("../README.md");
    for hook in readme::hooks(page) {
        assert_eq!(hook["component"], json!("metrics-textfile.wasm"));
        assert_eq!(hook["grants"]["dirs"][0]["guest"], json!("/metrics"));
    }
    // Its table has every metric that there is.
    let samples = Dir::new().after(event(EventKind::Finally).summary(summary()).hook("x", EventKind::Before, None));
    for name in samples.keys().filter_map(|key| key.split('{').next()) {
        assert!(page.contains(&format!("| `{name}")) || page.contains(&format!("`, `{name}`")), "{name}");
    }
}
