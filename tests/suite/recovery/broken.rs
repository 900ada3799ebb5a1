//! A journal that can't be read or written: before the gate nothing is started without
//! it, after the gate nothing is stopped for it.

use std::fs;
use std::path::Path;
use std::process::Command;

use hookward_tests::lab::{Lab, finish, hookward};
use nix::unistd::geteuid;
use rusqlite::Connection;

use super::crash::kill_run;
use super::support::{
    BASE, assert_order, configure, hook, hook_with, lab, noted, only_run, order, release, run, start, until, warnings,
};

/// Runs SQL on a database; returns the number of rows that it has changed.
pub(crate) fn sqlite(path: &Path, sql: &str) -> usize {
    Connection::open(path).unwrap().execute(sql, []).unwrap()
}

/// The number that SQL asks for.
pub(crate) fn number(path: &Path, sql: &str) -> i64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Moves the changes beside a database into it.
pub(crate) fn gather(path: &Path) {
    let database = Connection::open(path).unwrap();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

const PAIR: &[&str] = &["before", "failure", "finally"];

#[test]
fn a_damaged_journal_starts_nothing_and_stays_as_it_is() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(Damage, &str); 5] = [
        (|bytes| bytes.clear(), "is empty, but no database ever is"),
        (|bytes| *bytes = b"not a database at all".repeat(1000), "it is not a database"),
        (|bytes| bytes[4096..].fill(0), "it is damaged"),
        (|bytes| bytes[60..64].copy_from_slice(&9u32.to_be_bytes()), "was written by a newer hookward"),
        (|bytes| bytes[68..72].fill(7), "is a database of another program"),
    ];
    let lab = lab(&[hook("h", PAIR)]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    let journal = lab.path("state/journal.sqlite");
    let calls = order(&lab).len();
    let changes = fs::read(lab.path("state/journal.sqlite-wal")).unwrap();
    let beside = fs::read(&journal).unwrap();
    gather(&journal);
    let whole = fs::read(&journal).unwrap();
    let none = Vec::new();
    // With its changes beside it, which have all of its pages, and without.
    let cases = damages.iter().filter(|(_, said)| *said != "it is damaged").map(|damage| (damage, &beside, &changes));
    for ((damage, expected), whole, changes) in cases.chain(damages.iter().map(|damage| (damage, &whole, &none))) {
        let mut bytes = whole.clone();
        damage(&mut bytes);
        fs::write(&journal, &bytes).unwrap();
        fs::write(lab.path("state/journal.sqlite-wal"), changes).unwrap();
        for args in [&["run", "p"][..], &["runs", "list"], &["recover"]] {
            let finished = run(&lab, &[], args);
            assert_eq!(finished.code, 78, "{args:?} {finished:?}");
            assert!(finished.stderr.contains(expected), "{expected}: {finished:?}");
        }
        assert_eq!(order(&lab).len(), calls, "something was started");
        assert!(fs::read(&journal).unwrap() == bytes, "{expected}");
    }
    fs::write(&journal, whole).unwrap();
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
}

