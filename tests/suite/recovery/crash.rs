//! A run is killed at a stage of its life; whoever starts next pays what it owes,
//! before anything new.

use std::fs;
use std::process::Child;

use hookward_tests::guest;
use hookward_tests::lab::{Lab, finish};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::support::{
    BASE, assert_order, configure, hook, hook_with, is_alive, lab, noted, noted_pid, order, release, run, send, start,
    start_recorded, text, until,
};

/// Kills a run without a chance to clean up.
pub(crate) fn kill_run(child: Child) {
    send(&child, Signal::SIGKILL);
    assert_eq!(finish(child).code, 137);
}

/// Lets the restic of a killed run come to its end.
fn end_restic(lab: &Lab) {
    release(lab, "go");
    let restic = noted_pid(lab, "started");
    lab.wait_for("the end of restic", |_| !is_alive(restic));
}

const PAIR: &[&str] = &["before", "failure", "finally"];

#[test]
fn killed_in_a_before_hook() {
    let waits = "until = { before = \"/notes/never\" }, dump = \"/notes/{kind}.json\"";
    let lab = lab(&[hook("one", PAIR), hook_with("two", PAIR, "", waits), hook("three", PAIR)]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "two before");
    kill_run(child);
    configure(&lab, BASE, &[hook("new", &["before"])]);
    let next = run(&lab, &[], &["run", "p"]);
    assert_eq!(next.code, 0, "{next:?}");
    assert_order(
        &lab,
        &[
            "one before",
            "two before",
            "three failure",
            "two failure",
            "one failure",
            "two finally",
            "one finally",
            "new before",
            "restic",
        ],
    );
    let recovered = lab.journal().iter().filter(|line| line.ends_with(" recovered")).count();
    assert_eq!(recovered, 5);
    let event: Value = serde_json::from_str(&text(&lab, "notes/finally.json")).unwrap();
    assert_eq!(
        (&event["recovered"], &event["kind"], &event["profile"]),
        (&true.into(), &"finally".into(), &"p".into())
    );
    assert_eq!(event["outcome"]["status"], "failure");
    assert_eq!(event["outcome"]["error"], "the process that ran this was gone before restic was started");
    assert_eq!(event["sources"][0], lab.path("source").to_str().unwrap());
    // Once, and no more.
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    assert_eq!(order(&lab).len(), 11);
}

