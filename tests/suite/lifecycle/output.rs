//! What restic prints, however much, and whoever reads it, or doesn't.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use hookward_tests::lab::{Lab, finish};

use super::support::{SUMMARY, assert_order, command, hook, lab, noted, release, text, until};

fn told() -> String {
    hook("h", &["before", "success", "failure", "finally"])
}

/// The most memory that a process has had, in MiB.
fn peak(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[test]
fn a_hundred_megabytes_cost_no_memory() {
    const MOST: u64 = 150;
    for (flood, args) in [
        ("flood=104857600", &["run", "p"][..]),
        ("lines=104857600", &["run", "p"]),
        ("flood=104857600", &["exec", "--profile", "p", "--", "restic", "backup", "--json", "/"]),
        ("lines=104857600", &["exec", "--profile", "p", "--", "restic", "backup", "--json", "/"]),
    ] {
        let lab = lab(&[told()]);
        let go = until(&lab, "go");
        let mut command = command(&lab, &[flood, "note=ready", &go, SUMMARY], args);
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        noted(&lab, "ready");
        let peak = peak(&child);
        release(&lab, "go");
        assert_eq!(finish(child).code, 0);
        assert!(peak < MOST, "{flood} {args:?}: {peak} MiB");
        assert_order(&lab, &["h before", "restic", "h success", "h finally"]);
        assert!(text(&lab, "notes/journal").contains("snapshot=5a6b7c8d9e0f"), "{flood} {args:?}");
    }
}

/// Starts with a stdout whose reader leaves after the first bytes.
fn unread(mut command: Command) -> Child {
    let mut child = command.spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 1]).unwrap();
    drop(stdout);
    child
}

#[test]
fn a_reader_that_leaves_does_not_end_a_backup() {
    let lab = lab(&[told()]);
    let lines = vec!["stdout=a line"; 200];
    let go = until(&lab, "go");
    let words = [&[go.as_str()], &lines[..], &[SUMMARY]].concat();
    let child = unread(command(&lab, &words, &["run", "p"]));
    release(&lab, "go");
    let finished = finish(child);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_order(&lab, &["h before", "restic", "h success", "h finally"]);
}

#[test]
fn a_reader_that_leaves_restic_is_felt_by_restic_and_the_hooks_are_called() {
    let lab = lab(&[told()]);
    let words = ["stdout=first", &until(&lab, "go"), "flood=10485760"];
    let child = unread(command(&lab, &words, &["exec", "--profile", "p", "--", "restic", "backup", "--json", "/"]));
    release(&lab, "go");
    let finished = finish(child);
    assert_eq!(finished.code, 1, "{finished:?}");
    assert_order(&lab, &["h before", "restic", "h failure", "h finally"]);
}

/// A file that takes nothing, as a full disk or a terminal that is gone.
fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

#[test]
fn streams_that_can_not_be_written_end_no_run() {
    for args in [
        &["run", "p"][..],
        &["-vv", "run", "p"],
        &["--log-format", "json", "-vv", "run", "p"],
        &["exec", "--profile", "p", "--", "restic", "backup", "/"],
    ] {
        for (stdout, stderr) in [(true, false), (false, true), (true, true)] {
            let lab = Lab::new();
            let warns =
                super::support::hook_with("w", &["before", "success"], "", "warn-on = [\"before\"], log = \"hello\"");
            super::support::configure(&lab, super::support::BASE, &[told(), warns]);
            let mut command = command(&lab, &[SUMMARY], args);
            if stdout {
                command.stdout(full());
            }
            if stderr {
                command.stderr(full());
            }
            let code = finish(command.spawn().unwrap()).code;
            let order = super::support::order(&lab);
            assert_eq!(order.last().map(String::as_str), Some("h finally"), "{args:?} {stdout} {stderr} {order:?}");
            // restic itself writes to a stream that it has been given.
            if args[0] != "exec" {
                assert_eq!(code, 0, "{args:?} {stdout} {stderr}");
            }
        }
    }
}

#[test]
fn a_report_that_can_not_be_written_is_said_on_stderr() {
    let lab = lab(&[told()]);
    let mut command = command(&lab, &[SUMMARY], &["--json", "run", "p"]);
    let finished = finish(command.stdout(full()).spawn().unwrap());
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.stderr.contains("No space left"), "{finished:?}");
}
