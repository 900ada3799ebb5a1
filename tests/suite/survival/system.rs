//! A system that answers otherwise than it should: locks that aren't to be had, a clock
//! that was set back, no memory for a child, components that are gone under a run.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use hookward_tests::lab::{Finished, Lab, finish};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::support::{
    BASE, assert_order, command, configure, hook_with, lab, noted, only_run, order, release, run, send, start,
};

const PAIR: &[&str] = &["before", "success", "failure", "finally"];

/// Answers in the place of the C library: no locks on files, a clock that is shifted by
/// so many seconds.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

int flock(int fd, int operation) {
    (void)fd, (void)operation;
    if (!getenv("SHIM_NO_LOCKS")) {
        int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
        return real(fd, operation);
    }
    errno = ENOLCK;
    return -1;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    const char *shift = getenv("SHIM_CLOCK");
    if (result == 0 && clock == CLOCK_REALTIME && shift) time->tv_sec += atol(shift);
    return result;
}
"#;

/// The shim, built.
fn shim(lab: &Lab) -> PathBuf {
    let (source, built) = (lab.path("shim.c"), lab.path("shim.so"));
    fs::write(&source, SHIM).unwrap();
    let status =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).args([&built, &source]).arg("-ldl").status();
    assert!(status.unwrap().success(), "cannot build the shim");
    built
}

fn shimmed(lab: &Lab, variable: (&str, &str), args: &[&str]) -> Finished {
    command(lab, &[], args).env("LD_PRELOAD", shim(lab)).env(variable.0, variable.1).output().unwrap().into()
}

/// A hook that stays in its `before` until that is released.
fn waiting() -> String {
    hook_with("h", PAIR, "", "until = { before = \"/notes/go\" }")
}

fn listed(lab: &Lab) -> Vec<Value> {
    let list: Value = serde_json::from_str(&run(lab, &[], &["--json", "runs", "list"]).stdout).unwrap();
    list["runs"].as_array().unwrap().clone()
}

#[test]
fn without_locks_on_files_nothing_is_started() {
    let lab = lab(&[super::support::hook("h", PAIR)]);
    for args in [&["run", "p"][..], &["exec", "--profile", "p", "--", "restic", "backup", "/"]] {
        let finished = shimmed(&lab, ("SHIM_NO_LOCKS", "1"), args);
        assert_eq!(finished.code, 78, "{finished:?}");
        assert!(finished.stderr.contains("No locks available"), "{finished:?}");
        assert_order(&lab, &[]);
    }
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
}

