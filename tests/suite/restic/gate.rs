//! restic behind the gate: started when every hook is ok, and only then.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hookward_tests::lab::{Finished, Lab};

use crate::support::{EVENTS, Way, hook, lab, lab_with, locks, run, snapshots};

#[test]
fn a_gated_backup_makes_a_snapshot_and_its_report_has_the_id_and_the_numbers() {
    let lab = lab(&[hook("h", EVENTS, "", "dump = \"/notes/event\"")]);
    let (finished, run) = run(&lab, &["run", "p"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let snapshots = snapshots(&lab);
    assert_eq!(snapshots.len(), 1, "{snapshots:?}");
    let id = run["restic"]["snapshot-id"].as_str().unwrap();
    assert!(id.len() >= 8 && snapshots[0]["id"].as_str().unwrap().starts_with(id), "{id} of {snapshots:?}");
    assert_eq!(snapshots[0]["tags"][0], "t");
    assert_eq!(run["status"], "success");
    assert_eq!(run["restic"]["summary"]["total-files-processed"], 1);
    assert_eq!(run["restic"]["summary"]["total-bytes-processed"], 9);
    assert_eq!(
        lab.journal(),
        [
            "h before attempt=1".to_owned(),
            format!("h success attempt=1 status=success exit=0 snapshot={id} hooks=1"),
            format!("h finally attempt=1 status=success exit=0 snapshot={id} hooks=2"),
        ]
    );
    let event: serde_json::Value = serde_json::from_str(&lab.lines("notes/event")[0]).unwrap();
    assert_eq!(event["outcome"]["summary"]["files-new"], 1, "{event:#}");
    assert_eq!(locks(&lab), 0);
}

#[test]
fn a_second_backup_of_the_profile_builds_on_the_first() {
    let lab = lab(&[hook("h", &["before", "success", "finally"], "", "")]);
    let (_, first) = run(&lab, &["backup", "p"]);
    fs::write(lab.path("source/more.txt"), "more\n").unwrap();
    let (_, second) = run(&lab, &["run", "p"]);
    assert_eq!(first["restic"]["summary"]["files-new"], 1, "{first:#}");
    assert_eq!(second["restic"]["summary"]["files-new"], 1, "{second:#}");
    assert_eq!(second["restic"]["summary"]["files-unmodified"], 1, "{second:#}");
    assert_ne!(first["run-id"], second["run-id"]);
    assert_ne!(first["restic"]["snapshot-id"], second["restic"]["snapshot-id"]);
    assert_eq!(snapshots(&lab).len(), 2);
    assert_eq!(lab.journal().len(), 6);
}

#[test]
fn a_profile_can_be_named_twice_and_is_run_twice() {
    let lab = lab(&[hook("h", &["before"], "", "")]);
    let finished = lab.run(["run", "p", "p"]);
    assert_eq!((finished.code, snapshots(&lab).len(), lab.journal().len()), (0, 2, 2), "{finished:?}");
}

/// A lab whose hook says no, and whose restic notes that it was started.
fn closed() -> Lab {
    let lab = lab_with("", &[]);
    let spy = lab.path("bin/spy");
    fs::write(&spy, format!("#!/bin/sh\necho started >> {}\nexec restic \"$@\"\n", lab.path("notes/spy").display()))
        .unwrap();
    fs::set_permissions(&spy, fs::Permissions::from_mode(0o755)).unwrap();
    let config = fs::read_to_string(lab.path("bare.toml")).unwrap();
    let no = hook("no", EVENTS, "", "fail-on = [\"before\"], error = \"the database is busy\"");
    let never = hook("never", &["before"], "", "");
    lab.configure(&format!("{config}[restic]\nbinary = \"@lab@/bin/spy\"\n{no}{never}"));
    lab
}

fn nothing_has_happened(lab: &Lab, finished: &Finished) {
    assert_eq!(finished.code, 80, "{finished:?}");
    assert!(finished.stderr.contains("hook \"no\": the database is busy"), "{finished:?}");
    assert!(lab.lines("notes/spy").is_empty(), "restic was started");
    assert_eq!((locks(lab), snapshots(lab).len()), (0, 0));
    assert_eq!(
        lab.journal(),
        [
            "no before attempt=1",
            "no failure attempt=1 status=failure hooks=1",
            "no finally attempt=1 status=failure hooks=2"
        ]
    );
}

#[test]
fn a_required_hook_that_fails_keeps_restic_from_being_started() {
    let lab = closed();
    let (finished, run) = run(&lab, &["run", "p"]);
    nothing_has_happened(&lab, &finished);
    assert!(run["restic"].is_null(), "{run:#}");
    assert_eq!(run["error"], "hook \"no\": the database is busy");
}

#[test]
fn it_does_so_in_exec() {
    let lab = closed();
    let source = lab.path("source");
    let output = Way::Exec.command(&lab, &["backup", source.to_str().unwrap()]).output().unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
    nothing_has_happened(&lab, &output.into());
}

#[test]
fn it_does_so_under_the_name_of_restic() {
    let lab = closed();
    let source = lab.path("source");
    let output = Way::StandIn.command(&lab, &["backup", source.to_str().unwrap()]).output().unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
    nothing_has_happened(&lab, &output.into());
}

#[test]
fn the_spy_is_a_restic_when_the_gate_opens() {
    let lab = closed();
    let output = Way::StandIn.command(&lab, &["snapshots"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(lab.lines("notes/spy"), ["started"]);
}
