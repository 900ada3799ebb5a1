//! Rule 11: what hooks are told, field by field.

use hookward_engine::event::{Event, EventKind, HookFailure, HookResult, Outcome, Scope, Status, Summary, Trigger};
use hookward_tests::lab::{Finished, Lab};
use std::time::Duration;

use super::support::{EVENTS, SUMMARY, command, lab_with, only_run, run, text};

const BASE: &str = r#"version = 1
[restic]
binary = "@stand-in@"
[repository.r]
url = "${REPOSITORY}"
[profile.p]
repository = "r"
sources = ["@lab@/source", "/etc/one, two"]
tags = ["db", "daily"]
backup = { args = ["--tag", "x,y"] }
"#;

/// A lab whose hooks write the event of each kind to `notes/SCOPE-KIND.json`.
fn dumping() -> Lab {
    let dumper = |scope: &str, short: &str| {
        let config = format!("dump = \"/notes/{short}-{{kind}}.json\", fail-on = [\"success\"]");
        Lab::probe(scope, short, EVENTS, "kind = \"optional\"\noperations = [\"*\"]", &config)
    };
    lab_with(
        BASE,
        &[dumper("hook", "global"), dumper("repository.r.hook", "repository"), dumper("profile.p.hook", "profile")],
    )
}

fn event(lab: &Lab, scope: &str, kind: &str) -> Event {
    let text = text(lab, format!("notes/{scope}-{kind}.json"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{scope} {kind}: {error}: {text}"))
}

fn backup(lab: &Lab, restic: &[&str], args: &[&str]) -> Finished {
    command(lab, restic, args)
        .env("REPOSITORY", "rest:https://me:hunter2@host:8000/repo?key=hunter2")
        .output()
        .unwrap()
        .into()
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}

fn summary() -> Summary {
    Summary {
        files_new: 3,
        files_changed: 2,
        files_unmodified: 1,
        dirs_new: 4,
        dirs_changed: 5,
        dirs_unmodified: 6,
        data_blobs: 7,
        tree_blobs: 8,
        data_added: 900,
        data_added_packed: 400,
        total_files_processed: 10,
        total_bytes_processed: 11000,
        total_duration: 1.5,
    }
}

/// The results without their durations, which no test can know.
fn results(outcome: &mut Outcome) -> Vec<HookResult> {
    let mut results = std::mem::take(&mut outcome.hooks);
    for result in &mut results {
        assert!(result.duration < Duration::from_secs(60));
        result.duration = Duration::ZERO;
    }
    results
}

fn result(name: &str, scope: Scope, kind: EventKind, failed: bool) -> HookResult {
    let failure = failed.then(|| HookFailure { reason: "error".to_owned(), message: "told to fail".to_owned() });
    HookResult { name: name.to_owned(), scope, kind, attempt: 1, failure, duration: Duration::ZERO }
}

#[test]
fn every_field_of_every_event_of_a_backup_is_told() {
    let lab = dumping();
    let finished = backup(&lab, &["stderr=careful", SUMMARY], &["--json", "run", "p"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let report = only_run(&finished);
    let expected = |scope, kind| Event {
        run_id: report["run-id"].as_str().unwrap().to_owned(),
        kind,
        operation: "backup".to_owned(),
        profile: Some("p".to_owned()),
        scope,
        repository: "rest:https://host:8000/repo".to_owned(),
        host: host(),
        sources: vec![lab.path("source").display().to_string(), "/etc/one, two".to_owned()],
        tags: ["db", "daily", "x", "y"].map(str::to_owned).to_vec(),
        trigger: Trigger::Manual,
        dry_run: false,
        attempt: 1,
        recovered: false,
        outcome: None,
    };
    let scopes = [("global", Scope::Global), ("repository", Scope::Repository), ("profile", Scope::Profile)];
    let mut calls = Vec::new();
    for (name, scope) in scopes {
        assert_eq!(event(&lab, name, "before"), expected(scope, EventKind::Before));
        calls.push(result(name, scope, EventKind::Before, false));
    }
    for kind in [EventKind::Success, EventKind::Finally] {
        for (name, scope) in scopes.iter().rev() {
            let mut event = event(&lab, name, kind.as_str());
            let mut outcome = event.outcome.take().unwrap();
            assert_eq!(event, expected(*scope, kind));
            assert_eq!(results(&mut outcome), calls, "{name} {kind}");
            assert!(outcome.duration > Duration::ZERO && outcome.duration < Duration::from_secs(60));
            outcome.duration = Duration::ZERO;
            let told = Outcome {
                status: Status::Success,
                exit_code: Some(0),
                error: None,
                duration: Duration::ZERO,
                snapshot_id: Some("5a6b7c8d9e0f".to_owned()),
                summary: Some(summary()),
                stderr_tail: "careful\n".to_owned(),
                hooks: Vec::new(),
            };
            assert_eq!(outcome, told);
            calls.push(result(name, *scope, kind, kind == EventKind::Success));
        }
    }
    let id = uuid(report["run-id"].as_str().unwrap());
    assert_eq!(id, Some('7'), "{report:#}");
}

/// The version of a UUID, if it is one.
fn uuid(text: &str) -> Option<char> {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    (lengths == [8, 4, 4, 4, 12]).then(|| text.chars().nth(14).unwrap())
}

#[test]
fn two_runs_have_two_ids_that_sort_by_time() {
    let lab = dumping();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(only_run(&backup(&lab, &[], &["--json", "run", "p"]))["run-id"].as_str().unwrap().to_owned());
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(ids.is_sorted() && ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
}

#[test]
fn the_outcome_of_each_kind_of_end_is_told() {
    for (restic, kind, exit, error) in [
        (&["exit=3"][..], "warning", Some(3), "restic could not read some of the data"),
        (&["stderr=Fatal: no", "exit=12"], "failure", Some(12), "restic exited with code 12: Fatal: no"),
        (&["exit=130"], "cancelled", Some(130), "restic exited with code 130"),
        (&["die=9"], "failure", None, "restic was killed by SIGKILL"),
    ] {
        let lab = dumping();
        backup(&lab, restic, &["run", "p"]);
        for kind in [kind, "finally"] {
            let outcome = event(&lab, "profile", kind).outcome.unwrap();
            assert_eq!(outcome.exit_code, exit);
            assert_eq!(outcome.error.as_deref(), Some(error));
            assert_eq!((outcome.snapshot_id, outcome.summary), (None, None));
        }
    }
}

#[test]
fn the_tail_of_stderr_is_the_end_of_it() {
    let lab = dumping();
    let line = format!("stderr={}", "x".repeat(99));
    let mut words = vec![line.as_str(); 100];
    words.extend(["stderr=the last", "exit=1"]);
    backup(&lab, &words, &["run", "p"]);
    let tail = event(&lab, "profile", "failure").outcome.unwrap().stderr_tail;
    assert!(tail.len() <= 4096 && tail.len() > 3900, "{}", tail.len());
    assert!(tail.starts_with("xxx") && tail.ends_with("x\nthe last\n"));
    assert_eq!(tail.lines().next().unwrap().len(), 99);
}

#[test]
fn the_trigger_is_told() {
    for (args, variable, trigger) in [
        (&["run", "p"][..], None, Trigger::Manual),
        (&["run", "p", "--trigger", "scheduled"], None, Trigger::Scheduled),
        (&["run", "p", "--trigger", "api"], None, Trigger::Api),
        (&["run", "p"], Some("scheduled"), Trigger::Scheduled),
        (&["exec", "--profile", "p", "--", "restic", "backup", "/"], None, Trigger::Manual),
        (
            &["exec", "--profile", "p", "--trigger", "scheduled", "--", "restic", "backup", "/"],
            None,
            Trigger::Scheduled,
        ),
    ] {
        let lab = dumping();
        let mut command = command(&lab, &[], args);
        command.env("REPOSITORY", "/r").envs(variable.map(|value| ("HOOKWARD_TRIGGER", value)));
        assert_eq!(command.output().unwrap().status.code(), Some(0));
        assert_eq!(event(&lab, "profile", "before").trigger, trigger, "{args:?}");
    }
}

#[test]
fn a_dry_run_is_told() {
    for (args, dry_run) in [
        (&["run", "p"][..], false),
        (&["--dry-run", "run", "p"], true),
        (&["run", "p", "--", "backup", "-n", "/"], true),
        (&["exec", "--profile", "p", "--", "restic", "backup", "--dry-run", "/"], true),
        (&["exec", "--profile", "p", "--", "restic", "backup", "--dry-run=false", "/"], false),
        (&["exec", "--profile", "p", "--", "restic", "backup", "--stdin-from-command", "--", "x", "-n"], false),
    ] {
        let lab = dumping();
        assert_eq!(backup(&lab, &[], args).code, 0, "{args:?}");
        for kind in ["before", "success", "finally"] {
            assert_eq!(event(&lab, "profile", kind).dry_run, dry_run, "{args:?}");
        }
    }
}

#[test]
fn a_restic_command_line_is_understood() {
    let lab = dumping();
    let told = |args: &[&str]| {
        let args: Vec<_> = ["exec", "--profile", "p", "--", "restic"].iter().chain(args).copied().collect();
        let finished: Finished =
            command(&lab, &[], &args).env("REPOSITORY", "/r").env_remove("RESTIC_REPOSITORY").output().unwrap().into();
        assert_eq!(finished.code, 0, "{finished:?}");
        event(&lab, "profile", "before")
    };
    let event = told(&[
        "-r",
        "sftp:me@nas:/srv",
        "--password-file",
        "pw",
        "backup",
        "--tag",
        "a,b",
        "a b",
        "--tag=c",
        "-H",
        "x",
        "--",
        "-z",
    ]);
    assert_eq!(event.repository, "sftp:nas:/srv");
    assert_eq!(
        (event.sources, event.tags),
        (vec!["a b".to_owned(), "-z".to_owned()], ["a", "b", "c"].map(str::to_owned).to_vec())
    );
    let event = told(&["backup", "--stdin", "--stdin-filename", "db.sql"]);
    assert_eq!((event.repository.as_str(), event.sources.len()), ("", 0));
    let event = told(&["--repo=s3:https://key:pw@s3.example.com/b", "forget", "--keep-last", "1"]);
    assert_eq!((event.operation.as_str(), event.repository.as_str()), ("forget", "s3:https://s3.example.com/b"));
    assert_eq!(event.sources, [""; 0]);
}

#[test]
fn the_repository_of_a_foreign_command_is_that_of_its_environment() {
    let lab = dumping();
    let args = ["exec", "--profile", "p", "--", "restic", "backup", "/"];
    let told = |name: &str, value: &str| {
        let mut command = command(&lab, &[], &args);
        command.env("REPOSITORY", "/the/profiles").env(name, value);
        assert_eq!(command.output().unwrap().status.code(), Some(0));
        event(&lab, "profile", "before").repository
    };
    assert_eq!(told("RESTIC_REPOSITORY", "rest:http://me:pw@host/x"), "rest:http://host/x");
    assert_eq!(told("RESTIC_REPOSITORY_FILE", "/some/file"), "");
}

#[test]
fn without_a_profile_none_is_told() {
    let lab = dumping();
    let finished = backup(&lab, &[], &["exec", "--", "restic", "-r", "/x", "backup", "/"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(event(&lab, "global", "before").profile, None);
    assert_eq!(text(&lab, "notes/profile-before.json"), "");
}

#[test]
fn the_attempt_is_told() {
    let config = "dump = \"/notes/{kind}.json\", fail-on = [\"before\"], fail-attempts = 2";
    let h = Lab::probe("profile.p.hook", "h", &["before"], "retry = { attempts = 3, delay = \"1ms\" }", config);
    let told = Lab::probe("profile.p.hook", "told", &["success"], "", "dump = \"/notes/{kind}.json\"");
    let lab = super::support::lab(&[h, told]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    let event: Event = serde_json::from_str(&text(&lab, "notes/before.json")).unwrap();
    assert_eq!(event.attempt, 3);
    let event: Event = serde_json::from_str(&text(&lab, "notes/success.json")).unwrap();
    let calls: Vec<_> =
        event.outcome.unwrap().hooks.iter().map(|call| (call.attempt, call.failure.is_some())).collect();
    assert_eq!((event.attempt, calls), (1, vec![(1, true), (2, true), (3, false)]));
}

#[test]
fn a_repository_that_hooks_may_not_know_is_not_in_the_report_either() {
    let lab = dumping();
    let finished = backup(&lab, &[], &["--json", "-vv", "run", "p"]);
    assert!(!finished.stdout.contains("hunter2") && !finished.stderr.contains("hunter2"), "{finished:?}");
    let explained = backup(&lab, &[], &["--json", "explain", "p"]);
    assert!(!explained.stdout.contains("hunter2") && !explained.stderr.contains("hunter2"), "{explained:?}");
}
