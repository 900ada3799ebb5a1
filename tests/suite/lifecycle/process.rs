//! The restic process: how it ends, and when it can't be started.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::{Duration, Instant};

use hookward_tests::lab::{Lab, finish, hookward};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::support::{
    BASE, SUMMARY, assert_order, hook, lab, lab_with, noted_pid, order, report, run, start, start_recorded, warnings,
};

fn told() -> String {
    hook("h", &["before", "success", "warning", "failure", "cancelled", "skipped", "finally"])
}

#[test]
fn each_exit_code_has_its_outcome_and_is_hookwards_own() {
    for (code, outcome) in [
        (0, "success"),
        (1, "failure"),
        (2, "failure"),
        (3, "warning"),
        (10, "failure"),
        (11, "failure"),
        (12, "failure"),
        (77, "failure"),
        (80, "failure"),
        (255, "failure"),
        (130, "cancelled"),
    ] {
        let lab = lab(&[told()]);
        let (exit, run) = report(&lab, &[&format!("exit={code}")]);
        assert_eq!(
            (exit, run["status"].as_str(), &run["exit-code"]),
            (code, Some(outcome), &Value::from(code)),
            "{run:#}"
        );
        assert_eq!((&run["restic"]["exit-code"], &run["restic"]["signal"]), (&Value::from(code), &Value::Null));
        assert_order(&lab, &["h before", "restic", &format!("h {outcome}"), "h finally"]);
    }
}

#[test]
fn a_restic_that_is_killed_is_a_failure() {
    for signal in [Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGABRT] {
        let lab = lab(&[told()]);
        let number = signal as i32;
        let (exit, run) = report(&lab, &[&format!("die={number}")]);
        assert_eq!((exit, run["status"].as_str()), (128 + number, Some("failure")), "{run:#}");
        assert_eq!(run["error"], format!("restic was killed by {signal}"));
        assert_eq!((&run["restic"]["exit-code"], &run["restic"]["signal"]), (&Value::Null, &Value::from(number)));
        assert_order(&lab, &["h before", "restic", "h failure", "h finally"]);
    }
}

#[test]
fn what_is_no_message_is_passed_over() {
    let broken = [
        "stdout={\"message_type\":\"summary\",",
        "stdout={\"message_type\":\"summary\",\"snapshot_id\":7}",
        "stdout={\"message_type\":\"nothing known\",\"x\":[1,2]}",
        "stdout={\"message_type\":17}",
        "stdout=null",
        "stdout=[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        "stdout=\u{fffd}\u{1b}[2J",
        "stderr={\"message_type\":\"exit_error\"}",
    ];
    let lab = lab(&[told()]);
    let (exit, run) = report(&lab, &[&broken[..], &[SUMMARY]].concat());
    assert_eq!((exit, run["status"].as_str()), (0, Some("success")), "{run:#}");
    assert_eq!(run["restic"]["snapshot-id"], "5a6b7c8d9e0f");
    let (exit, run) = report(&lab, &broken);
    assert_eq!((exit, run["restic"]["snapshot-id"].as_str()), (0, None), "{run:#}");
    assert_eq!(warnings(&run), ["restic ended well, but told of no snapshot"]);
}

#[test]
fn a_process_that_holds_the_streams_does_not_hold_up_the_run() {
    for args in [&["run", "p"][..], &["exec", "--profile", "p", "--", "restic", "backup", "--json", "/"]] {
        let lab = lab(&[told()]);
        let began = Instant::now();
        // Its output in a file: the grandchild would hold the test's pipe too.
        let finished = finish(start_recorded(&lab, &["grandchild=600"], args, "log"));
        let took = began.elapsed();
        kill(Pid::from_raw(noted_pid(&lab, "grandchild")), Signal::SIGKILL).unwrap();
        assert_eq!(finished.code, 0);
        assert!(took < Duration::from_secs(40), "{took:?}");
        assert_order(&lab, &["h before", "restic", "h success", "h finally"]);
    }
}

/// A lab whose `binary` is this.
fn with_binary(binary: &str) -> Lab {
    lab_with(&BASE.replace("@stand-in@", binary), &[told()])
}

#[test]
fn a_restic_that_is_not_there_or_no_program_is_found_before_anything_starts() {
    for binary in ["/nowhere/restic", "no-such-program-anywhere", "@lab@/source/file.txt", "@lab@/source"] {
        let lab = with_binary(binary);
        for args in [&["run", "p"][..], &["snapshots", "p"], &["exec", "--", "restic", "version"]] {
            let finished = run(&lab, &[], args);
            assert_eq!(finished.code, 78, "{finished:?}");
            assert!(finished.stderr.contains("cannot find the program"), "{finished:?}");
        }
        assert_order(&lab, &[]);
    }
}

#[test]
fn hookward_never_starts_itself() {
    let lab = with_binary(hookward().to_str().unwrap());
    let by_link = with_binary("@lab@/bin/restic");
    symlink(hookward(), by_link.path("bin/restic")).unwrap();
    let by_copy = with_binary("@lab@/bin/restic");
    std::fs::copy(hookward(), by_copy.path("bin/restic")).unwrap();
    for lab in [lab, by_link, by_copy] {
        let finished = run(&lab, &[], &["run", "p"]);
        assert_eq!(finished.code, 78, "{finished:?}");
        assert!(finished.stderr.contains("hookward itself"), "{finished:?}");
        assert_order(&lab, &[]);
    }
    // In the search path it is passed over, and nothing else is there.
    let lab = with_binary("restic");
    symlink(hookward(), lab.path("bin/restic")).unwrap();
    let mut command = super::support::command(&lab, &[], &["run", "p"]);
    let output = command.env("PATH", lab.path("bin")).output().unwrap();
    assert_eq!(output.status.code(), Some(78));
}

#[test]
fn a_program_that_can_not_be_started_is_a_failure_of_the_run() {
    let lab = with_binary("@lab@/bin/restic");
    let program = lab.path("bin/restic");
    std::fs::write(&program, "\u{7f}ELF is what it is not").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (code, run) = report(&lab, &[]);
    assert_eq!((code, run["status"].as_str()), (1, Some("failure")), "{run:#}");
    assert!(run["error"].as_str().unwrap().starts_with("cannot start "), "{run:#}");
    assert_eq!(run["restic"], Value::Null);
    assert_order(&lab, &["h before", "h failure", "h finally"]);
}

#[test]
fn a_restic_that_reads_its_stdin_sees_its_end() {
    let lab = lab(&[told()]);
    assert_eq!(finish(start(&lab, &["stdin"], &["run", "p"])).code, 0);
    assert_eq!(order(&lab).len(), 4);
}
