//! Other subcommands of restic, on a profile.

use std::fs;

use hookward_tests::lab::{Finished, Lab};
use serde_json::Value;

use crate::support::{back_up, lab, lab_with, locks, restic, snapshots, witness};

/// Calls of the witness, without what differs from run to run.
fn calls(lab: &Lab) -> Vec<String> {
    lab.journal().iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect()
}

#[test]
fn snapshots_are_listed_as_by_restic() {
    let lab = lab(&[witness()]);
    back_up(&lab);
    let alone: Finished = restic(&lab, &["snapshots"]).output().unwrap().into();
    let behind = lab.run(["snapshots", "p"]);
    assert_eq!((behind.code, &behind.stdout), (0, &alone.stdout), "{behind:?}");
    assert!(behind.stderr.contains("gate open, restic snapshots starts"), "{behind:?}");
    let json = lab.run(["snapshots", "p", "-q", "--", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap()[0]["tags"][0], "t", "{json:?}");
    assert_eq!(json.stderr, "");
    assert_eq!(calls(&lab), ["before", "success", "finally", "before", "success", "finally"]);
}

#[test]
fn snapshots_are_forgotten_by_the_rules_of_the_profile() {
    let lab = lab_with("forget = { args = [\"--keep-last\", \"1\", \"--prune\"] }", &[witness()]);
    for text in ["one", "two", "three"] {
        fs::write(lab.path("source/file.txt"), text).unwrap();
        back_up(&lab);
    }
    let rehearsed = lab.run(["forget", "p", "--dry-run"]);
    assert_eq!((rehearsed.code, snapshots(&lab).len()), (0, 3), "{rehearsed:?}");
    assert!(lab.journal().iter().all(|line| line.ends_with("dry-run")), "{:?}", lab.journal());
    let forgotten = lab.run(["forget", "p"]);
    assert_eq!((forgotten.code, snapshots(&lab).len()), (0, 1), "{forgotten:?}");
    assert_eq!(calls(&lab).len(), 6);
    assert_eq!(locks(&lab), 0);
}

#[test]
fn the_repository_is_pruned_and_checked() {
    let lab = lab(&[witness()]);
    back_up(&lab);
    for operation in ["prune", "check"] {
        let finished = lab.run([operation, "p"]);
        assert_eq!(finished.code, 0, "{finished:?}");
    }
    assert_eq!(calls(&lab).len(), 6);
    // A broken one is found, and hooks are told.
    let data = lab.path("repo/data");
    let packs = fs::read_dir(data).unwrap().flat_map(|dir| fs::read_dir(dir.unwrap().path()).unwrap());
    for pack in packs {
        fs::remove_file(pack.unwrap().path()).unwrap();
    }
    let finished = lab.run(["check", "p"]);
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(calls(&lab).ends_with(&["before".to_owned(), "failure".to_owned(), "finally".to_owned()]));
}

#[test]
fn files_come_back() {
    let lab = lab(&[witness()]);
    assert_eq!(lab.run(["run", "p"]).code, 0);
    let target = lab.path("restored");
    let finished = lab.run(["restore", "p", "--", "latest", "--target", target.to_str().unwrap()]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let restored = target.join(lab.path("source/file.txt").strip_prefix("/").unwrap());
    assert_eq!(fs::read_to_string(restored).unwrap(), "precious\n");
    let dumped = lab.run(["dump", "p", "-q", "--", "latest", lab.path("source/file.txt").to_str().unwrap()]);
    assert_eq!((dumped.code, dumped.stdout.as_str(), dumped.stderr.as_str()), (0, "precious\n", ""));
}

#[test]
fn any_command_runs_on_the_repository_of_a_profile() {
    let lab = lab(&[witness()]);
    back_up(&lab);
    let finished = lab.run(["run", "p", "-q", "--", "cat", "config"]);
    assert!(serde_json::from_str::<Value>(&finished.stdout).unwrap()["id"].is_string(), "{finished:?}");
    let finished = lab.run(["run", "p", "--", "ls", "latest", "--json"]);
    assert!(finished.stdout.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{finished:?}");
    assert_eq!(calls(&lab).len(), 6);
}

#[test]
fn a_rehearsed_backup_makes_no_snapshot() {
    let lab = lab(&[witness()]);
    let finished = lab.run(["run", "p", "--dry-run"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (0, 0), "{finished:?}");
    assert!(finished.stdout.contains("dry run"), "{finished:?}");
    assert!(!finished.stdout.contains("snapshot "), "{finished:?}");
    assert!(lab.journal().iter().all(|line| line.ends_with("dry-run")), "{:?}", lab.journal());
}

#[test]
fn a_pipe_is_backed_up() {
    let lab = lab(&[witness()]);
    let mut command = lab.hookward(["backup", "p", "--", "--stdin", "--stdin-filename", "dump.sql"]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"insert into t values (1);\n").unwrap();
    let finished: Finished = child.wait_with_output().unwrap().into();
    assert_eq!(finished.code, 0, "{finished:?}");
    let dumped = restic(&lab, &["dump", "latest", "/dump.sql"]).output().unwrap();
    assert_eq!(dumped.stdout, b"insert into t values (1);\n");
    assert_eq!(snapshots(&lab)[0]["paths"][0], "/dump.sql");
}
