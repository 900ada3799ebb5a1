//! Surroundings that fail: whatever the moment, it is told, the gate stays shut, and
//! what a `before` has begun gets its `finally`, if not from this run, then from the
//! next.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hookward_tests::lab::{Finished, Lab, finish, hookward};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use rusqlite::Connection;

use super::support::{
    BASE, SUMMARY, assert_order, command, configure, hook, hook_with, lab, lab_with, noted, only_run, order, release,
    run, send, start, start_logged, text, until, warnings,
};

const PAIR: &[&str] = &["before", "failure", "finally"];

/// A hook that stays in its `before`, until that is released.
fn waiting() -> String {
    hook_with("h", PAIR, "", "until = { before = \"/notes/go\" }")
}

fn kill(child: Child) {
    send(&child, Signal::SIGKILL);
    assert_eq!(finish(child).code, 137);
}

/// Each `before` has its `finally` before anything else begins, and restic stands
/// between the two.
#[track_caller]
fn assert_paired(order: &[String], context: &str) {
    let mut open = false;
    for line in order {
        match line.as_str() {
            "h before" => assert!(!std::mem::replace(&mut open, true), "{order:?} {context}"),
            "h finally" => assert!(std::mem::take(&mut open), "{order:?} {context}"),
            "restic" => assert!(open, "{order:?} {context}"),
            _ => {}
        }
    }
    assert!(!open, "{order:?} {context}");
}

fn told(finished: &Finished) -> String {
    format!("{}{}", finished.stdout, finished.stderr)
}

/// `sh -ec SCRIPT sh hookward ARGS`, in a mount namespace of its own if that is wanted.
/// The script runs `"$@"`.
fn shell(lab: &Lab, own_mounts: bool, script: &str, args: &[&str]) -> Command {
    let mut shell = lab.command(if own_mounts { "unshare" } else { "sh" });
    if own_mounts {
        shell.args(["-m", "sh"]);
    }
    shell.args(["-ec", script, "sh"]).arg(hookward()).args(args);
    shell.env("STAND_IN_LOG", lab.path("notes/journal")).env("STATE", lab.path("state"));
    shell
}

fn may_mount() -> bool {
    let allowed = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
    let may = geteuid().is_root() && allowed.is_ok_and(|status| status.success());
    if !may {
        eprintln!("skipped: mounting needs root");
    }
    may
}

#[test]
fn a_disk_that_gets_full_at_any_step_loses_nothing() {
    if !may_mount() {
        return;
    }
    let lab = lab(&[hook("h", PAIR)]);
    fs::create_dir(lab.path("state")).unwrap();
    // So many pages are left for the run; then there is room again.
    let script = "mount -t tmpfs -o size=8m none \"$STATE\"
        \"$@\" >/dev/null 2>&1
        dd if=/dev/zero of=\"$STATE/fill\" bs=4k 2>/dev/null || true
        truncate -s -$((LEFT * 4096)) \"$STATE/fill\"
        code=0; \"$@\" || code=$?
        rm \"$STATE/fill\"
        \"$1\" recover >/dev/null
        exit $code";
    // The copy of the component takes most of what a run needs.
    let copy = fs::metadata(hookward_tests::guest("probe")).unwrap().len().div_ceil(4096);
    let mut codes = Vec::new();
    for left in [0, 3, 9, copy - 1].into_iter().chain((copy..copy + 60).step_by(3)) {
        let _ = fs::remove_file(lab.path("notes/journal"));
        let mut command = shell(&lab, true, script, &["run", "p"]);
        let finished: Finished = command.env("LEFT", left.to_string()).output().unwrap().into();
        let context = format!("{left} pages left: {finished:?}");
        let order = order(&lab);
        assert_paired(&order, &context);
        let starts = order.iter().filter(|line| *line == "restic").count();
        match finished.code {
            // After the gate, it is a warning at most.
            0 => assert_eq!(starts, 2, "{context}"),
            78 | 80 => {
                assert_eq!(starts, 1, "{context}");
                let said = told(&finished);
                let names_it = ["disk is full", "No space left on device"].iter().any(|text| said.contains(text));
                assert!(names_it, "{context}");
            }
            _ => panic!("{context}"),
        }
        codes.push(finished.code);
    }
    assert!(codes.contains(&78) && codes.contains(&0), "{codes:?}");
}

