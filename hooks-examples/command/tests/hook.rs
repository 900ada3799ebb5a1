//! The hook, called through the SDK's test door with stand-ins for a script.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "in helpers of tests")]

use std::collections::BTreeSet;

use hookward_sdk::testing::{self, Call, EventBuilder, Invocation, Log, OutputBuilder, Report, event, output};
use hookward_sdk::{Event, EventKind, Level, Outcome, Status, Summary};
use serde_json::{Value, json};

#[path = "../../granted.rs"]
mod granted;
#[path = "../../readme.rs"]
mod readme;

fn run(event: EventBuilder, config: &Value, answer: OutputBuilder) -> Report {
    Call::new(event).config(config).command("script", move |_: &Invocation| answer.clone()).run(::command::run)
}

/// A script that does nothing, in this event: what it was given.
fn given(event: EventBuilder) -> Invocation {
    let mut report = run(event, &json!({}), output(""));
    assert!(report.is_ok(), "{report:?}");
    report.commands.remove(0)
}

fn failed(stderr: &str) -> EventBuilder {
    let outcome = Outcome {
        stderr_tail: stderr.to_owned(),
        error: Some("restic failed: no space left".to_owned()),
        ..testing::outcome(Status::Failure)
    };
    event(EventKind::Failure).profile("db").outcome(outcome)
}

fn full() -> EventBuilder {
    let summary = Summary {
        files_new: 3,
        files_changed: 2,
        files_unmodified: 100,
        dirs_new: 1,
        dirs_changed: 4,
        dirs_unmodified: 9,
        data_added: 3 << 19,
        total_files_processed: 105,
        total_bytes_processed: 5 << 30,
        total_duration: 3725.9,
        ..Summary::default()
    };
    event(EventKind::Success).profile("db").repository("rest:https://nas/").summary(summary)
}

