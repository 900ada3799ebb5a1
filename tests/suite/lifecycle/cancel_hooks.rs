//! Rule 6, where no restic runs: a signal stops the current hook, and what is owed
//! is called all the same.

use std::io::Write as _;
use std::process::Child;
use std::time::{Duration, Instant};

use hookward_tests::lab::{Finished, Lab, finish};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::support::{
    EVENTS, SUMMARY, assert_order, command, hook, hook_with, lab, noted, only_run, release, run, send, send_told,
    start, start_logged, text, until, whole_report,
};

const HANGS: Duration = Duration::from_secs(45);

/// Waits for the end, which must come long before what hangs would have ended.
fn soon(child: Child) -> Finished {
    let began = Instant::now();
    let finished = finish(child);
    assert!(began.elapsed() < HANGS, "{finished:?}");
    finished
}

fn hanging(name: &str, on: &[&str], events: &[&str]) -> String {
    let sleep: Vec<_> = events.iter().map(|event| format!("{event} = 60000")).collect();
    hook_with(name, on, "", &format!("sleep = {{ {} }}", sleep.join(", ")))
}

#[test]
fn a_signal_stops_a_before_hook_at_once_and_restic_is_never_started() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let lab =
            lab(&[hook("first", EVENTS), hanging("h", EVENTS, &["before"]), hook("never", &["before", "finally"])]);
        let child = start(&lab, &[], &["--json", "run", "p"]);
        noted(&lab, "h before");
        send(&child, signal);
        let finished = soon(child);
        assert_eq!(finished.code, code, "{finished:?}");
        assert_order(
            &lab,
            &["first before", "h before", "h cancelled", "first cancelled", "h finally", "first finally"],
        );
        let run = only_run(&finished);
        assert_eq!((run["status"].as_str(), run["exit-code"].as_i64()), (Some("cancelled"), Some(code.into())));
        assert_eq!(run["error"], format!("cancelled by {signal} before restic was started"));
        assert_eq!(run["hooks"][1]["failure"]["reason"], "cancelled");
        assert_eq!(run["restic"], Value::Null);
    }
}

#[test]
fn a_hook_that_computes_is_stopped_as_one_that_waits() {
    let lab = lab(&[hook_with("h", &["before", "finally"], "fuel = 1_000_000_000_000_000", "spin-on = [\"before\"]")]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    send(&child, Signal::SIGINT);
    assert_eq!(soon(child).code, 130);
    assert_order(&lab, &["h before", "h finally"]);
}

#[test]
fn an_optional_hook_that_is_cancelled_ends_the_run_too() {
    let config = "sleep = { before = 60000 }";
    for kind in ["optional", "preflight"] {
        let lab = lab(&[
            hook_with("h", &["before"], &format!("kind = \"{kind}\""), config),
            hook("told", &["before", "skipped", "failure", "cancelled"]),
        ]);
        let child = start(&lab, &[], &["run", "p"]);
        noted(&lab, "h before");
        send(&child, Signal::SIGINT);
        assert_eq!(soon(child).code, 130);
        assert_order(&lab, &["h before", "told cancelled"]);
    }
}

#[test]
fn a_signal_while_components_are_compiled_ends_a_run_that_has_not_begun() {
    let lab = lab(&[hook("h", &["before", "finally"]), hook("told", &["cancelled"])]);
    let mut command = command(&lab, &[], &["run", "p"]);
    command.env("HOOKWARD_CACHE_DIR", lab.path("cold-cache"));
    let child = command.spawn().unwrap();
    let pid = child.id();
    lab.wait_for("the handler", |_| catches(pid, Signal::SIGTERM));
    send(&child, Signal::SIGTERM);
    let finished = soon(child);
    assert_eq!(finished.code, 143, "{finished:?}");
    assert!(finished.stderr.contains("no hook was called, and restic was not started"), "{finished:?}");
    assert_order(&lab, &[]);
}

fn catches(pid: u32, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or_default();
    u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask >> (signal as i32 - 1) & 1 == 1)
}

