//! The hook, called through the SDK's test door with made-up summaries.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "in helpers of tests")]

use hookward_sdk::testing::{Call, EventBuilder, Report, event};
use hookward_sdk::{EventKind, Summary};
use serde_json::{Value, json};

#[path = "../../readme.rs"]
mod readme;

const MIB: u64 = 1024 * 1024;

fn summary(files: u64, bytes: u64) -> Summary {
    Summary { total_files_processed: files, total_bytes_processed: bytes, ..Summary::default() }
}

fn after(files: u64, bytes: u64) -> EventBuilder {
    event(EventKind::Success).summary(summary(files, bytes))
}

fn run(event: EventBuilder, config: &Value) -> Report {
    Call::new(event).config(config).run(size_guard::run)
}

fn error(event: EventBuilder, config: &Value) -> Option<String> {
    run(event, config).error().map(str::to_owned)
}

/// A host that keeps the state of calls that return ok, as the real one does.
struct Host {
    config: Value,
    runs: Value,
    count: u32,
}

impl Host {
    fn new(config: Value) -> Self {
        Self { config, runs: Value::Null, count: 0 }
    }

    /// With three runs of 1000 files and 100 MiB, 20 of them changed and 20 MiB new.
    fn settled(config: Value) -> Self {
        let mut host = Self::new(config);
        for _ in 0..3 {
            assert_eq!(host.error(usual(), |event| event), None);
        }
        host
    }

    fn call(&mut self, summary: Summary, change: impl FnOnce(EventBuilder) -> EventBuilder) -> Report {
        self.count += 1;
        let id = format!("01890a5d-ac96-774b-bcce-{:012}", self.count);
        let mut call = Call::new(change(event(EventKind::Success).run_id(id).summary(summary))).config(&self.config);
        if !self.runs.is_null() {
            call = call.state("runs", &self.runs);
        }
        let report = call.run(size_guard::run);
        if report.is_ok() {
            self.runs = report.stored("runs").expect("the state is JSON").unwrap_or(Value::Null);
        }
        report
    }

    fn error(&mut self, summary: Summary, change: impl FnOnce(EventBuilder) -> EventBuilder) -> Option<String> {
        self.call(summary, change).error().map(str::to_owned)
    }

    /// The numbers of files that are kept.
    fn files(&self) -> Vec<u64> {
        let runs = self.runs.as_array().map(Vec::as_slice).unwrap_or_default();
        runs.iter().filter_map(|run| run["files"].as_u64()).collect()
    }
}

fn usual() -> Summary {
    Summary { files_new: 5, files_changed: 15, data_added: 20 * MIB, ..summary(1000, 100 * MIB) }
}

fn bounds() -> Value {
    json!({"max-shrink": "20%", "max-growth": "50%", "max-changed": "50%", "max-new-factor": 5})
}

