//! The hook, called through the SDK's test door with made-up summaries.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "in helpers of tests")]

use std::fs;
use std::path::PathBuf;

use hookward_sdk::testing::{Call, EventBuilder, Report, event};
use hookward_sdk::{EventKind, Summary};
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "../../readme.rs"]
mod readme;

const MIB: u64 = 1024 * 1024;

fn summary(files: u64, bytes: u64) -> Summary {
    Summary { total_files_processed: files, total_bytes_processed: bytes, ..Summary::default() }
}

fn after(files: u64, bytes: u64) -> EventBuilder {
    event(EventKind::Success).profile("db").summary(summary(files, bytes))
}

fn run(event: EventBuilder, config: &Value) -> Report {
    Call::new(event).config(config).run(summary_guard::run)
}

fn error(event: EventBuilder, config: &Value) -> Option<String> {
    run(event, config).error().map(str::to_owned)
}

/// A directory for the state, and settings that compare.
struct State {
    dir: TempDir,
    config: Value,
}

impl State {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("there is a temporary directory");
        let config = json!({"baseline": dir.path().join("db.json"), "max-shrink": "20%", "max-growth": "50%"});
        Self { dir, config }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("db.json")
    }

    /// The number of files in the baseline.
    fn files(&self) -> Option<u64> {
        let text = fs::read(self.file()).ok()?;
        let value: Value = serde_json::from_slice(&text).expect("the baseline is JSON");
        value["files"].as_u64()
    }

    /// The error with the directory's name taken out.
    fn told(&self, event: EventBuilder) -> String {
        let error = error(event, &self.config).expect("there is an error");
        error.replace(&self.dir.path().display().to_string(), "DIR")
    }
}

#[test]
fn a_snapshot_without_files_is_suspicious() {
    let config = json!({});
    assert_eq!(
        error(after(0, 0), &config).as_deref(),
        Some(
            "snapshot 4f3c7a1e is suspicious: it has no files: look at the sources of the profile, and whether they \
             are mounted"
        )
    );
    assert_eq!(error(after(1, 0), &config), None);
    assert_eq!(error(after(0, 0), &json!({"min-files": 0})), None);
}

#[test]
fn every_bound_is_held_and_all_are_told_at_once() {
    let low = json!({"min-files": 10, "min-bytes": "1MiB"});
    assert_eq!(error(after(10, MIB), &low), None);
    assert_eq!(
        error(after(9, MIB - 1), &low).as_deref(),
        Some(
            "snapshot 4f3c7a1e is suspicious: it has 9 files, fewer than the 10 of `min-files`; it holds 1024.0 KiB, \
             less than the 1.0 MiB of `min-bytes`"
        )
    );
    let high = json!({"max-files": 10, "max-bytes": MIB, "max-new-bytes": "1 KiB"});
    let with =
        |files, bytes, data_added| event(EventKind::Success).summary(Summary { data_added, ..summary(files, bytes) });
    assert_eq!(error(with(10, MIB, 1024), &high), None);
    assert_eq!(
        error(with(11, 2 * MIB, 2048), &high).as_deref(),
        Some(
            "snapshot 4f3c7a1e is suspicious: it has 11 files, more than the 10 of `max-files`; it holds 2.0 MiB, \
             more than the 1.0 MiB of `max-bytes`; it added 2.0 KiB to the repository, more than the 1.0 KiB of \
             `max-new-bytes`"
        )
    );
}