#[test]
fn a_signal_in_a_success_hook_stops_that_hook_alone_and_the_run_stays_a_success() {
    for (kind, code) in [("required", 81), ("optional", 0)] {
        let kind = format!("kind = \"{kind}\"");
        let lab = lab(&[
            hook("first", &["before", "success", "finally"]),
            hook_with("h", &["success"], &kind, "sleep = { success = 60000 }"),
            hook("told", &["cancelled", "failure"]),
        ]);
        let child = start(&lab, &[SUMMARY], &["--json", "run", "p"]);
        noted(&lab, "h success");
        send(&child, Signal::SIGTERM);
        let finished = soon(child);
        assert_eq!(finished.code, code, "{finished:?}");
        assert_order(&lab, &["first before", "restic", "h success", "first success", "first finally"]);
        assert_eq!(only_run(&finished)["status"], "success");
        assert_eq!(only_run(&finished)["restic"]["snapshot-id"], "5a6b7c8d9e0f");
    }
}

#[test]
fn a_further_signal_stops_a_further_outcome_hook() {
    let lab = lab(&[
        hook("one", &["failure", "finally"]),
        hanging("two", &["failure"], &["failure"]),
        hanging("three", &["failure"], &["failure"]),
    ]);
    let child = start(&lab, &["exit=1"], &["run", "p"]);
    for name in ["three failure", "two failure"] {
        noted(&lab, name);
        send(&child, Signal::SIGINT);
    }
    assert_eq!(soon(child).code, 1);
    assert_order(&lab, &["restic", "three failure", "two failure", "one failure", "one finally"]);
}

#[test]
fn neither_the_first_nor_the_second_signal_stops_a_finally() {
    let lab = lab(&[
        hook_with("h", &["before", "finally"], "", "until = { finally = \"/notes/go\" }"),
        hook("g", &["finally"]),
    ]);
    let child = start_logged(&lab, &[SUMMARY], &["--log-format", "json", "--json", "run", "p"], "stderr");
    noted(&lab, "h finally");
    for _ in 0..2 {
        send_told(&lab, &child, Signal::SIGINT, "stderr");
    }
    release(&lab, "notes/go");
    let finished = soon(child);
    assert_eq!(finished.code, 0, "{finished:?}");
    let run = only_run(&finished);
    assert_eq!(run["status"], "success");
    assert_eq!(run["hooks"][2]["failure"], Value::Null, "{run:#}");
    assert_order(&lab, &["h before", "restic", "g finally", "h finally"]);
}

#[test]
fn the_third_signal_leaves_at_once_and_tells_what_is_owed() {
    let lab = lab(&[
        hook("one", &["before", "finally"]),
        hanging("two", &["before", "finally"], &["finally"]),
        hook("three", &["before", "finally"]),
    ]);
    let child = start_logged(&lab, &[SUMMARY], &["--log-format", "json", "--json", "run", "p"], "stderr");
    noted(&lab, "two finally");
    for _ in 0..2 {
        send_told(&lab, &child, Signal::SIGINT, "stderr");
    }
    // Of this one there may be no time to tell.
    send(&child, Signal::SIGINT);
    let finished = soon(child);
    let run = only_run(&finished);
    assert_eq!((finished.code, run["status"].as_str()), (81, Some("success")), "{run:#}");
    assert_eq!(run["owed"], serde_json::json!(["two", "one"]));
    assert_order(&lab, &["one before", "two before", "three before", "restic", "three finally", "two finally"]);
}

#[test]
fn the_third_signal_ends_a_process_that_nobody_listens_to() {
    // As on a terminal that was stopped by Ctrl-S.
    let (unread, full) = std::io::pipe().unwrap();
    let room = fcntl(&full, FcntlArg::F_GETPIPE_SZ).unwrap();
    (&full).write_all(&vec![b'x'; usize::try_from(room).unwrap()]).unwrap();
    let lab = lab(&[hanging("h", &["before"], &["before"])]);
    let mut child = command(&lab, &[], &["run", "p"]).stderr(full).spawn().unwrap();
    let listens = |child: &Child| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or_default();
        u64::from_str_radix(caught.trim(), 16).is_ok_and(|caught| caught >> (Signal::SIGINT as i32 - 1) & 1 == 1)
    };
    lab.wait_for("a process that listens", |_| listens(&child));
    for _ in 0..2 {
        send(&child, Signal::SIGINT);
        // The hook is stopped, and that can't be told.
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(child.try_wait().unwrap(), None);
    }
    send(&child, Signal::SIGINT);
    assert_eq!(soon(child).code, 130);
    drop(unread);
}

