//! Rule 6, while restic runs: a signal is passed on once, a second one kills.

use std::time::{Duration, Instant};

use hookward_engine::Mask;
use hookward_runner::interrupt::{Cause, Interrupt, Interrupts};
use hookward_runner::restic::process::{self, Command, Exit, Said};
use hookward_tests::lab::{Lab, finish, stand_in};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::support::{
    SUMMARY, assert_order, hook, hook_with, is_alive, lab, noted, noted_pid, only_run, order, send, send_told, start,
    start_recorded, text,
};

#[test]
fn a_signal_is_passed_on_exactly_once_and_the_exit_code_is_restics() {
    // Always SIGINT: it is the one after which every restic removes its lock.
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        for code in [130, 1] {
            let lab = lab(&[hook("h", &["before", "success", "failure", "cancelled", "finally"])]);
            let on_signal = format!("on-signal={code}");
            let child = start(&lab, &[&on_signal, "note=ready", "lock"], &["--json", "run", "p"]);
            noted(&lab, "ready");
            send(&child, signal);
            let finished = finish(child);
            assert_eq!(finished.code, code, "{finished:?}");
            assert_order(&lab, &["h before", "restic", "signal 2", "h cancelled", "h finally"]);
            let run = only_run(&finished);
            assert_eq!(run["status"], "cancelled");
            assert_eq!(run["error"], format!("cancelled by {signal}; restic exited with code {code}"));
            assert_eq!(run["restic"]["exit-code"], code);
        }
    }
}

#[test]
fn a_restic_that_finishes_in_spite_of_the_signal_has_finished() {
    for (code, outcome) in [(0, "success"), (3, "warning")] {
        let lab = lab(&[hook("h", &["before", outcome, "cancelled", "finally"])]);
        let on_signal = format!("on-signal={code}");
        let child = start(&lab, &[SUMMARY, &on_signal, "note=ready", "lock"], &["--json", "run", "p"]);
        noted(&lab, "ready");
        send(&child, Signal::SIGTERM);
        let finished = finish(child);
        assert_eq!(finished.code, code, "{finished:?}");
        assert_order(&lab, &["h before", "restic", "signal 2", &format!("h {outcome}"), "h finally"]);
        let run = only_run(&finished);
        assert_eq!(
            (run["status"].as_str(), run["restic"]["snapshot-id"].as_str()),
            (Some(outcome), Some("5a6b7c8d9e0f"))
        );
    }
}

#[test]
fn the_second_signal_kills_restic_and_what_it_has_started() {
    for args in [&["--json", "run", "p"][..], &["--json", "exec", "--profile", "p", "--", "restic", "backup", "/"]] {
        let lab = lab(&[hook("h", &["before", "cancelled", "finally"])]);
        let child = start(&lab, &["ignore", "grandchild=600", "note=ready", "lock"], args);
        noted(&lab, "ready");
        send(&child, Signal::SIGTERM);
        noted(&lab, "signal 2");
        send(&child, Signal::SIGTERM);
        let finished = finish(child);
        assert_eq!(finished.code, 137, "{finished:?}");
        let (restic, grandchild) = (noted_pid(&lab, "started"), noted_pid(&lab, "grandchild"));
        lab.wait_for("the end of both", |_| !is_alive(restic) && !is_alive(grandchild));
        assert_order(&lab, &["h before", "restic", "signal 2", "h cancelled", "h finally"]);
        let run = only_run(&finished);
        assert_eq!((run["status"].as_str(), run["restic"]["signal"].as_i64()), (Some("cancelled"), Some(9)));
        assert_eq!(run["restic"]["exit-code"], Value::Null);
    }
}