#[test]
fn the_first_run_only_records() {
    let state = State::new();
    let report = run(after(1000, MIB), &state.config);
    assert!(report.is_ok());
    assert!(report.logged("this run is the first"));
    assert_eq!(state.files(), Some(1000));
    assert_eq!(fs::read_dir(state.dir.path()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn changes_within_bounds_move_the_baseline() {
    let state = State::new();
    for files in [1000, 800, 1200, 1800] {
        assert_eq!(error(after(files, MIB), &state.config), None);
        assert_eq!(state.files(), Some(files));
    }
}

#[test]
fn a_run_that_shrank_is_suspicious_and_sets_no_bounds() {
    let state = State::new();
    run(after(1000, 100 * MIB), &state.config);
    let expected = "snapshot 4f3c7a1e is suspicious: its number of files fell by 20.1% from 1000 to 799, and \
                    `max-shrink` allows 20%; its size fell by 50.0% from 100.0 MiB to 50.0 MiB, and `max-shrink` \
                    allows 20%; if that is right, remove DIR/db.json and the next run sets new bounds";
    // The second time as the first.
    for _ in 0..2 {
        assert_eq!(state.told(after(799, 50 * MIB)), expected);
        assert_eq!(state.files(), Some(1000));
    }
}

#[test]
fn a_run_that_grew_is_suspicious() {
    let state = State::new();
    run(after(1000, MIB), &state.config);
    assert_eq!(
        state.told(after(1501, MIB)),
        "snapshot 4f3c7a1e is suspicious: its number of files rose by 50.1% from 1000 to 1501, and `max-growth` allows \
         50%; if that is right, remove DIR/db.json and the next run sets new bounds"
    );
}

#[test]
fn an_objection_by_any_bound_keeps_the_baseline() {
    let mut state = State::new();
    run(after(1000, MIB), &state.config);
    state.config["max-files"] = json!(1000);
    assert!(error(after(1001, MIB), &state.config).is_some());
    assert_eq!(state.files(), Some(1000));
}

#[test]
fn the_baseline_may_follow_every_run() {
    let mut state = State::new();
    state.config["replace-after-objection"] = json!(true);
    run(after(1000, MIB), &state.config);
    let message = state.told(after(100, MIB));
    assert!(message.ends_with("`max-shrink` allows 20%"), "{message}");
    assert_eq!(state.files(), Some(100));
    assert_eq!(error(after(100, MIB), &state.config), None);
}

#[test]
fn a_dry_run_is_looked_at_and_not_recorded() {
    let state = State::new();
    assert_eq!(error(after(1000, MIB).dry_run(true), &state.config), None);
    assert_eq!(state.files(), None);
    run(after(1000, MIB), &state.config);
    assert!(error(after(100, MIB).dry_run(true), &state.config).is_some());
    assert_eq!(error(after(900, MIB).dry_run(true), &state.config), None);
    assert_eq!(state.files(), Some(1000));
}

#[test]
fn a_baseline_that_cannot_be_understood_is_left_alone() {
    let mut state = State::new();
    state.config["replace-after-objection"] = json!(true);
    fs::write(state.file(), "{").unwrap();
    let message = state.told(after(1000, MIB));
    assert!(message.starts_with("the baseline DIR/db.json is damaged, remove it to start afresh: "), "{message}");
    assert_eq!(fs::read_to_string(state.file()).unwrap(), "{");
}

#[test]
fn a_baseline_of_another_profile_is_left_alone() {
    let state = State::new();
    run(after(1000, MIB), &state.config);
    assert_eq!(
        state.told(after(1000, MIB).profile("web")),
        "the baseline DIR/db.json is that of profile db, and this is web: give each profile a file of its own"
    );
}

#[test]
fn trouble_with_the_baseline_hides_no_objection() {
    let state = State::new();
    fs::write(state.file(), "{").unwrap();
    let message = state.told(after(0, 0));
    assert!(message.starts_with("snapshot 4f3c7a1e is suspicious: it has no files: "), "{message}");
    assert!(message.contains("; the baseline DIR/db.json is damaged"), "{message}");
}

#[test]
fn a_directory_that_is_not_granted_is_told() {
    let mut state = State::new();
    state.config["baseline"] = json!(state.dir.path().join("missing/db.json"));
    let message = state.told(after(1000, MIB));
    assert!(message.starts_with("the baseline DIR/missing/db.json can't be written: "), "{message}");
    assert!(message.ends_with("does the hook's `dirs` grant show its directory, with `write = true`?"), "{message}");
}

#[test]
fn a_run_with_warnings_is_looked_at_too() {
    let warned = event(EventKind::Warning).summary(summary(0, 0));
    assert!(error(warned, &json!({})).is_some());
}

#[test]
fn without_a_summary_the_settings_decide() {
    let silent = || event(EventKind::Success);
    assert_eq!(
        error(silent(), &json!({})).as_deref(),
        Some(
            "restic gave no summary, so this backup could not be looked at: start it by `hookward run`, or give \
             restic `--json`; `no-summary = \"warn\"` or `\"ignore\"` lets such runs pass"
        )
    );
    let warned = run(silent(), &json!({"no-summary": "warn"}));
    assert!(warned.is_ok());
    assert!(warned.warnings[0].starts_with("restic gave no summary"));
    let ignored = run(silent(), &json!({"no-summary": "ignore"}));
    assert!(ignored.is_ok());
    assert!(ignored.warnings.is_empty());
}

#[test]
fn elsewhere_there_is_nothing_to_look_at() {
    for misplaced in [
        event(EventKind::Before),
        event(EventKind::Failure),
        event(EventKind::Finally).summary(summary(0, 0)),
        event(EventKind::Success).operation("prune"),
    ] {
        let report = run(misplaced, &json!({}));
        assert!(report.is_ok());
        assert!(report.warnings[0].starts_with("nothing to look at in `"), "{:?}", report.warnings);
    }
}

#[test]
fn settings_that_make_no_sense_are_told() {
    for (config, expected) in [
        (
            json!({"max-shrink": "20%"}),
            "config key `baseline`: name a file, such as \"/state/db.json\": `max-shrink` and `max-growth` compare \
             with the run before",
        ),
        (json!({"baseline": "db.json"}), "config key `baseline`: has to be an absolute path"),
        (json!({"max-growth": "half"}), "config key `max-growth`: `half` is no share: write it as `20%`"),
        (json!({"max-growth": 20}), "config key `max-growth`: `20` is no share: write it as `20%`"),
        (json!({"max-growth": "-1%"}), "config key `max-growth`: `-1%` is no share: write it as `20%`"),
        (json!({"baseline": "/b", "max-shrink": "101%"}), "config key `max-shrink`: nothing shrinks by more than 100%"),
        (
            json!({"no-summary": "panic"}),
            "config key `no-summary`: unknown variant `panic`, expected one of `error`, `warn`, `ignore`",
        ),
    ] {
        assert_eq!(error(after(1, 1), &config).as_deref(), Some(expected));
    }
}

#[test]
fn the_readme_configures_this_hook() {
    for hook in readme::hooks(include_str!("../README.md")) {
        assert_eq!(hook["component"], json!("summary-guard.wasm"));
        // No summary: the settings alone are read, and no file is looked for.
        let message = error(event(EventKind::Success), &hook["config"]).unwrap_or_default();
        assert!(!message.contains("config"), "{message}");
    }
}