#[test]
fn the_event_is_told_as_variables() {
    let call = given(event(EventKind::Before).profile("db").attempt(2).dry_run(false));
    for (name, value) in [
        ("HOOKWARD_EVENT", "before"),
        ("HOOKWARD_RUN_ID", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("HOOKWARD_PROFILE", "db"),
        ("HOOKWARD_OPERATION", "backup"),
        ("HOOKWARD_REPOSITORY", "/srv/restic"),
        ("HOOKWARD_DRY_RUN", "false"),
        ("HOOKWARD_ATTEMPT", "2"),
        ("HOOKWARD_RECOVERED", "false"),
        ("PROFILE_NAME", "db"),
        ("PROFILE_COMMAND", "backup"),
        ("AUTORESTIC_LOCATION", "db"),
    ] {
        assert_eq!(call.variable(name), Some(value), "{name}");
    }
    assert_eq!(call.environment.len(), 11, "what has no value isn't set: {:?}", call.environment);
}

#[test]
fn a_failure_is_told_as_resticprofile_does() {
    let call = given(failed("Fatal: unable to save snapshot\0"));
    for (name, value) in [
        ("HOOKWARD_STATUS", "failure"),
        ("HOOKWARD_EXIT_CODE", "1"),
        ("ERROR", "restic failed: no space left"),
        ("ERROR_MESSAGE", "restic failed: no space left"),
        ("ERROR_EXIT_CODE", "1"),
        ("ERROR_STDERR", "Fatal: unable to save snapshot"),
    ] {
        assert_eq!(call.variable(name), Some(value), "{name}");
    }
    assert_eq!(given(failed("")).variable("ERROR_STDERR"), None);
}

#[test]
fn only_what_went_wrong_has_an_error() {
    for (status, is_error) in [
        (Status::Success, false),
        (Status::Skipped, false),
        (Status::Warning, true),
        (Status::Failure, true),
        (Status::Cancelled, true),
    ] {
        let call = given(event(EventKind::Finally).outcome(testing::outcome(status)));
        assert_eq!(call.variable("HOOKWARD_STATUS"), Some(status.as_str()));
        for name in ["ERROR", "ERROR_MESSAGE", "ERROR_EXIT_CODE"] {
            assert_eq!(call.variable(name).is_some(), is_error, "{name} of {status}");
        }
    }
}

#[test]
fn a_snapshot_is_told_as_autorestic_does() {
    let call = given(full());
    let id = "4f3c7a1e".repeat(8);
    for (name, value) in [
        ("HOOKWARD_SNAPSHOT_ID", &*id),
        ("AUTORESTIC_SNAPSHOT_ID_0", &*id),
        ("AUTORESTIC_FILES_ADDED_0", "3"),
        ("AUTORESTIC_FILES_CHANGED_0", "2"),
        ("AUTORESTIC_FILES_UNMODIFIED_0", "100"),
        ("AUTORESTIC_DIRS_ADDED_0", "1"),
        ("AUTORESTIC_DIRS_CHANGED_0", "4"),
        ("AUTORESTIC_DIRS_UNMODIFIED_0", "9"),
        ("AUTORESTIC_ADDED_SIZE_0", "1.5 MiB"),
        ("AUTORESTIC_PROCESSED_FILES_0", "105"),
        ("AUTORESTIC_PROCESSED_SIZE_0", "5.0 GiB"),
        ("AUTORESTIC_PROCESSED_DURATION_0", "1:02:05"),
    ] {
        assert_eq!(call.variable(name), Some(value), "{name}");
    }
    let short = Summary { total_duration: 65.0, ..Summary::default() };
    let call = given(event(EventKind::Success).summary(short));
    assert_eq!(call.variable("AUTORESTIC_PROCESSED_DURATION_0"), Some("1:05"));
}

#[test]
fn the_whole_event_is_on_stdin() {
    let call = given(full());
    let told: Value = serde_json::from_str(&call.stdin_text()).unwrap();
    let event: Event = full().build();
    assert_eq!(told, serde_json::to_value(&event).unwrap());
    assert_eq!(told["outcome"]["summary"]["files-new"], 3);
    assert_eq!(told["sources"], json!(["/srv/data"]));
}

#[test]
fn what_is_told_can_be_chosen() {
    let with = |config: Value| run(failed("x"), &config, output("")).commands.remove(0);
    let silent = with(json!({"stdin": false, "env": false}));
    assert_eq!((silent.stdin, silent.environment), (None, vec![]));
    let named = with(json!({"env": ["ERROR", "HOOKWARD_SNAPSHOT_ID"]}));
    assert_eq!(named.environment, [("ERROR".to_owned(), "restic failed: no space left".to_owned())]);
    assert_eq!(with(json!({"env": true})).environment, given(failed("x")).environment);
}

#[test]
fn the_output_is_logged() {
    let lines = |report: &Report, level| -> Vec<String> {
        report.logs.iter().filter(|log: &&Log| log.level == level).map(|log| log.message.clone()).collect()
    };
    let report = run(failed(""), &json!({}), output("one\n\n two\n").stderr("careful\n"));
    assert!(report.is_ok());
    assert_eq!(lines(&report, Level::Info), ["one", " two"]);
    assert_eq!(lines(&report, Level::Warn), ["careful"]);
    let many: String = (0..1000).map(|n| format!("{n}\n")).collect();
    let report = run(failed(""), &json!({}), output(many.clone()).stderr(many).code(1));
    assert!(!report.is_ok());
    assert_eq!((lines(&report, Level::Info).len(), lines(&report, Level::Warn).len()), (200, 200));
    assert_eq!(lines(&report, Level::Info).last().map(String::as_str), Some("999"));
}

#[test]
fn a_failed_program_is_an_error_in_its_words() {
    let report = run(event(EventKind::Before), &json!({}), output("").code(3).stderr("disk is\nnot mounted\n\n"));
    assert_eq!(report.error(), Some("command `script` ended with exit code 3: disk is / not mounted"));
    let report = run(event(EventKind::Before), &json!({}), output("").signal(9));
    assert_eq!(report.error(), Some("command `script` was killed by signal 9"));
    let report = run(event(EventKind::Before), &json!({"command": "other"}), output(""));
    assert_eq!(report.error(), Some("no command `other` is granted: grant it in `grants.commands.other`"));
}

#[test]
fn one_exit_code_may_skip_the_run() {
    let config = json!({"skip-exit-code": 75});
    let skips = |kind, code, answer: OutputBuilder| {
        let report = run(event(kind), &config, answer.code(code));
        (report.is_ok(), report.skip)
    };
    let said = || output("checking\n").stderr("the disk is away\n");
    assert_eq!(skips(EventKind::Before, 75, said()), (true, Some("the disk is away".to_owned())));
    assert_eq!(skips(EventKind::Before, 75, output("away\n")), (true, Some("away".to_owned())));
    assert_eq!(
        skips(EventKind::Before, 75, output("")),
        (true, Some("command `script` ended with exit code 75, its `skip-exit-code`".to_owned()))
    );
    assert_eq!(skips(EventKind::Before, 74, said()), (false, None));
    assert_eq!(skips(EventKind::Before, 0, said()), (true, None));
    assert_eq!(skips(EventKind::Failure, 75, said()), (false, None));
    let report = run(event(EventKind::Before), &json!({}), said().code(75));
    assert_eq!((report.is_ok(), report.skip), (false, None));
}

#[test]
fn a_dry_run_calls_nothing_unless_it_may() {
    let dry = || event(EventKind::Before).dry_run(true);
    let report = run(dry(), &json!({}), output("").code(1));
    assert!(report.is_ok());
    assert_eq!(report.commands, []);
    assert!(report.logged("dry run: command `script` isn't called"));
    let report = run(dry(), &json!({"dry-run": "run"}), output(""));
    assert_eq!(report.commands[0].variable("HOOKWARD_DRY_RUN"), Some("true"));
}

#[test]
fn a_recovered_call_is_told_so() {
    let call = given(event(EventKind::Finally).no_profile().recovered(true));
    assert_eq!(call.variable("HOOKWARD_RECOVERED"), Some("true"));
    assert_eq!(call.variable("PROFILE_NAME"), None);
}

#[test]
fn settings_that_make_no_sense_are_told() {
    for (config, expected) in [
        (json!({"env": "yes"}), "`env`: `true`, `false` or a list of names"),
        (json!({"skip-exit-code": 0}), "`skip-exit-code`: "),
        (json!({"skip-exit-code": 256}), "`skip-exit-code`: "),
        (json!({"dry-run": true}), "`dry-run`: unknown variant `true`, expected `skip` or `run`"),
        (json!({"script": "x"}), "`script` is not known"),
        (
            json!({"env": ["ERROR", "PATH"]}),
            "`env[1]`: `PATH` isn't a variable of this hook, which are: HOOKWARD_EVENT, ",
        ),
    ] {
        let report = run(event(EventKind::Before), &config, output(""));
        let message = report.error().unwrap_or_default();
        assert!(message.starts_with(&format!("config key {expected}")), "{message}");
        assert_eq!(report.commands, []);
    }
}

/// Together they set every variable there is.
fn every_kind() -> [EventBuilder; 3] {
    [event(EventKind::Before), failed("Fatal"), full()]
}

#[test]
fn every_variable_is_known_and_set_in_some_event() {
    let set: BTreeSet<String> =
        every_kind().into_iter().flat_map(|event| given(event).environment).map(|(name, _)| name).collect();
    let known: BTreeSet<String> = ::command::NAMES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(set, known);
}

#[test]
fn the_readme_configures_this_hook_and_grants_what_it_asks_for() {
    let page = include_str!("../README.md");
    for name in ::command::NAMES {
        assert!(page.contains(&format!("| `{name}` |")), "{name} is not in the table");
    }
    for hook in readme::hooks(page) {
        assert_eq!(hook["component"], json!("command.wasm"));
        for event in every_kind() {
            let name = granted::commands(&hook).remove(0);
            let call = Call::new(event).config(&hook["config"]).command(name, |_: &Invocation| output(""));
            let report = call.run(::command::run);
            assert!(report.is_ok(), "{report:?}");
            assert_eq!(report.commands.len(), 1);
            granted::check(&hook, &report.commands[0]);
        }
    }
}