fn same(event: EventBuilder) -> EventBuilder {
    event
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
fn the_first_runs_are_not_compared() {
    let mut host = Host::new(bounds());
    for (n, files) in [1000, 100, 5000].into_iter().enumerate() {
        let report = host.call(summary(files, MIB), same);
        assert_eq!(report.error(), None);
        assert!(report.logged("too few runs are known"), "{n}");
    }
    assert_eq!(host.files(), [1000, 100, 5000]);
    assert!(host.call(summary(100, MIB), same).error().is_some());
    // One is enough where the settings say so.
    let mut host = Host::new(json!({"max-shrink": "20%", "min-runs": 1}));
    assert_eq!(host.error(summary(1000, MIB), same), None);
    assert!(host.error(summary(100, MIB), same).is_some());
}

#[test]
fn a_run_is_held_to_the_one_in_the_middle() {
    let mut host = Host::new(json!({"max-shrink": "0%", "max-growth": "0%", "min-runs": 4}));
    for files in [900, 100, 1000, 7000] {
        assert_eq!(host.error(summary(files, MIB), same), None);
    }
    // Of an even number it is between the two.
    assert_eq!(host.error(summary(950, MIB), same), None);
    assert_eq!(host.error(summary(950, MIB), same), None);
    let message = host.error(summary(951, MIB), same).unwrap();
    assert!(message.contains("rose by 0.1% from the usual 950 to 951, and `max-growth` allows 0%"), "{message}");
}

#[test]
fn a_run_that_shrank_is_suspicious_and_is_not_kept() {
    let mut host = Host::settled(bounds());
    for n in [4, 5] {
        assert_eq!(
            host.error(summary(799, 50 * MIB), same),
            Some(format!(
                "snapshot 4f3c7a1e is suspicious: its number of files fell by 20.1% from the usual 1000 to 799, and \
                 `max-shrink` allows 20%; its size fell by 50.0% from the usual 100.0 MiB to 50.0 MiB, and \
                 `max-shrink` allows 20%; if that is right, set `history-since = \
                 \"01890a5d-ac96-774b-bcce-00000000000{n}\"`, and the next runs set new bounds"
            ))
        );
        assert_eq!(host.files(), [1000; 3]);
    }
    assert_eq!(host.error(summary(800, 80 * MIB), same), None);
    assert_eq!(host.error(summary(1500, 150 * MIB), same), None);
    assert!(host.error(summary(1501, 100 * MIB), same).unwrap().contains("rose by 50.1% from the usual 1000 to 1501"));
}

#[test]
fn files_that_changed_all_at_once_are_suspicious() {
    let mut host = Host::settled(bounds());
    let changed = |files_changed| Summary { files_new: 100, files_changed, ..usual() };
    assert_eq!(host.error(changed(400), same), None);
    let message = host.error(changed(401), same).unwrap();
    assert!(
        message.starts_with(
            "snapshot 4f3c7a1e is suspicious: 50.1% of its files are new or changed, usually 2.0%, and `max-changed` \
             allows 50%: look for files that somebody has encrypted, or for a snapshot without a parent; if that is \
             right"
        ),
        "{message}"
    );
    // The first runs have all of their files new, and nobody minds.
    let mut host = Host::new(bounds());
    assert_eq!(host.error(Summary { files_new: 1000, ..usual() }, same), None);
}

#[test]
fn new_data_is_held_to_what_is_usual() {
    let mut host = Host::settled(bounds());
    let added = |data_added| Summary { data_added, ..usual() };
    assert_eq!(host.error(added(100 * MIB), same), None);
    let message = host.error(added(100 * MIB + 1), same).unwrap();
    assert!(
        message.contains("it added 100.0 MiB to the repository, usually 20.0 MiB, and `max-new-factor` allows 5 times"),
        "{message}"
    );
    // What is little anyway is no matter, however many times it is the usual.
    let mut host = Host::new(json!({"max-new-factor": 2.5, "new-floor": "1MiB"}));
    for added in [0, 0, 0, MIB] {
        assert_eq!(host.error(Summary { data_added: added, ..usual() }, same), None);
    }
    assert!(host.error(added(MIB + 1), same).is_some());
}

#[test]
fn only_the_last_runs_are_kept() {
    let mut host = Host::new(json!({"history": 3}));
    for files in 1..=5 {
        assert_eq!(host.error(summary(files, MIB), same), None);
    }
    assert_eq!(host.files(), [3, 4, 5]);
    let mut host = Host::new(json!({}));
    for files in 1..=12 {
        assert_eq!(host.error(summary(files, MIB), same), None);
    }
    assert_eq!(host.files(), (3..=12).collect::<Vec<_>>());
}

#[test]
fn the_operator_can_begin_anew() {
    let mut host = Host::settled(bounds());
    let message = host.error(summary(100, MIB), same).unwrap();
    let (_, id) = message.split_once("history-since = \"").unwrap();
    let id = id.split('"').next().unwrap();
    host.config["history-since"] = json!(id);
    for _ in 0..3 {
        let report = host.call(summary(100, MIB), same);
        assert!(report.logged("too few runs are known"));
    }
    assert_eq!(host.files(), [100; 3]);
    // The setting may stay: later runs count.
    assert!(host.error(summary(10, MIB), same).is_some());
}

#[test]
fn a_suspicious_run_may_be_a_warning() {
    let mut config = bounds();
    config["on-suspicion"] = json!("warn");
    let mut host = Host::settled(config);
    let report = host.call(summary(100, MIB), same);
    assert!(report.is_ok());
    assert!(report.warnings[0].starts_with("snapshot 4f3c7a1e is suspicious: its number of files fell"));
    assert_eq!(host.files(), [1000; 3]);
    let report = host.call(summary(0, 0), same);
    assert!(report.is_ok() && report.warnings[0].contains("it has no files"));
}

#[test]
fn a_run_is_kept_once() {
    let mut host = Host::new(json!({}));
    let id = |event: EventBuilder| event.run_id("01890a5d-ac96-774b-bcce-b302099a8057");
    host.call(summary(10, MIB), id);
    host.call(summary(11, MIB), |event| id(event).attempt(2));
    assert_eq!(host.files(), [11]);
}

#[test]
fn a_dry_run_is_looked_at_and_not_kept() {
    let mut host = Host::settled(bounds());
    let dry = |event: EventBuilder| event.dry_run(true);
    assert_eq!(host.error(summary(900, 90 * MIB), dry), None);
    assert!(host.error(summary(100, 90 * MIB), dry).is_some());
    assert_eq!(host.files(), [1000; 3]);
}

#[test]
fn a_history_that_cannot_be_read_hides_no_objection() {
    let mut host = Host::new(json!({}));
    host.runs = json!("?");
    let message = host.error(usual(), same).unwrap();
    assert!(
        message.starts_with("the history can't be read, remove this hook's state to start afresh: state `runs`: "),
        "{message}"
    );
    let message = host.error(summary(0, 0), same).unwrap();
    assert!(message.starts_with("snapshot 4f3c7a1e is suspicious: it has no files"), "{message}");
    assert!(message.contains("; the history can't be read"), "{message}");
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
        (json!({"max-growth": "half"}), "config key `max-growth`: `half` is no share: write it as `20%`"),
        (json!({"max-growth": 20}), "config key `max-growth`: `20` is no share: write it as `20%`"),
        (json!({"max-growth": "-1%"}), "config key `max-growth`: `-1%` is no share: write it as `20%`"),
        (json!({"max-shrink": "101%"}), "config key `max-shrink`: nothing shrinks by more than 100%"),
        (
            json!({"max-changed": "100%"}),
            "config key `max-changed`: no more than 100% of the files can be new or changed",
        ),
        (json!({"max-new-factor": 0.5}), "config key `max-new-factor`: give a number of 1 or more"),
        (json!({"min-runs": 0}), "config key `min-runs`: there has to be a run to compare with"),
        (json!({"history": 2}), "config key `history`: give a number from that of `min-runs` (3 when left out) to 100"),
        (
            json!({"history-since": "yesterday"}),
            "config key `history-since`: give the id of a run, as `hookward runs` shows it",
        ),
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
        assert_eq!(hook["component"], json!("size-guard.wasm"));
        assert_eq!(hook["grants"], json!({"state": {}}));
        let good = event(EventKind::Success).summary(summary(1_000_000, 5000 * MIB));
        assert_eq!(error(good, &hook["config"]), None);
    }
}