#[test]
fn a_clock_that_was_set_back_keeps_no_debt_waiting_and_no_order_from_being_seen() {
    let lab = lab(&[waiting()]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    send(&child, Signal::SIGKILL);
    drop(finish(child));
    release(&lab, "notes/go");
    // An hour before the run that it pays for.
    let finished = shimmed(&lab, ("SHIM_CLOCK", "-3600"), &["run", "p"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_order(&lab, &["h before", "h failure", "h finally", "h before", "restic", "h success", "h finally"]);
    let runs = listed(&lab);
    let statuses: Vec<_> = runs.iter().map(|run| run["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["success", "failure"], "{runs:#?}");
    assert!(runs[0]["started"].as_str() < runs[1]["started"].as_str(), "the newest first, whatever the clock says");
    let shown: Value =
        serde_json::from_str(&run(&lab, &[], &["--json", "runs", "show", runs[0]["run-id"].as_str().unwrap()]).stdout)
            .unwrap();
    let short = |call: &Value| call["duration-ms"].as_u64().is_some_and(|millis| millis < 600_000);
    assert!(shown["run"]["hooks"].as_array().unwrap().iter().all(short), "{shown:#}");
}

#[test]
fn a_debt_is_tried_again_though_its_time_is_further_off_than_any_pause() {
    let fails = waiting().replace("until =", "fail-on = [\"finally\"], until =");
    let lab = lab(&[fails]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    send(&child, Signal::SIGKILL);
    drop(finish(child));
    release(&lab, "notes/go");
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 80);
    let tried = |lab: &Lab| order(lab).iter().filter(|line| *line == "h finally").count();
    assert_eq!(tried(&lab), 1);
    // In a minute, not before; but under another clock that time is no time.
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 80);
    assert_eq!(tried(&lab), 1);
    assert_eq!(shimmed(&lab, ("SHIM_CLOCK", "-7200"), &["run", "p"]).code, 80);
    assert_eq!(tried(&lab), 2);
}

#[test]
fn without_memory_for_a_child_the_run_fails_and_nothing_is_passed_over() {
    let lab = lab(&[waiting()]);
    let child = start(&lab, &[], &["--json", "run", "p"]);
    noted(&lab, "h before");
    // Nothing more can be mapped from here on, a child's stack neither.
    let limited = Command::new("prlimit").args(["--pid", &child.id().to_string(), "--as=1048576"]).status();
    if !limited.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no prlimit");
        release(&lab, "notes/go");
        drop(finish(child));
        return;
    }
    release(&lab, "notes/go");
    let finished = finish(child);
    eprintln!("without memory: exit code {}", finished.code);
    let told = match finished.code {
        1 | 80 => {
            let report = only_run(&finished);
            let error = report["error"].as_str().unwrap();
            assert!(finished.code == 80 || error.starts_with("cannot start "), "{report:#}");
            // The hooks need some, too: one that could not be called is told as failed.
            let hooks = report["hooks"].as_array().unwrap().clone();
            assert!(["failure", "finally"].iter().all(|event| hooks.iter().any(|call| call["event"] == *event)));
            hooks.iter().any(|call| call["event"] == "finally" && !call["failure"].is_null())
        }
        // Where the process itself needed some, it has died, and the next one pays.
        134 | 101 => false,
        _ => panic!("{finished:?}"),
    };
    let recovered = run(&lab, &[], &["recover"]);
    assert_eq!(recovered.code, 0, "{recovered:?}");
    let order = order(&lab);
    assert!(!order.contains(&"restic".to_owned()), "{order:?}");
    assert!(told || order.ends_with(&["h finally".to_owned()]), "{order:?}");
}

#[test]
fn a_component_that_is_replaced_or_removed_under_a_run_is_the_one_that_was_loaded() {
    for replaced in [true, false] {
        let lab = Lab::new();
        let own = lab.path("probe.wasm");
        fs::copy(hookward_tests::guest("probe"), &own).unwrap();
        configure(&lab, BASE, &[waiting().replace("@probe@", own.to_str().unwrap())]);
        let child = start(&lab, &[], &["run", "p"]);
        noted(&lab, "h before");
        fs::remove_file(&own).unwrap();
        if replaced {
            fs::copy(hookward_tests::guest("hello"), &own).unwrap();
        }
        release(&lab, "notes/go");
        let finished = finish(child);
        assert_eq!(finished.code, 0, "{finished:?}");
        assert_order(&lab, &["h before", "restic", "h success", "h finally"]);
    }
}

#[test]
fn a_component_that_is_edited_in_place_after_a_crash_is_not_what_pays() {
    let lab = Lab::new();
    let own = lab.path("probe.wasm");
    fs::copy(hookward_tests::guest("probe"), &own).unwrap();
    configure(&lab, BASE, &[waiting().replace("@probe@", own.to_str().unwrap())]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    // As an editor does that keeps the file: a link to it would change with it.
    let other = fs::read(hookward_tests::guest("hello")).unwrap();
    fs::write(&own, other).unwrap();
    send(&child, Signal::SIGKILL);
    drop(finish(child));
    release(&lab, "notes/go");
    let recovered = run(&lab, &[], &["recover"]);
    assert_eq!(recovered.code, 0, "{recovered:?}");
    assert_order(&lab, &["h before", "h failure", "h finally"]);
}