#[test]
fn a_missing_directory_is_made_and_a_file_in_its_place_is_told() {
    let lab = lab(&[hook("h", PAIR)]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    assert!(lab.path("state/journal.sqlite").is_file());
    fs::remove_dir_all(lab.path("state")).unwrap();
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    fs::remove_dir_all(lab.path("state")).unwrap();
    fs::write(lab.path("state"), "").unwrap();
    let args = ["exec", "--", "restic", "backup", "/"];
    configure(&lab, BASE, &[Lab::probe("hook", "g", &["before"], "", "")]);
    let finished = run(&lab, &[], &args);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(finished.stderr.contains("the journal can't be used"), "{finished:?}");
}

#[test]
fn a_journal_that_another_holds_starts_nothing() {
    let lab = lab(&[hook("h", PAIR)]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    let other = Connection::open(lab.path("state/journal.sqlite")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let calls = order(&lab).len();
    let finished = run(&lab, &[], &["run", "p"]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(finished.stderr.contains("another process holds it"), "{finished:?}");
    assert_eq!(order(&lab).len(), calls);
}

#[test]
fn what_can_not_be_written_before_the_gate_keeps_it_shut() {
    // `h` has begun, and then the journal can't be written.
    let lab = lab(&[hook_with("h", PAIR, "", "until = { before = \"/notes/go\" }"), hook("later", PAIR)]);
    let child = start(&lab, &[], &["--json", "run", "p"]);
    noted(&lab, "h before");
    let trigger = "CREATE TRIGGER no BEFORE UPDATE ON call BEGIN SELECT RAISE(ABORT, 'no more'); END";
    sqlite(&lab.path("state/journal.sqlite"), trigger);
    release(&lab, "notes/go");
    let finished = finish(child);
    let run = only_run(&finished);
    assert_eq!((finished.code, run["status"].as_str()), (80, Some("failure")), "{run:#}");
    assert!(run["error"].as_str().unwrap().contains("no more"), "{run:#}");
    assert_order(&lab, &["h before", "later failure", "h failure", "h finally"]);
}

#[test]
fn what_can_not_be_written_after_the_gate_is_a_warning() {
    let lab = lab(&[hook("h", &["before", "success", "finally"])]);
    let child = start(&lab, &[&until(&lab, "go")], &["--json", "run", "p"]);
    noted(&lab, "started");
    let journal = lab.path("state/journal.sqlite");
    for table in ["run", "call"] {
        let trigger =
            format!("CREATE TRIGGER no_{table} BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'no more'); END");
        sqlite(&journal, &trigger);
    }
    release(&lab, "go");
    let finished = finish(child);
    let run = only_run(&finished);
    assert_eq!((finished.code, run["status"].as_str()), (0, Some("success")), "{run:#}");
    assert!(warnings(&run).iter().any(|warning| warning.contains("no more")), "{run:#}");
    assert_order(&lab, &["h before", "restic", "h success", "h finally"]);
}

#[test]
fn a_disk_that_is_full_or_read_only_starts_nothing() {
    let allowed = Command::new("unshare").args(["-m", "true"]).status();
    if !geteuid().is_root() || !allowed.is_ok_and(|status| status.success()) {
        eprintln!("skipped: mounting needs root");
        return;
    }
    for script in [
        "mount -t tmpfs -o size=400k none \"$STATE\"; dd if=/dev/zero of=\"$STATE/fill\" bs=4k 2>/dev/null || true",
        "mount -t tmpfs -o ro none \"$STATE\"",
    ] {
        let lab = lab(&[hook("h", PAIR)]);
        fs::create_dir(lab.path("state")).unwrap();
        let mut command = lab.command("unshare");
        command.args(["-m", "sh", "-ec", &format!("{script}\nexec \"$@\""), "sh"]);
        command.arg(hookward()).args(["exec", "--profile", "p", "--", "restic", "backup", "/"]);
        command.env("STAND_IN_LOG", lab.path("notes/journal")).env("STATE", lab.path("state"));
        let finished: hookward_tests::lab::Finished = command.output().unwrap().into();
        assert_eq!(finished.code, 78, "{finished:?}");
        assert_order(&lab, &[]);
    }
}

#[test]
fn a_run_that_can_not_be_read_is_told_each_time_and_stays() {
    let lab = lab(&[hook_with("h", PAIR, "", "until = { before = \"/notes/never\" }")]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    kill_run(child);
    sqlite(&lab.path("state/journal.sqlite"), "UPDATE run SET plan = '{\"of\":\"another form\"}'");
    configure(&lab, BASE, &[hook("new", &["before"])]);
    for _ in 0..2 {
        let finished = run(&lab, &[], &["run", "p"]);
        assert_eq!(finished.code, 81, "{finished:?}");
        assert!(format!("{finished:?}").contains("can't be recovered"), "{finished:?}");
    }
}