#[test]
fn the_third_signal_leaves_the_hooks_that_are_owed() {
    let lab = lab(&[
        hook("one", &["before", "cancelled", "finally"]),
        hook_with("two", &["before", "cancelled", "finally"], "", "sleep = { cancelled = 60000 }"),
    ]);
    let child = start(&lab, &["ignore", "note=ready", "lock"], &["--json", "run", "p"]);
    noted(&lab, "ready");
    send(&child, Signal::SIGINT);
    noted(&lab, "signal 2");
    send(&child, Signal::SIGINT);
    noted(&lab, "two cancelled");
    let began = Instant::now();
    send(&child, Signal::SIGINT);
    let finished = finish(child);
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(finished.code, 137, "{finished:?}");
    let run = only_run(&finished);
    assert_eq!(run["owed"], serde_json::json!(["two", "one"]), "{run:#}");
    assert_eq!(run["status"], "cancelled");
    assert_order(&lab, &["one before", "two before", "restic", "signal 2", "two cancelled"]);
}

#[test]
fn what_is_owed_is_told_in_words() {
    let lab = lab(&[hook_with("h", &["before", "finally"], "", "sleep = { finally = 60000 }")]);
    let child = start_recorded(&lab, &[], &["run", "p"], "log");
    noted(&lab, "h finally");
    for _ in 0..2 {
        send_told(&lab, &child, Signal::SIGINT, "log");
    }
    // Of this one there may be no time to tell.
    send(&child, Signal::SIGINT);
    assert_eq!(finish(child).code, 81);
    let said = text(&lab, "log");
    assert!(said.contains("hook \"h\" was not called in `finally`"), "{said}");
}

#[test]
fn a_signal_that_restic_got_by_itself_is_a_cancel_too() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let lab = lab(&[hook("h", &["cancelled", "failure", "finally"])]);
        let child = start(&lab, &["note=ready", "lock"], &["run", "p"]);
        noted(&lab, "ready");
        let restic = nix::unistd::Pid::from_raw(noted_pid(&lab, "started"));
        nix::sys::signal::kill(restic, signal).unwrap();
        assert_eq!(finish(child).code, 130);
        assert_eq!(order(&lab)[2..], ["h cancelled", "h finally"]);
    }
}

/// Runs the stand-in through the library, where the grace can be short.
fn cancelled(restic: &[&str], grace: Duration) -> (Exit, Duration, Vec<String>) {
    let lab = Lab::new();
    let mut command = Command::new(stand_in().to_owned(), Vec::new());
    command.env = vec![
        ("STAND_IN".to_owned(), Some(restic.join("\u{1f}").into())),
        ("STAND_IN_LOG".to_owned(), Some(lab.path("notes/journal").into())),
    ];
    command.grace = grace;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let interrupts = Interrupts::default();
    let (exit, took) = std::thread::scope(|scope| {
        let ended = scope.spawn(|| {
            let ended =
                runtime.block_on(process::run(&command, &interrupts, &Mask::default(), &|_: Said<'_>| {})).unwrap();
            (ended.exit, Instant::now())
        });
        noted(&lab, "ready");
        let asked = Instant::now();
        interrupts.interrupt(Interrupt { signal: Signal::SIGTERM, by_terminal: false, cause: Cause::Signal });
        let (exit, end) = ended.join().unwrap();
        (exit, end - asked)
    });
    (exit, took, text(&lab, "notes/journal").lines().skip(1).map(str::to_owned).collect())
}

#[test]
fn a_restic_that_hangs_is_killed_at_the_end_of_the_grace() {
    let grace = Duration::from_millis(500);
    let (exit, took, notes) = cancelled(&["ignore", "note=ready", "lock"], grace);
    assert_eq!(exit, Exit::Signal(9));
    assert!(took >= grace && took < Duration::from_secs(20), "{took:?}");
    assert_eq!(notes, ["ready", "signal 2"]);
}

#[test]
fn a_restic_that_ends_in_time_is_not_killed() {
    let (exit, took, notes) = cancelled(&["on-signal=130", "note=ready", "lock"], Duration::from_secs(60));
    assert_eq!(exit, Exit::Code(130));
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(notes, ["ready", "signal 2"]);
}
