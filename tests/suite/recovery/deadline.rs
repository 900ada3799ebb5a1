//! `max-duration`: a run that takes too long is cancelled as by a signal.

use std::time::{Duration, Instant};

use hookward_tests::lab::Lab;

use super::support::{BASE, assert_order, hook, hook_with, lab_with, report, run};

fn lab(hooks: &[String]) -> Lab {
    lab_with(&BASE.replacen("[profile.p]\n", "[profile.p]\nmax-duration = \"1s\"\n", 1), hooks)
}

const ALL: &[&str] = &["before", "success", "failure", "cancelled", "finally"];

#[test]
fn restic_is_ended_and_the_hooks_after_it_have_their_time() {
    let slow = "sleep = { cancelled = 300, finally = 300 }";
    let lab = lab(&[hook_with("h", ALL, "", slow)]);
    let began = Instant::now();
    let (code, run) = report(&lab, &["lock"]);
    assert!(began.elapsed() < Duration::from_secs(40));
    assert_eq!((code, run["status"].as_str()), (130, Some("cancelled")), "{run:#}");
    assert_eq!(run["error"], "ran longer than max-duration, 1s; restic exited with code 130");
    assert_order(&lab, &["h before", "restic", "signal 2", "h cancelled", "h finally"]);
    assert!(run["hooks"].as_array().unwrap().iter().all(|call| call["failure"].is_null()), "{run:#}");
}

#[test]
fn a_before_hook_is_stopped_and_restic_never_starts() {
    let lab = lab(&[hook_with("h", ALL, "", "sleep = { before = 600000 }")]);
    let (code, run) = report(&lab, &[]);
    assert_eq!((code, run["status"].as_str()), (143, Some("cancelled")), "{run:#}");
    assert_eq!(run["error"], "ran longer than max-duration, 1s");
    assert_order(&lab, &["h before", "h cancelled", "h finally"]);
}

#[test]
fn what_comes_after_restic_is_not_late_and_the_next_profile_has_its_own_time() {
    let slow = "sleep = { success = 1500 }";
    let lab = lab(&[hook_with("h", ALL, "", slow), Lab::probe("profile.q.hook", "q", &["before"], "", "")]);
    assert_eq!(run(&lab, &[], &["run", "p", "q"]).code, 0);
    assert_order(&lab, &["h before", "restic", "h success", "h finally", "q before", "restic"]);
    let lab = lab_with(
        &BASE.replacen("[profile.p]\n", "[profile.p]\nmax-duration = \"1s\"\n", 1),
        &[
            hook_with("h", ALL, "", "sleep = { before = 600000 }"),
            Lab::probe("profile.q.hook", "q", &["before"], "", ""),
        ],
    );
    assert_eq!(run(&lab, &[], &["run", "p", "q"]).code, 143);
    assert_order(&lab, &["h before", "h cancelled", "h finally", "q before", "restic"]);
}

#[test]
fn it_is_for_runs_without_hooks_too() {
    let lab = lab(&[]);
    let began = Instant::now();
    assert_eq!(run(&lab, &["lock"], &["run", "p"]).code, 130);
    assert!(began.elapsed() < Duration::from_secs(40));
    let lab = self::lab(&[hook("h", ALL)]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
}
