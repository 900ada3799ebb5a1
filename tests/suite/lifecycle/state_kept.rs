//! What a hook keeps from run to run: its own, in its profile, and only of calls that
//! went well.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use hookward_tests::lab::{Finished, Lab, finish};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::support::{BASE, lab, lab_with, only_run, release, run, send, start};

/// A run without a profile.
pub(crate) const WITHOUT: &[&str] = &["--json", "exec", "--", "restic", "backup", "/"];

/// Table of a hook that keeps state, and takes these steps.
pub(crate) fn keeper(scope: &str, name: &str, on: &[&str], more: &str, config: &str) -> String {
    format!(
        "[[{scope}]]\nname = \"{name}\"\ncomponent = \"@state@\"\non = {on:?}\n{more}\nconfig = {{ {config} }}\n\
         grants = {{ state = {{ max-bytes = \"16MiB\" }}, dirs = [{{ host = \"@lab@/notes\", guest = \"/notes\", write = true }}] }}\n"
    )
}

/// `HOOK STEP: RESULT` of each step, or `HOOK REASON` of each failure.
pub(crate) fn told(run: &Value) -> Vec<String> {
    let calls = run["hooks"].as_array().unwrap().iter();
    calls
        .flat_map(|call| {
            let name = call["name"].as_str().unwrap();
            let said = call["log"].as_array().into_iter().flatten().map(|line| line["message"].as_str());
            let failed = call["failure"]["reason"].as_str();
            let lines = said.chain([failed]).flatten();
            lines.map(|line| format!("{name} {line}")).collect::<Vec<_>>()
        })
        .collect()
}

#[track_caller]
pub(crate) fn told_by(lab: &Lab, args: &[&str]) -> Vec<String> {
    told(&only_run(&run(lab, &[], args)))
}

const P: &[&str] = &["--json", "run", "p"];
const Q: &[&str] = &["--json", "run", "q"];