#[test]
fn a_finally_that_is_owed_is_no_clean_end() {
    // Nothing has failed but that a required hook was never called.
    let lab = lab(&[
        hook("owed", &["before", "finally"]),
        hook_with("h", &["success"], "kind = \"optional\"", "sleep = { success = 60000 }"),
        hook_with("i", &["success"], "kind = \"optional\"", "sleep = { success = 60000 }"),
        hook_with("j", &["success"], "kind = \"optional\"", "sleep = { success = 60000 }"),
    ]);
    let child = start(&lab, &[SUMMARY], &["--json", "run", "p"]);
    for name in ["j success", "i success", "h success"] {
        noted(&lab, name);
        send(&child, Signal::SIGINT);
    }
    let finished = soon(child);
    let run = only_run(&finished);
    assert_eq!(run["owed"], serde_json::json!(["owed"]), "{run:#}");
    assert_eq!((finished.code, run["status"].as_str()), (81, Some("success")), "{run:#}");
}

/// Starts `hookward` with a signal ignored, as `nohup` does for SIGHUP and a shell
/// for SIGINT of what it puts into the background.
fn start_ignoring(lab: &Lab, signal: &str, restic: &[&str], args: &[&str]) -> Child {
    let plain = command(lab, restic, args);
    let mut shell = lab.command("sh");
    shell
        .args(["-c", &format!("trap '' {signal}; exec \"$0\" \"$@\"")])
        .arg(plain.get_program())
        .args(plain.get_args());
    shell.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.spawn().unwrap()
}

#[test]
fn a_signal_that_was_ignored_at_the_start_ends_nothing() {
    for (name, signal) in [("HUP", Signal::SIGHUP), ("INT", Signal::SIGINT)] {
        let lab = lab(&[
            hook_with("h", &["before", "finally"], "", "until = { before = \"/notes/go\" }"),
            hook("told", &["success"]),
        ]);
        let child = start_ignoring(&lab, name, &[], &["run", "p"]);
        noted(&lab, "h before");
        send(&child, signal);
        release(&lab, "notes/go");
        assert_eq!(soon(child).code, 0);
        assert_order(&lab, &["h before", "restic", "told success", "h finally"]);
    }
}

#[test]
fn another_signal_ends_a_run_that_ignores_one() {
    let lab = lab(&[hanging("h", &["before", "finally"], &["before"])]);
    let child = start_ignoring(&lab, "HUP", &[], &["run", "p"]);
    noted(&lab, "h before");
    send(&child, Signal::SIGHUP);
    send(&child, Signal::SIGTERM);
    assert_eq!(soon(child).code, 143);
}

#[test]
fn a_run_that_waits_for_a_lock_ends_with_its_signal_and_calls_no_hook() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let lab = lab(&[hook("h", &["before", "cancelled", "finally"])]);
        let holder = start(&lab, &[&until(&lab, "go")], &["run", "p"]);
        noted(&lab, "started");
        let waiting = start_logged(&lab, &[], &["--log-format", "json", "--json", "run", "--wait", "p"], "waiting");
        lab.wait_for("the notice", |lab| text(lab, "waiting").contains("\"waiting\""));
        send(&waiting, signal);
        let finished = soon(waiting);
        assert_eq!(finished.code, code, "{finished:?}");
        assert_eq!(whole_report(&finished)["errors"][0]["exit-code"], code);
        release(&lab, "go");
        assert_eq!(soon(holder).code, 0);
        assert_order(&lab, &["h before", "restic", "h finally"]);
    }
}

#[test]
fn a_signal_in_one_profile_keeps_the_next_from_being_started() {
    let lab = lab(&[
        hook_with("h", &["success"], "kind = \"optional\"", "sleep = { success = 60000 }"),
        Lab::probe("profile.q.hook", "never", EVENTS, "", ""),
    ]);
    let child = start(&lab, &[SUMMARY], &["--json", "run", "p", "q"]);
    noted(&lab, "h success");
    send(&child, Signal::SIGTERM);
    let finished = soon(child);
    // The first profile is well; the command has not done what was asked for.
    assert_eq!(finished.code, 143, "{finished:?}");
    let report = whole_report(&finished);
    assert_eq!(report["exit-code"], 143);
    assert_eq!(report["runs"][0]["status"], "success");
    assert_eq!(report["errors"][0]["profile"], "q", "{report:#}");
    assert_order(&lab, &["restic", "h success"]);
}

#[test]
fn the_run_after_a_cancelled_one_finds_everything_free() {
    let lab = lab(&[hanging("h", &["before", "finally"], &["before"])]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    send(&child, Signal::SIGINT);
    assert_eq!(soon(child).code, 130);
    super::support::configure(&lab, super::support::BASE, &[hook("h", &["before", "finally"])]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
}
