//! `hookward hook call`: one hook, no backup.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use hookward_tests::lab::{Finished, Lab};
use hookward_tests::{event, guest};
use serde_json::Value;

use crate::support::{EVENTS, json};

/// `hook call` of the probe. It sees the lab's notes.
fn call(lab: &Lab, args: &[&str]) -> Finished {
    let component = guest("probe");
    lab.run([&["hook", "call", component.to_str().unwrap(), "--dir", "notes:/notes:rw"], args].concat())
}

/// The event that the probe was told.
fn told(lab: &Lab, args: &[&str]) -> Value {
    let finished = call(lab, &[&["--set", "dump=/notes/event"], args].concat());
    assert_eq!(finished.code, 0, "{finished:?}");
    serde_json::from_str(&lab.lines("notes/event")[0]).unwrap()
}

#[test]
fn every_event_can_be_made_up() {
    let lab = Lab::new();
    for kind in EVENTS {
        let event = told(&lab, &["--event", kind]);
        assert_eq!(event["kind"], *kind);
        let status = match *kind {
            "before" => Value::Null,
            "finally" => "success".into(),
            kind => kind.into(),
        };
        assert_eq!(event["outcome"]["status"], status, "{event:#}");
    }
}

#[test]
fn each_option_changes_its_part_of_the_event() {
    let lab = Lab::new();
    let event = told(
        &lab,
        &[
            "--event",
            "failure",
            "--operation",
            "check",
            "--profile",
            "db",
            "--repository",
            "sftp:nas:/r",
            "--source",
            "/a",
            "--source",
            "/b c",
            "--tag",
            "daily",
            "--attempt",
            "2",
            "--status",
            "cancelled",
            "--error",
            "too late",
            "--dry-run",
        ],
    );
    for (field, value) in [
        ("operation", "check".into()),
        ("profile", "db".into()),
        ("scope", "profile".into()),
        ("repository", "sftp:nas:/r".into()),
        ("sources", serde_json::json!(["/a", "/b c"])),
        ("tags", serde_json::json!(["daily"])),
        ("attempt", 2.into()),
        ("dry-run", true.into()),
        ("trigger", "manual".into()),
    ] {
        assert_eq!(event[field], value, "{event:#}");
    }
    assert_eq!((&event["outcome"]["status"], &event["outcome"]["error"]), (&"cancelled".into(), &"too late".into()));
}

#[test]
fn an_event_comes_from_a_file_or_from_stdin_and_options_win() {
    let lab = Lab::new();
    let given = serde_json::to_string(&event()).unwrap();
    fs::write(lab.path("event.json"), &given).unwrap();
    let told_of = told(&lab, &["--event-file", "event.json"]);
    assert_eq!(told_of, serde_json::from_str::<Value>(&given).unwrap());
    let changed = told(&lab, &["--event-file", "event.json", "--event", "finally", "--profile", "other"]);
    assert_eq!((&changed["kind"], &changed["profile"]), (&"finally".into(), &"other".into()));
    assert_eq!(changed["sources"], told_of["sources"]);

    let component = guest("probe");
    let mut command = lab.hookward(["hook", "call", component.to_str().unwrap(), "--event-file", "-"]);
    command.args(["--dir", "notes:/notes:rw", "--set", "dump=/notes/event"]).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(serde_json::from_str::<Value>(&lab.lines("notes/event")[0]).unwrap(), told_of);
}

