//! What a journal has lost without knowing it: SQLite takes damaged frames at the end of
//! its `-wal` file for the end of what was written.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use hookward_tests::lab::{Finished, Lab};

use super::crash::kill_run;
use super::support::{hook_with, lab, noted, order, release, run, start};

const PAIR: &[&str] = &["before", "failure", "finally"];

/// SQLite's header of the file, and of each frame before its page.
const HEADER: u64 = 32;
const FRAME: u64 = 24 + 4096;

/// A lab with a run that was killed in its `before`, and a copy of its state.
fn owing() -> Lab {
    let lab = lab(&[hook_with("h", PAIR, "", "until = { before = \"/notes/go\" }")]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    kill_run(child);
    release(&lab, "notes/go");
    copy(&lab.path("state"), &lab.path("kept"));
    lab
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-rT").args([from, to]).status().unwrap().success());
}

fn told(finished: &Finished) -> String {
    format!("{}{}", finished.stdout, finished.stderr)
}

#[test]
fn a_journal_whose_last_writes_are_damaged_forgets_no_debt() {
    let lab = owing();
    let wal = lab.path("kept/journal.sqlite-wal");
    let frames = (fs::metadata(&wal).unwrap().len() - HEADER) / FRAME;
    assert!(frames > 3, "only {frames} frames");
    let (mut paid, mut mended, mut lost) = (0, 0, 0);
    let mut cases = Vec::new();
    for frame in 0..frames {
        cases.extend([(frame, 8, false), (frame, 24 + 2000, false), (frame, 0, true)]);
    }
    for (frame, at, cut) in &cases {
        copy(&lab.path("kept"), &lab.path("state"));
        let _ = fs::remove_file(lab.path("state/journal.sqlite-shm"));
        let _ = fs::remove_file(lab.path("notes/journal"));
        let file = fs::File::options().write(true).open(lab.path("state/journal.sqlite-wal")).unwrap();
        let at = HEADER + frame * FRAME + at;
        if *cut {
            file.set_len(at).unwrap()
        } else {
            file.write_all_at(&[0xa5; 16], at).unwrap()
        }
        let finished = run(&lab, &[], &["run", "p"]);
        let context = format!("frame {frame} of {frames}, {at}, {cut}: {:?} {finished:?}", order(&lab));
        if told(&finished).contains("the journal has lost run") {
            // All of the run is gone: it is told, with what is to be looked after.
            assert_eq!(finished.code, 81, "{context}");
            assert!(told(&finished).contains("what these hooks have done: h"), "{context}");
            lost += 1;
        } else {
            assert_eq!(finished.code, 0, "{context}");
            assert_eq!(order(&lab)[..2], ["h failure", "h finally"], "{context}");
            if told(&finished).contains("the journal had lost that") { mended += 1 } else { paid += 1 }
        }
    }
    eprintln!("{} damages: {paid} paid, {mended} noticed and paid, {lost} told of", cases.len());
    assert!(mended > 0 && lost > 0, "{mended} {lost}");
}

#[test]
fn a_run_that_the_journal_has_lost_is_told_until_it_is_given_up() {
    let lab = owing();
    for file in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(lab.path(format!("state/journal.sqlite{file}")));
    }
    // Looking at it makes nothing.
    let recovered = run(&lab, &[], &["--json", "recover"]);
    assert_eq!(recovered.code, 81, "{recovered:?}");
    assert!(told(&recovered).contains("the journal has lost run"), "{recovered:?}");
    for _ in 0..2 {
        let finished = run(&lab, &[], &["run", "p"]);
        assert_eq!(finished.code, 81, "{finished:?}");
        assert!(told(&finished).contains("of profile `p`, whose process is gone"), "{finished:?}");
        assert!(told(&finished).contains("what these hooks have done: h"), "{finished:?}");
    }
    let message = told(&run(&lab, &[], &["recover"]));
    let id = message.split("--give-up ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    let given_up = run(&lab, &[], &["recover", "--give-up", &id]);
    assert_eq!(given_up.code, 0, "{given_up:?}");
    assert!(given_up.stdout.contains("given up, without a call: h"), "{given_up:?}");
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    assert_eq!(run(&lab, &[], &["recover"]).code, 0);
}

#[test]
fn a_lock_without_a_run_behind_it_is_only_removed() {
    // As left by a process that died between the lock and the journal.
    let lab = lab(&[hook_with("h", PAIR, "", "")]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    let lock = lab.path("state/runs/019395a6-2c3a-7c61-a6f5-57ba2d5a0b7e.lock");
    fs::write(&lock, "").unwrap();
    let finished = run(&lab, &[], &["run", "p"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(!told(&finished).contains("lost"), "{finished:?}");
    assert!(!lock.exists());
}
