//! What goes in and out is restic's own, whichever way it is started.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use hookward_tests::lab::{Lab, code};
use serde_json::Value;

use crate::support::{Way, back_up, lab, restic, snapshots, witness};

/// Both streams and the exit code, as they are.
fn outcome(mut command: Command) -> (Vec<u8>, Vec<u8>, i32) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (stdout, stderr, code(status))
}

/// Runs the command in every way, and compares all that comes out.
fn same(lab: &Lab, args: &[&str], change: impl Fn(&mut Command)) -> (String, String, i32) {
    let run = |way: Way| {
        let mut command = way.command(lab, args);
        change(&mut command);
        outcome(command)
    };
    let alone = run(Way::Alone);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for &way in Way::BEHIND {
        let behind = run(way);
        assert_eq!(text(&behind.0), text(&alone.0), "stdout of {args:?}, {way:?}");
        assert_eq!(text(&behind.1), text(&alone.1), "stderr of {args:?}, {way:?}");
        assert_eq!(behind, alone, "{args:?}, {way:?}");
    }
    (text(&alone.0), text(&alone.1), alone.2)
}

/// Checks that the runs before this were seen by hooks: two ways call them.
fn seen(lab: &Lab, event: &str) {
    let calls: Vec<_> = lab.journal().iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(calls, ["before", event, "finally", "before", event, "finally"]);
    fs::remove_file(lab.path("notes/journal")).unwrap();
}

#[test]
fn lists_are_the_same() {
    let lab = lab(&[witness()]);
    back_up(&lab);
    let (stdout, _, code) = same(&lab, &["snapshots"], |_| ());
    assert!(stdout.contains("1 snapshots") && code == 0, "{stdout}");
    seen(&lab, "success");
    let (stdout, ..) = same(&lab, &["snapshots", "--json"], |_| ());
    assert_eq!(serde_json::from_str::<Vec<Value>>(&stdout).unwrap().len(), 1);
    seen(&lab, "success");
    same(&lab, &["ls", "latest"], |_| ());
    seen(&lab, "success");
}

#[test]
fn failures_are_the_same() {
    let lab = lab(&[witness()]);
    fs::write(lab.path("other"), "wrong").unwrap();
    let other = lab.path("other");
    let wrong = |command: &mut Command| {
        command.env("RESTIC_PASSWORD_FILE", &other);
    };
    let (_, stderr, code) = same(&lab, &["cat", "config"], wrong);
    assert!(stderr.contains("wrong password") && [1, 12].contains(&code), "{code}: {stderr}");
    seen(&lab, "failure");
    let (_, stderr, code) = same(&lab, &["backup", "/nonexistent"], |_| ());
    assert!(stderr.contains("/nonexistent") && code != 0, "{code}: {stderr}");
    seen(&lab, "failure");
    let nowhere = |command: &mut Command| {
        command.env("RESTIC_REPOSITORY", "/nonexistent");
    };
    let (_, _, code) = same(&lab, &["snapshots"], nowhere);
    assert!([1, 10].contains(&code), "{code}");
    seen(&lab, "failure");
    let (_, stderr, code) = same(&lab, &["nonsense", "--odd"], |_| ());
    assert!(stderr.contains("nonsense") && code == 1, "{code}: {stderr}");
    seen(&lab, "failure");
    let (_, stderr, _) = same(&lab, &["backup", "--no-such-option"], |_| ());
    assert!(stderr.contains("no-such-option"), "{stderr}");
    seen(&lab, "failure");
}

#[test]
fn help_and_version_are_restics() {
    let lab = lab(&[witness()]);
    for args in [&["--help"] as &[&str], &["backup", "--help"], &["version"], &[], &["help"]] {
        let (stdout, _, code) = same(&lab, args, |_| ());
        assert!(stdout.contains("restic") && code == 0, "{args:?}: {stdout}");
    }
    // Not even options that Hookward has too.
    same(&lab, &["--json", "-v", "--quiet", "version"], |_| ());
    same(&lab, &["--config", "x", "version"], |_| ());
}

#[test]
fn a_pipe_into_a_backup_arrives() {
    let lab = lab(&[witness()]);
    let text = "line\n".repeat(100_000);
    for (number, &way) in [Way::Alone].iter().chain(Way::BEHIND).enumerate() {
        let name = format!("dump{number}");
        let mut command = way.command(&lab, &["backup", "--quiet", "--stdin", "--stdin-filename", &name]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{way:?}: {output:?}");
        let dumped = restic(&lab, &["dump", "latest", &format!("/{name}")]).output().unwrap();
        assert!(dumped.stdout == text.as_bytes(), "{way:?}");
    }
    seen(&lab, "success");
}

/// The messages of a backup: how often each comes, and its keys. Progress comes as
/// often as time allows, so it counts once.
fn shape(stdout: &[u8]) -> BTreeMap<String, (usize, Vec<String>)> {
    let mut shape = BTreeMap::new();
    for line in String::from_utf8(stdout.to_vec()).unwrap().lines() {
        let message: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let kind = message["message_type"].as_str().unwrap().to_owned();
        if kind == "status" {
            continue;
        }
        let keys = message.as_object().unwrap().keys().cloned().collect();
        let entry: &mut (usize, Vec<String>) = shape.entry(kind).or_default();
        *entry = (entry.0 + 1, keys);
    }
    shape
}

#[test]
fn the_messages_of_a_backup_are_the_same() {
    let lab = lab(&[witness()]);
    back_up(&lab);
    let source = lab.path("source");
    let args = ["backup", "--json", "--verbose=2", source.to_str().unwrap()];
    let (stdout, stderr, code) = outcome(Way::Alone.command(&lab, &args));
    let alone = shape(&stdout);
    assert!(code == 0 && alone["summary"].0 == 1 && alone.contains_key("verbose_status"), "{alone:?}");
    for &way in Way::BEHIND {
        let behind = outcome(way.command(&lab, &args));
        assert_eq!((shape(&behind.0), &behind.1, behind.2), (alone.clone(), &stderr, code), "{way:?}");
    }
    assert_eq!(snapshots(&lab).len(), 6);
    // The hooks were told of the snapshot, though nobody asked Hookward for a report.
    assert!(lab.journal().iter().filter(|line| line.contains(" snapshot=")).count() == 4, "{:?}", lab.journal());
    seen(&lab, "success");
}

#[test]
fn a_reader_that_has_enough_ends_restic_as_it_does_without_hooks() {
    let lab = lab(&[witness()]);
    for number in 0..3000 {
        fs::write(lab.path(format!("source/{number:0>200}")), "").unwrap();
    }
    back_up(&lab);
    let run = |way: Way| {
        let mut command = way.command(&lab, &["ls", "latest"]);
        let mut child = command.spawn().unwrap();
        let mut first = [0];
        std::io::Read::read_exact(&mut child.stdout.take().unwrap(), &mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        (code(output.status), String::from_utf8(output.stderr).unwrap())
    };
    let alone = run(Way::Alone);
    assert_ne!(alone.0, 0, "{alone:?}");
    for &way in Way::BEHIND {
        let behind = run(way);
        assert_eq!(behind.0, alone.0, "{way:?}: {behind:?}");
        assert!(behind.1.starts_with(&alone.1), "{way:?}: {behind:?}");
    }
}