#[test]
fn a_run_finds_what_the_last_one_left() {
    let lab = lab(&[keeper("profile.p.hook", "h", &["before"], "", "steps = [\"add n\"]")]);
    for n in 1..=3 {
        assert_eq!(told_by(&lab, P), [format!("h add n: {n}")]);
    }
    let file = lab.path("state/state.sqlite");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(lab.path("state").metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn each_hook_has_its_own_in_each_profile() {
    let steps = "steps = [\"add n\"]";
    let lab = lab(&[
        keeper("hook", "h", &["before"], "", steps),
        keeper("repository.r.hook", "h", &["before"], "", steps),
        keeper("profile.p.hook", "h", &["before"], "", steps),
        keeper("profile.p.hook", "i", &["before"], "", "steps = [\"get n\", \"add n\", \"add n\"]"),
        keeper("profile.q.hook", "h", &["before"], "", steps),
    ]);
    assert_eq!(
        told_by(&lab, P),
        ["h add n: 1", "h add n: 1", "h add n: 1", "i get n: none", "i add n: 1", "i add n: 2"]
    );
    assert_eq!(told_by(&lab, Q), ["h add n: 1"; 3]);
    assert_eq!(told_by(&lab, WITHOUT), ["h add n: 1"]);
    assert_eq!(told_by(&lab, Q), ["h add n: 2"; 3]);
    assert_eq!(told_by(&lab, WITHOUT), ["h add n: 2"]);
    assert_eq!(told_by(&lab, P)[3], "i get n: 2");
}

#[test]
fn finally_finds_what_before_has_left() {
    let on = "on = { before = [\"set stopped yes\"], finally = [\"get stopped\", \"delete stopped\"] }";
    let lab = lab(&[keeper("profile.p.hook", "h", &["before", "finally"], "", on)]);
    assert_eq!(told_by(&lab, P), ["h set stopped yes: ok", "h get stopped: yes", "h delete stopped: ok"]);
}

#[test]
fn the_next_attempt_finds_nothing_of_the_one_that_failed() {
    for last in ["fail", "panic", "spin", "exit", "set-size a 16777217"] {
        let steps = format!("first = [\"set a 1\", \"{last}\"], steps = [\"get a\", \"add n\"]");
        let more = "fuel = 500_000_000\nretry = { attempts = 2, delay = \"1ms\" }";
        let lab = lab(&[keeper("profile.p.hook", "h", &["before"], more, &steps)]);
        let told = told_by(&lab, P);
        assert_eq!(told[told.len() - 2..], ["h get a: none", "h add n: 1"], "{told:?}");
    }
}

#[test]
fn a_hook_without_the_grant_is_not_used_and_one_with_it_makes_no_file_before_it_needs_one() {
    let hook = keeper("profile.p.hook", "h", &["before"], "", "steps = [\"add n\"]");
    let with = lab(&[keeper("profile.p.hook", "h", &["before"], "", "steps = [\"sleep 1\"]")]);
    assert_eq!(told_by(&with, P), ["h sleep 1: ok"]);
    for args in [&["explain", "p"][..], &["validate"]] {
        assert_eq!(run(&with, &[], args).code, 0);
    }
    assert!(!with.path("state/state.sqlite").exists());
    let without = lab(&[hook.replace("state = { max-bytes = \"16MiB\" },", "")]);
    let finished = run(&without, &[], &["run", "p"]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(finished.stderr.contains("needs the grant `state`"), "{finished:?}");
}

#[test]
fn the_default_quota_is_one_mebibyte() {
    let hook = |size: usize| {
        let steps = format!("steps = [\"set-size a {size}\"]");
        keeper("profile.p.hook", "h", &["before"], "", &steps).replace("{ max-bytes = \"16MiB\" }", "{}")
    };
    assert_eq!(told_by(&lab(&[hook((1 << 20) - 1)]), P).len(), 1);
    let (_, failed) = super::support::report(&lab(&[hook(1 << 20)]), &[]);
    let failure = &failed["hooks"][0]["failure"];
    assert_eq!(failure["reason"], "state-size");
    assert_eq!(failure["message"], "keeps more than 1048576 bytes of state (`max-bytes` of the grant `state`)");
}

#[test]
fn a_host_that_is_killed_leaves_what_was_there_before() {
    let on = "on = { before = [\"get a\", \"set a new\", \"set b new\", \"delete c\", \"note /notes/here\", \"sleep 60000\"] }";
    let lab =
        lab(&[keeper("profile.p.hook", "h", &["before", "success"], "", "steps = [\"set a old\", \"set c old\"]")]);
    assert_eq!(run(&lab, &[], P).code, 0);
    super::support::configure(&lab, BASE, &[keeper("profile.p.hook", "h", &["before"], "", on)]);
    let mut child = start(&lab, &[], P);
    lab.wait_for("the hook", |lab| lab.path("notes/here").exists());
    send(&child, Signal::SIGKILL);
    child.wait().unwrap();
    let steps = "steps = [\"get a\", \"get b\", \"get c\"]";
    super::support::configure(&lab, BASE, &[keeper("profile.p.hook", "h", &["before"], "", steps)]);
    assert_eq!(told_by(&lab, P), ["h get a: old", "h get b: none", "h get c: old"]);
}

#[test]
fn hosts_that_are_killed_at_any_moment_leave_all_of_a_call_or_nothing() {
    // Two values that are always set together, large enough for many pages.
    let both = "steps = [\"add n\", \"set-many k 400 1000\", \"add m\"]";
    let lab = lab(&[keeper("profile.p.hook", "h", &["before"], "", both)]);
    assert_eq!(run(&lab, &[], P).code, 0);
    for round in 0..12 {
        let mut child = start(&lab, &[], P);
        std::thread::sleep(std::time::Duration::from_millis(30 + 12 * round));
        send(&child, Signal::SIGKILL);
        child.wait().unwrap();
        // The lock has died with its holder.
        let told = told_by(&lab, P);
        let count = |line: &str| line.rsplit(' ').next().unwrap().to_owned();
        assert_eq!(count(&told[0]), count(&told[2]), "{told:?}");
    }
}

#[test]
fn of_two_calls_at_once_one_fails_and_nothing_is_mixed() {
    let slow = "steps = [\"add n\", \"set who slow\", \"note /notes/here\", \"until /notes/go\"]";
    let lab = lab(&[keeper("hook", "h", &["before"], "", slow)]);
    let child = start(&lab, &[], WITHOUT);
    lab.wait_for("the hook", |lab| lab.path("notes/here").exists());
    let fast = keeper("hook", "h", &["before"], "", "steps = [\"add n\", \"set who fast\"]");
    super::support::configure(&lab, BASE, &[fast]);
    assert_eq!(told_by(&lab, WITHOUT), ["h add n: 1", "h set who fast: ok"]);
    release(&lab, "notes/go");
    let failed = only_run(&finish(child));
    assert_eq!((failed["exit-code"].as_i64(), told(&failed).last().unwrap().as_str()), (Some(80), "h state"));
    let message = failed["hooks"][0]["failure"]["message"].as_str().unwrap();
    assert!(message.starts_with("another call of this hook has changed its state meanwhile"), "{message}");
    super::support::configure(&lab, BASE, &[keeper("hook", "h", &["before"], "", "steps = [\"get n\", \"get who\"]")]);
    assert_eq!(told_by(&lab, WITHOUT), ["h get n: 1", "h get who: fast"]);
}

#[test]
fn many_profiles_may_keep_state_at_once() {
    let names: Vec<_> = (0..20).map(|n| format!("many{n}")).collect();
    let profiles: String = names
        .iter()
        .map(|name| format!("[profile.{name}]\nrepository = \"r\"\nsources = [\"@lab@/source\"]\n"))
        .collect();
    let steps = "steps = [\"add n\", \"set-many k 50 1000\"]";
    let lab = lab_with(&format!("{BASE}{profiles}"), &[keeper("hook", "h", &["before", "finally"], "", steps)]);
    for round in 0..2 {
        let start = |name: &String| {
            let mut command = super::support::command(&lab, &[], &["--json", "run", name]);
            command.stdout(Stdio::piped()).spawn().unwrap()
        };
        let children: Vec<_> = names.iter().map(start).collect();
        for child in children {
            let finished: Finished = finish(child);
            assert_eq!(finished.code, 0, "{finished:?}");
            let told = told(&only_run(&finished));
            assert_eq!(
                [&told[0], &told[2]],
                [&format!("h add n: {}", 2 * round + 1), &format!("h add n: {}", 2 * round + 2)]
            );
        }
    }
}