#[test]
fn without_descriptors_it_is_told_and_nothing_is_lost() {
    let lab = lab(&[hook("h", PAIR)]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    let mut codes = Vec::new();
    for limit in 4..48 {
        let _ = fs::remove_file(lab.path("notes/journal"));
        let finished: Finished =
            shell(&lab, false, &format!("ulimit -n {limit}; exec \"$@\""), &["run", "p"]).output().unwrap().into();
        let recovered = run(&lab, &[], &["recover"]);
        let context = format!("{limit} descriptors: {finished:?}, then {recovered:?}");
        assert_eq!(recovered.code, 0, "{context}");
        assert!(!told(&finished).contains("panicked"), "{context}");
        assert_paired(&order(&lab), &context);
        let has_run = order(&lab).contains(&"restic".to_owned());
        if finished.code == 0 {
            assert!(has_run, "{context}");
        } else if !has_run && limit > 8 {
            // With less not even the loader of programs gets along.
            let said = told(&finished).to_lowercase();
            let names_it = ["open files", "os error 24", "emfile", "unable to open"];
            assert!(names_it.iter().any(|text| said.contains(text)), "{context}");
        }
        codes.push(finished.code);
    }
    assert!(codes.contains(&0) && codes.iter().any(|code| *code != 0), "{codes:?}");
}

/// A lab with a run that was killed in its `before`, and all of its journal in one file.
fn owing() -> Lab {
    let lab = lab(&[waiting()]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    kill(child);
    release(&lab, "notes/go");
    let journal = Connection::open(lab.path("state/journal.sqlite")).unwrap();
    journal.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    lab
}

/// A run on a journal that was damaged begins nothing new, or it first pays what is
/// owed.
#[track_caller]
fn assert_nothing_lost(lab: &Lab, whole: &[u8], context: &str) -> i32 {
    let _ = fs::remove_file(lab.path("notes/journal"));
    // A run that has paid removes the copy of the component.
    let kept = lab.path("kept");
    let from = if kept.exists() { kept.clone() } else { lab.path("state/components") };
    let to = if kept.exists() { lab.path("state/components") } else { kept };
    assert!(Command::new("cp").arg("-rT").args([from, to]).status().unwrap().success());
    for changes in ["-wal", "-shm"] {
        let _ = fs::remove_file(lab.path(format!("state/journal.sqlite{changes}")));
    }
    let finished = run(lab, &[], &["run", "p"]);
    let order = order(lab);
    let context = format!("{context}: {order:?} {finished:?}");
    match finished.code {
        // It can be read: the debt comes first.
        0 => assert_eq!(order[..2], ["h failure", "h finally"], "{context}"),
        78 => {
            assert!(order.iter().all(|line| line != "h before" && line != "restic"), "{context}");
            assert!(told(&finished).contains("the journal can't be used"), "{context}");
        }
        // It is told that there is a run that can't be read.
        80 | 81 => assert!(told(&finished).contains("can't be recovered"), "{context}"),
        _ => panic!("{context}"),
    }
    fs::write(lab.path("state/journal.sqlite"), whole).unwrap();
    finished.code
}

#[test]
fn a_journal_that_is_damaged_in_any_page_or_cut_off_forgets_no_debt() {
    let lab = owing();
    let journal = lab.path("state/journal.sqlite");
    let whole = fs::read(&journal).unwrap();
    let pages = whole.len() / 4096;
    let mut codes = Vec::new();
    for page in 0..pages {
        for (at, bytes) in [(0, vec![0xff; 200]), (0, vec![0; 4096]), (3000, vec![0xa5; 1096])] {
            let file = fs::File::options().write(true).open(&journal).unwrap();
            file.write_all_at(&bytes, (page * 4096 + at) as u64).unwrap();
            let context = format!("page {page} of {pages}, from {at}: {:#x}", bytes[0]);
            codes.push(assert_nothing_lost(&lab, &whole, &context));
        }
    }
    for length in [1, 50, 100, 4096, 4097, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        fs::write(&journal, &whole[..length]).unwrap();
        assert_nothing_lost(&lab, &whole, &format!("cut to {length} of {}", whole.len()));
    }
    assert!(codes.contains(&78), "{codes:?}");
    // The copy that somebody puts back is as good as it was.
    assert_eq!(assert_nothing_lost(&lab, &whole, "whole"), 0);
}

#[test]
fn a_journal_of_a_newer_form_or_none_at_all_keeps_its_debt_for_later() {
    let lab = owing();
    let journal = lab.path("state/journal.sqlite");
    let set = |version: i64| Connection::open(&journal).unwrap().pragma_update(None, "user_version", version).unwrap();
    let version = Connection::open(&journal).unwrap().pragma_query_value(None, "user_version", |row| row.get(0));
    let version = version.unwrap();
    set(99);
    let finished = run(&lab, &[], &["run", "p"]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(finished.stderr.contains("was written by a newer hookward"), "{finished:?}");
    assert_order(&lab, &["h before"]);
    set(version);
    fs::rename(lab.path("state"), lab.path("elsewhere")).unwrap();
    fs::write(lab.path("state"), "a file").unwrap();
    let finished = run(&lab, &[], &["run", "p"]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert_order(&lab, &["h before"]);
    fs::remove_file(lab.path("state")).unwrap();
    fs::rename(lab.path("elsewhere"), lab.path("state")).unwrap();
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    assert_eq!(order(&lab)[..4], ["h before", "h failure", "h finally", "h before"]);
}

#[test]
fn what_can_not_be_used_says_why_and_says_it_once() {
    let lab = lab(&[hook("h", PAIR)]);
    fs::create_dir(lab.path("state")).unwrap();
    fs::write(lab.path("state/locks"), "a file").unwrap();
    let finished = run(&lab, &[], &["run", "p"]);
    let json = run(&lab, &[], &["--json", "run", "p"]);
    fs::remove_file(lab.path("state/locks")).unwrap();
    fs::create_dir(lab.path("state/journal.sqlite")).unwrap();
    let journal = [["run", "p"], ["runs", "list"]].map(|args| run(&lab, &[], &args));
    for finished in [finished, json].iter().chain(&journal) {
        assert_eq!(finished.code, 78, "{finished:?}");
        let why = ["File exists (os error 17)", "is not a file"].map(|why| finished.stderr.matches(why).count());
        assert_eq!(why.iter().sum::<usize>(), 1, "{finished:?}");
    }
    assert_order(&lab, &[]);
}

#[test]
fn what_is_owed_is_paid_though_nothing_new_can_be_started() {
    type Break = fn(&Lab);
    let breaks: [(Break, &str); 4] = [
        (|lab| fs::remove_file(lab.path("probe.wasm")).unwrap(), "probe.wasm"),
        (|lab| fs::write(lab.path("hookward.toml"), "version = 1\n[profil.p]\n").unwrap(), "profil"),
        (|lab| fs::remove_file(lab.path("hookward.toml")).unwrap(), "hookward.toml"),
        (|lab| fs::write(lab.path("hookward.lock"), "<<<<<<< ours\n").unwrap(), "hookward.lock"),
    ];
    for (broken, said) in breaks {
        let lab = Lab::new();
        let own = lab.path("probe.wasm");
        fs::copy(hookward_tests::guest("probe"), &own).unwrap();
        configure(&lab, BASE, &[waiting().replace("@probe@", own.to_str().unwrap())]);
        let child = start(&lab, &[], &["run", "p"]);
        noted(&lab, "h before");
        kill(child);
        release(&lab, "notes/go");
        broken(&lab);
        let finished = run(&lab, &[], &["run", "p"]);
        assert_eq!(finished.code, 78, "{finished:?}");
        assert!(told(&finished).contains(said), "{finished:?}");
        // By the component that was kept.
        assert_order(&lab, &["h before", "h failure", "h finally"]);
        assert_eq!(run(&lab, &[], &["run", "p"]).code, 78);
        assert_order(&lab, &["h before", "h failure", "h finally"]);
    }
}

#[test]
fn images_that_were_damaged_are_made_again() {
    let lab = lab(&[hook("h", PAIR)]);
    let cached = |args: &[&str]| -> Finished {
        command(&lab, &[], args).env("HOOKWARD_CACHE_DIR", lab.path("cache")).output().unwrap().into()
    };
    assert_eq!(cached(&["run", "p"]).code, 0);
    let mut damaged = 0;
    let found = Command::new("find").arg(lab.path("cache")).args(["-type", "f"]).output().unwrap();
    for path in String::from_utf8(found.stdout).unwrap().lines() {
        let length = fs::metadata(path).unwrap().len();
        // The key is small, an image is not.
        if length > 4096 {
            fs::File::options().write(true).open(path).unwrap().write_all_at(&[0xff; 64], length / 2).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 0, "no image was kept");
    let finished = cached(&["run", "p"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let one = ["h before", "restic", "h finally"];
    assert_order(&lab, &[one, one].concat());
}

#[test]
fn a_restic_that_is_gone_by_the_time_the_gate_opens_is_a_failure_of_the_run() {
    let own = |lab: &Lab| lab.path("bin/restic");
    let lab = lab_with(&BASE.replace("@stand-in@", "@lab@/bin/restic"), &[waiting()]);
    let copy = |lab: &Lab| {
        fs::copy(hookward_tests::lab::stand_in(), own(lab)).unwrap();
    };
    copy(&lab);
    let validated = run(&lab, &[], &["validate"]);
    assert_eq!(validated.code, 0, "{validated:?}");
    fs::remove_file(own(&lab)).unwrap();
    let finished = run(&lab, &[], &["run", "p"]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(finished.stderr.contains("cannot find the program"), "{finished:?}");
    assert_order(&lab, &[]);
    copy(&lab);
    let child = start(&lab, &[], &["--json", "run", "p"]);
    noted(&lab, "h before");
    fs::remove_file(own(&lab)).unwrap();
    release(&lab, "notes/go");
    let finished = finish(child);
    let report = only_run(&finished);
    assert_eq!((finished.code, report["status"].as_str()), (1, Some("failure")), "{report:#}");
    assert!(report["error"].as_str().unwrap().starts_with("cannot start "), "{report:#}");
    assert_order(&lab, &["h before", "h failure", "h finally"]);
}

#[test]
fn standard_streams_that_are_closed_are_nobody_elses() {
    let lab = lab(&[hook("h", PAIR)]);
    let words = "stdout=out\u{1f}stderr=err";
    let mut command = shell(&lab, false, "exec \"$@\" <&- >&- 2>&-", &["run", "p"]);
    assert_eq!(command.env("STAND_IN", words).status().unwrap().code(), Some(0));
    assert_order(&lab, &["h before", "restic", "h finally"]);
    // Nothing of what was said went into a file that got the number of a stream.
    let listed = run(&lab, &[], &["runs", "list"]);
    assert_eq!(listed.code, 0, "{listed:?}");
    assert!(listed.stdout.contains("success"), "{listed:?}");
    for entry in fs::read_dir(lab.path("state/locks")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    }
}

#[test]
fn a_state_directory_that_is_removed_under_a_run_does_not_stop_it() {
    let lab = lab(&[hook("h", PAIR)]);
    let child = start(&lab, &[&until(&lab, "go")], &["--json", "run", "p"]);
    noted(&lab, "started");
    fs::remove_dir_all(lab.path("state")).unwrap();
    release(&lab, "go");
    let finished = finish(child);
    let report = only_run(&finished);
    assert_eq!((finished.code, report["status"].as_str()), (0, Some("success")), "{report:#}");
    assert_order(&lab, &["h before", "restic", "h finally"]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
}

#[test]
fn a_journal_held_by_another_process_while_restic_runs_is_written_by_the_next_start() {
    let lab = lab(&[hook("h", PAIR), hook("g", PAIR)]);
    let child = start_logged(&lab, &[&until(&lab, "go")], &["--json", "run", "p"], "log");
    noted(&lab, "started");
    let other = hold(&lab.path("state/journal.sqlite"));
    release(&lab, "go");
    let released = Instant::now();
    let finished = finish(child);
    // It has waited, but not for each step.
    assert!(released.elapsed() < Duration::from_secs(30), "{:?}", released.elapsed());
    let report = only_run(&finished);
    assert_eq!((finished.code, report["status"].as_str()), (0, Some("success")), "{report:#} {}", text(&lab, "log"));
    assert!(warnings(&report).iter().any(|warning| warning.contains("another process holds it")), "{report:#}");
    let calls = ["h before", "g before", "restic", "g finally", "h finally"];
    assert_order(&lab, &calls);
    // The next start can't be without it; what is there is as it was.
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 78);
    drop(other);
    // The run was not lost, and nothing of it is done twice.
    let next = run(&lab, &[], &["run", "p"]);
    assert_eq!(next.code, 0, "{next:?}");
    assert_order(&lab, &[calls, calls].concat());
    let list: serde_json::Value = serde_json::from_str(&run(&lab, &[], &["--json", "runs", "list"]).stdout).unwrap();
    let first = &list["runs"][1];
    assert_eq!((&first["status"], &first["state"]), (&"success".into(), &"ended".into()), "{list:#}");
    let id = first["run-id"].as_str().unwrap();
    let shown: serde_json::Value =
        serde_json::from_str(&run(&lab, &[], &["--json", "runs", "show", id]).stdout).unwrap();
    let hooks = shown["run"]["hooks"].as_array().unwrap();
    assert!(hooks.len() == 4 && hooks.iter().all(|call| call["ended"] == true), "{shown:#}");
}

#[test]
fn a_journal_that_was_held_for_a_while_has_all_of_the_run_in_the_end() {
    let lab = lab(&[hook_with("h", PAIR, "", "until = { finally = \"/notes/on\" }")]);
    let child = start_logged(&lab, &[&until(&lab, "go"), SUMMARY], &["--json", "run", "p"], "log");
    noted(&lab, "started");
    let other = hold(&lab.path("state/journal.sqlite"));
    release(&lab, "go");
    noted(&lab, "h finally");
    drop(other);
    release(&lab, "notes/on");
    let finished = finish(child);
    let report = only_run(&finished);
    assert_eq!(finished.code, 0, "{report:#}");
    assert!(warnings(&report).is_empty(), "{report:#}");
    let list: serde_json::Value = serde_json::from_str(&run(&lab, &[], &["--json", "runs", "list"]).stdout).unwrap();
    assert_eq!((&list["runs"][0]["status"], &list["runs"][0]["state"]), (&"success".into(), &"ended".into()));
    let recovered = run(&lab, &[], &["recover"]);
    assert!(recovered.stdout.contains("nothing is owed"), "{recovered:?}");
}

/// Writes to the journal, and goes on doing so.
fn hold(journal: &Path) -> Connection {
    let other = Connection::open(journal).unwrap();
    other.busy_timeout(Duration::from_secs(30)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    other
}