#[test]
fn an_event_that_is_none_is_told() {
    let lab = Lab::new();
    fs::write(lab.path("no-json"), "{").unwrap();
    fs::write(lab.path("no-event"), r#"{"kind": "befor"}"#).unwrap();
    for (file, says) in [
        ("no-json", "no-json holds no event: EOF while parsing"),
        ("no-event", "no-event holds no event: "),
        ("nothing", "cannot read nothing: No such file"),
    ] {
        let finished = call(&lab, &["--event-file", file]);
        assert_eq!((finished.code, finished.stdout.as_str()), (1, ""), "{finished:?}");
        assert!(finished.stderr.contains(says), "{finished:?}");
    }
}

#[test]
fn the_exit_code_says_how_it_went() {
    let lab = Lab::new();
    let ok = call(&lab, &["--event", "before", "--set", "log=hello there"]);
    assert_eq!(ok.code, 0, "{ok:?}");
    assert!(ok.stderr.contains("info: hello there\nok ("), "{ok:?}");
    let failed = call(&lab, &["--event", "before", "--set", "fail-on=[\"before\"]", "--set", "error=no disk"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.stderr.contains("failed: no disk [error]"), "{failed:?}");
    let skips = call(&lab, &["--event", "before", "--set", "skip-on=[\"before\"]"]);
    assert_eq!(skips.code, 0, "{skips:?}");
    assert!(skips.stderr.contains("ok, skips the run: probe skips before"), "{skips:?}");
    let absent = lab.run(["hook", "call", "absent.wasm", "--event", "before"]);
    assert_eq!(absent.code, 78, "{absent:?}");
    assert!(absent.stderr.contains("the hook can't be used: cannot read absent.wasm"), "{absent:?}");
}

#[test]
fn the_report_is_there_for_machines() {
    let lab = Lab::new();
    let finished = call(
        &lab,
        &[
            "--event",
            "before",
            "--json",
            "--set",
            "log=hello",
            "--set",
            "warn-on=[\"before\"]",
            "--set",
            "fail-on=[\"before\"]",
        ],
    );
    let report = json(&finished);
    assert_eq!((finished.code, report["ok"].as_bool()), (1, Some(false)), "{report:#}");
    assert_eq!(report["failure"], serde_json::json!({ "reason": "error", "message": "told to fail" }));
    assert_eq!(report["warnings"][0], "probe warns of before");
    assert_eq!(report["log"][0]["message"], "hello");
    assert!(report["fuel"].as_u64().unwrap() > 0 && report["peak-memory"].as_u64().unwrap() > 0, "{report:#}");
}

#[test]
fn limits_limit() {
    let lab = Lab::new();
    for (limit, value, settings, reason) in [
        ("--timeout", "50ms", "sleep={ before = 60000 }", "[timeout]"),
        ("--fuel", "1000", "name=x", "[fuel]"),
        ("--memory", "64KiB", "name=x", "[memory]"),
    ] {
        let finished = call(&lab, &["--event", "before", limit, value, "--set", settings]);
        assert_eq!(finished.code, 1, "{finished:?}");
        assert!(finished.stderr.contains(reason), "{limit}: {finished:?}");
    }
    for (limit, value) in [("--timeout", "soon"), ("--fuel", "lots"), ("--memory", "big")] {
        let finished = call(&lab, &["--event", "before", limit, value]);
        assert_eq!(finished.code, 2, "{finished:?}");
        assert!(finished.stderr.contains(limit), "{finished:?}");
    }
}

#[test]
fn settings_come_from_a_file_and_from_options() {
    let lab = Lab::new();
    fs::write(lab.path("settings.toml"), "log = \"from the file\"\nname = \"named\"\n").unwrap();
    let finished = call(&lab, &["--event", "before", "--config-file", "settings.toml"]);
    assert!(finished.stderr.contains("info: from the file"), "{finished:?}");
    let finished = call(&lab, &["--event", "before", "--config-file", "settings.toml", "--set", "log=from here"]);
    assert!(finished.stderr.contains("info: from here"), "{finished:?}");
    fs::write(lab.path("settings.toml"), "log = \n").unwrap();
    let finished = call(&lab, &["--event", "before", "--config-file", "settings.toml"]);
    assert!(finished.code == 1 && finished.stderr.contains("settings.toml is not TOML"), "{finished:?}");
    let finished = call(&lab, &["--event", "before", "--set", "log"]);
    assert!(finished.code == 2 && finished.stderr.contains("write KEY=VALUE"), "{finished:?}");
}

#[test]
fn nothing_is_granted_that_is_not_asked_for() {
    let lab = Lab::new();
    let component = guest("probe");
    let probe = component.to_str().unwrap();
    let journal = ["hook", "call", probe, "--event", "before", "--set", "journal=/notes/journal"];
    assert_eq!(lab.run(journal).code, 1);
    assert_eq!(lab.run([&journal as &[&str], &["--dir", "notes:/notes"]].concat()).code, 1, "read only");
    assert_eq!(lab.run([&journal as &[&str], &["--dir", "notes:/notes:rw"]].concat()).code, 0);
    assert_eq!(lab.journal(), ["probe before attempt=1"]);
    let finished = lab.run([&journal as &[&str], &["--dir", "a:b:c:d"]].concat());
    assert!(finished.code == 1 && finished.stderr.contains("write HOST, HOST:GUEST or HOST:GUEST:rw"), "{finished:?}");
    let finished = lab.run([&journal as &[&str], &["--env", "NO_SUCH_VARIABLE"]].concat());
    assert!(finished.code == 1 && finished.stderr.contains("--env NO_SUCH_VARIABLE"), "{finished:?}");
}

#[test]
fn a_part_of_the_plan_can_be_granted() {
    let lab = Lab::new();
    let component = guest("plan");
    let call = |args: &[&str]| {
        let changes = "changes=[{ add-tags = [\"a\", \"b\"] }, { set-env = [\"TMPDIR\", \"hunter2\"] }]";
        let fixed = ["hook", "call", component.to_str().unwrap(), "--event", "before", "--set", changes];
        lab.run([&fixed, args].concat())
    };
    let granted = ["--grants", "plan = [\"tags\", \"env:TMPDIR\"]"];
    let shown = call(&granted);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.stderr.starts_with("  tags + a, b\n  env + TMPDIR\nok "), "{shown:?}");
    let report = json(&call(&[&granted[..], &["--json"]].concat()));
    assert_eq!(report["plan"], serde_json::json!([{ "add-tags": ["a", "b"] }, { "set-env": "TMPDIR" }]));
    let refused = call(&["--grants", "plan = [\"tags\"]"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("not-granted: this hook may not set the variable `TMPDIR`"), "{refused:?}");
    assert!(call(&["--grants", "plan = [\"tag\"]"]).stderr.contains("the plan has no part `tag`"));
}