#[test]
fn killed_while_restic_runs() {
    let dump = "dump = \"/notes/{kind}.json\"";
    let lab = lab(&[hook_with("h", &["before", "success", "failure", "finally"], "", dump)]);
    let child = start_recorded(&lab, &[&until(&lab, "go")], &["run", "p"], "log");
    noted(&lab, "started");
    kill_run(child);
    end_restic(&lab);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    assert_order(
        &lab,
        &["h before", "restic", "h failure", "h finally", "h before", "restic", "h success", "h finally"],
    );
    let event: Value = serde_json::from_str(&text(&lab, "notes/failure.json")).unwrap();
    let error = "the process that ran this was gone while restic ran: whether it made a snapshot is not known";
    assert_eq!((&event["outcome"]["error"], &event["recovered"]), (&error.into(), &true.into()));
    assert_eq!((&event["outcome"]["exit-code"], &event["outcome"]["snapshot-id"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_restic_that_outlives_its_run_is_ended_before_anything_new() {
    for (deaf, signal) in [(false, "signal 2"), (true, "signal 2")] {
        let lab = lab(&[hook("h", &["before", "failure", "finally"])]);
        let mut words = vec!["note=ready", "sleep=600000"];
        if deaf {
            words.insert(0, "ignore");
        }
        let child = start_recorded(&lab, &words, &["run", "p"], "log");
        noted(&lab, "ready");
        kill_run(child);
        let restic = noted_pid(&lab, "started");
        assert!(is_alive(restic));
        let next = start_recorded(&lab, &[], &["run", "p"], "next");
        if deaf {
            // The second signal cuts the grace short; the run is cancelled then.
            noted(&lab, "signal 2");
            assert!(is_alive(restic));
            for _ in 0..2 {
                super::support::send_told(&lab, &next, Signal::SIGTERM, "next");
            }
        }
        let code = finish(next).code;
        assert_eq!(code, if deaf { 143 } else { 0 }, "{}", text(&lab, "next"));
        assert!(!is_alive(restic));
        assert!(text(&lab, "next").contains("has outlived that run"), "{}", text(&lab, "next"));
        let order = order(&lab);
        assert_eq!(order[..5], ["h before", "restic", signal, "h failure", "h finally"], "{order:#?}");
    }
}

#[test]
fn killed_in_the_outcome_it_is_told_again_and_what_was_told_is_not() {
    let waits = "until = { success = \"/notes/go\" }";
    let on = &["before", "success", "failure", "finally"];
    let lab = lab(&[hook("one", on), hook_with("two", on, "", waits), hook("three", on)]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "two success");
    kill_run(child);
    release(&lab, "notes/go");
    configure(&lab, BASE, &[hook("new", &["before"])]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    // The outcome is as it was written: success.
    assert_order(
        &lab,
        &[
            "one before",
            "two before",
            "three before",
            "restic",
            "three success",
            "two success",
            "two success",
            "one success",
            "three finally",
            "two finally",
            "one finally",
            "new before",
            "restic",
        ],
    );
}

#[test]
fn killed_in_finally_it_is_called_again_and_those_before_it_are_not() {
    let waits = "until = { finally = \"/notes/go\" }";
    let lab = lab(&[hook("one", PAIR), hook_with("two", PAIR, "", waits), hook("three", PAIR)]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "two finally");
    kill_run(child);
    release(&lab, "notes/go");
    configure(&lab, BASE, &[hook("new", &["before"])]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    assert_eq!(
        order(&lab)[3..],
        ["restic", "three finally", "two finally", "two finally", "one finally", "new before", "restic"]
    );
}

#[test]
fn a_finally_without_before_is_owed_and_an_unbegun_pair_is_not() {
    let waits = "until = { before = \"/notes/never\" }";
    let lab = lab(&[
        hook("always", &["finally"]),
        hook_with("stuck", &["before"], "", waits),
        hook("pair", &["before", "finally"]),
    ]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "stuck before");
    kill_run(child);
    configure(&lab, BASE, &[hook("new", &["before"])]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    assert_order(&lab, &["stuck before", "always finally", "new before", "restic"]);
}

#[test]
fn a_failed_finally_of_a_living_run_is_over() {
    let lab = lab(&[hook_with("h", PAIR, "", "fail-on = [\"finally\"]")]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 81);
    configure(&lab, BASE, &[hook("new", &["before"])]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    assert_order(&lab, &["h before", "restic", "h finally", "new before", "restic"]);
}

#[test]
fn the_component_and_the_grants_are_those_of_the_run() {
    let lab = lab(&[]);
    fs::copy(guest("probe"), lab.path("h.wasm")).unwrap();
    fs::create_dir(lab.path("other")).unwrap();
    let waits = "until = { before = \"/notes/never\" }";
    let table = hook_with("h", PAIR, "", waits).replace("@probe@", "@lab@/h.wasm");
    configure(&lab, BASE, std::slice::from_ref(&table));
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    kill_run(child);
    // Another component in its place, and the directory of its journal is another.
    fs::copy(guest("hello"), lab.path("h.wasm")).unwrap();
    let other = table.replace("@lab@/notes", "@lab@/other").replace("/notes/never", "/nowhere/x");
    configure(&lab, BASE, &[other.replace("name = \"h\"\ncomp", "name = \"renamed\"\ncomp")]);
    let next = run(&lab, &[], &["run", "p"]);
    assert_eq!(next.code, 0, "{next:?}");
    assert_eq!(order(&lab)[..3], ["h before", "h failure", "h finally"]);
    // Nothing open needs the copy any more.
    let kept: Vec<_> = fs::read_dir(lab.path("state/components")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(kept, ["lock"]);
}

#[test]
fn a_kept_component_that_was_changed_is_never_called() {
    let waits = "until = { before = \"/notes/never\" }";
    let lab = lab(&[hook_with("h", PAIR, "", waits)]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    kill_run(child);
    let components = fs::read_dir(lab.path("state/components")).unwrap().map(|entry| entry.unwrap().path());
    let copy = components.filter(|path| path.extension().is_some()).collect::<Vec<_>>();
    assert_eq!(copy.len(), 1);
    fs::copy(guest("hello"), &copy[0]).unwrap();
    configure(&lab, BASE, &[hook("new", &["before"])]);
    let next = run(&lab, &[], &["run", "p"]);
    assert_eq!(next.code, 80, "{next:?}");
    assert!(next.stderr.contains("is not the component that was pinned"), "{next:?}");
    assert_order(&lab, &["h before"]);
}

#[test]
fn a_recovery_that_is_killed_is_resumed() {
    let waits = "until = { before = \"/notes/never\" }";
    let slow = "until = { finally = \"/notes/go\" }";
    let lab = lab(&[hook_with("one", PAIR, "", slow), hook("two", PAIR), hook_with("last", &["before"], "", waits)]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "last before");
    kill_run(child);
    configure(&lab, BASE, &[hook("new", &["before"])]);
    let recovery = start(&lab, &[], &["run", "p"]);
    noted(&lab, "one finally");
    kill_run(recovery);
    release(&lab, "notes/go");
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    assert_eq!(
        order(&lab)[3..],
        ["two failure", "one failure", "two finally", "one finally", "one finally", "new before", "restic"]
    );
}

#[test]
fn another_profile_pays_it_unless_a_holder_has_that_duty() {
    let q = Lab::probe("profile.q.hook", "q", &["before"], "", "");
    let waits = "until = { before = \"/notes/never\" }";
    let lab = lab(&[hook_with("h", PAIR, "", waits), q.clone()]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    // While it lives nothing is owed.
    assert_eq!(run(&lab, &[], &["run", "q"]).code, 0);
    kill_run(child);
    // Whoever has the profile's lock has the duty.
    let lock = fs::File::options().write(true).open(lab.path("state/locks/profile-p.lock")).unwrap();
    lock.lock().unwrap();
    fs::write(lab.path("state/locks/profile-p.lock"), "{\"pid\":1,\"run\":\"another\",\"profile\":\"p\"}").unwrap();
    assert_eq!(run(&lab, &[], &["run", "q"]).code, 0);
    assert_eq!(order(&lab), ["h before", "q before", "restic", "q before", "restic"]);
    drop(lock);
    assert_eq!(run(&lab, &[], &["run", "q"]).code, 0);
    assert_eq!(order(&lab)[5..], ["h failure", "h finally", "q before", "restic"]);
}

#[test]
fn two_recoverers_at_once_pay_once() {
    let waits = "until = { before = \"/notes/never\" }, sleep = { finally = 300 }";
    let scoped = |name: &str, on: &[&str], config: &str| Lab::probe("hook", name, on, "", config);
    let lab = lab(&[scoped("h", PAIR, waits)]);
    let args = ["exec", "--", "restic", "backup", "/"];
    let child = start(&lab, &[], &args);
    noted(&lab, "h before");
    kill_run(child);
    configure(&lab, BASE, &[scoped("new", &["before"], "")]);
    let both = [start(&lab, &[], &args), start(&lab, &[], &args), start(&lab, &[], &["recover", "--wait"])];
    for child in both {
        assert_eq!(finish(child).code, 0);
    }
    let order = order(&lab);
    assert_eq!(order.iter().filter(|line| *line == "h finally").count(), 1, "{order:#?}");
    assert_eq!(order.iter().filter(|line| *line == "h failure").count(), 1, "{order:#?}");
}

#[test]
fn who_waited_for_an_exclusive_name_pays_for_its_dead_holder_first() {
    let waits = "until = { before = \"/notes/never\" }";
    let q = Lab::probe("profile.q.hook", "q", &["before"], "exclusive = \"db\"", "");
    let lab = lab(&[hook_with("h", PAIR, "exclusive = \"db\"", waits), q]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    let waiting = start_recorded(&lab, &[], &["run", "q"], "waiting");
    lab.wait_for("the notice", |lab| text(lab, "waiting").contains("waiting for"));
    kill_run(child);
    assert_eq!(finish(waiting).code, 0, "{}", text(&lab, "waiting"));
    assert_order(&lab, &["h before", "h failure", "h finally", "q before", "restic"]);
}

#[test]
fn what_the_third_signal_left_is_paid_by_the_next_start() {
    let waits = "until = { finally = \"/notes/go\" }";
    let lab = lab(&[hook("one", PAIR), hook_with("two", PAIR, "", waits)]);
    let child = start_recorded(&lab, &[], &["--json", "run", "p"], "log");
    noted(&lab, "two finally");
    for _ in 0..3 {
        super::support::send_told(&lab, &child, Signal::SIGTERM, "log");
    }
    drop(finish(child));
    release(&lab, "notes/go");
    let listed: Value = serde_json::from_str(&run(&lab, &[], &["--json", "runs", "list"]).stdout).unwrap();
    assert_eq!(listed["runs"][0]["owed"], serde_json::json!(["two", "one"]), "{listed:#}");
    assert_eq!(listed["runs"][0]["status"], "success");
    configure(&lab, BASE, &[hook("new", &["before"])]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    assert_eq!(order(&lab)[4..], ["two finally", "one finally", "new before", "restic"], "{:#?}", lab.journal());
}

#[test]
fn a_run_without_hooks_leaves_no_trace() {
    let lab = lab(&[]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    assert!(!lab.path("state").exists());
    assert_eq!(run(&lab, &[], &["runs", "list"]).code, 0);
    assert_eq!(run(&lab, &[], &["recover"]).code, 0);
    assert!(!lab.path("state").exists());
}

#[test]
fn the_restic_of_another_run_is_left_alone() {
    // A process of the same id, started at another time: the number was given anew.
    let lab = lab(&[hook("h", PAIR)]);
    let child = start_recorded(&lab, &[&until(&lab, "go")], &["run", "p"], "log");
    noted(&lab, "started");
    let journal = lab.path("state/journal.sqlite");
    let known = "SELECT count(*) FROM run WHERE restic_pid IS NOT NULL";
    lab.wait_for("the journal", |_| super::broken::number(&journal, known) == 1);
    kill_run(child);
    let restic = Pid::from_raw(noted_pid(&lab, "started"));
    let changed = super::broken::sqlite(&journal, "UPDATE run SET restic_start = restic_start - 1");
    assert_eq!(changed, 1);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    assert!(kill(restic, None).is_ok(), "it was ended");
    end_restic(&lab);
    assert!(!lab.journal().iter().any(|line| line.starts_with("signal")));
}
