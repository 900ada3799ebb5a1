//! Rule 10: one run of a profile at a time, one holder of an exclusive name.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Child;

use hookward_tests::lab::{Lab, finish};
use nix::sys::signal::Signal;

use super::support::{
    assert_order, hook, lab, noted, noted_pid, only_run, order, release, run, send, start, start_logged,
    start_recorded, text, until, whole_report,
};

/// Starts a run of profile `p` that goes on until the file is there.
fn holder(lab: &Lab) -> Child {
    let child = start(lab, &[&until(lab, "go")], &["--json", "run", "p"]);
    noted(lab, "started");
    child
}

#[test]
fn a_second_run_of_a_profile_is_refused_and_told_who_holds_it() {
    let lab = lab(&[hook("h", &["before", "failure", "finally"])]);
    let holder = holder(&lab);
    let pid = holder.id();
    let second = run(&lab, &[], &["run", "p"]);
    let third = run(&lab, &[], &["--json", "run", "p"]);
    let shim = run(&lab, &[], &["exec", "--profile", "p", "--", "restic", "backup", "/"]);
    release(&lab, "go");
    let first = finish(holder);
    assert_eq!((first.code, second.code, third.code, shim.code), (0, 79, 79, 79), "{second:?} {third:?} {shim:?}");
    let who = format!("held by run {} (process {pid}, profile `p`)", only_run(&first)["run-id"].as_str().unwrap());
    let error = &whole_report(&third)["errors"][0];
    assert_eq!((error["profile"].as_str(), error["exit-code"].as_i64()), (Some("p"), Some(79)));
    let said =
        [format!("{}{}", second.stdout, second.stderr), error["error"].as_str().unwrap().to_owned(), shim.stderr];
    assert!(said.iter().all(|said| said.contains(&who)), "no {who}: {said:#?}");
    assert_order(&lab, &["h before", "restic", "h finally"]);
}

#[test]
fn a_run_that_waits_is_carried_out_when_the_other_has_ended() {
    let lab = lab(&[hook("h", &["before", "finally"])]);
    let holder = holder(&lab);
    let who = format!("process {}", holder.id());
    let waiting = start_logged(&lab, &[], &["--log-format", "json", "run", "--wait", "p"], "waiting");
    lab.wait_for("the notice", |lab| text(lab, "waiting").contains("\"waiting\""));
    let notice = text(&lab, "waiting");
    assert!(notice.contains("profile `p`") && notice.contains(&holder.id().to_string()), "no {who}: {notice}");
    release(&lab, "go");
    assert_eq!((finish(holder).code, finish(waiting).code), (0, 0));
    assert_order(&lab, &["h before", "restic", "h finally", "h before", "restic", "h finally"]);
}

#[test]
fn a_lock_dies_with_its_holder() {
    let lab = lab(&[hook("h", &["before", "finally"])]);
    let holder = holder(&lab);
    send(&holder, Signal::SIGKILL);
    assert_eq!(finish_killed(&lab, holder), 137);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    // What it owed comes first.
    assert_eq!(order(&lab), ["h before", "restic", "h finally", "h before", "restic", "h finally"]);
}

/// Ends restic too, which a killed run leaves behind and which has its streams.
fn finish_killed(lab: &Lab, holder: Child) -> i32 {
    release(lab, "go");
    let code = finish(holder).code;
    let restic = noted_pid(lab, "started");
    lab.wait_for("the end of restic", |_| !super::support::is_alive(restic));
    code
}

#[test]
fn other_profiles_are_not_held_up() {
    let lab = lab(&[hook("h", &["before", "finally"]), Lab::probe("profile.q.hook", "q", &["before"], "", "")]);
    let holder = holder(&lab);
    let other = run(&lab, &[], &["run", "q"]);
    release(&lab, "go");
    assert_eq!((finish(holder).code, other.code), (0, 0));
    assert_order(&lab, &["h before", "restic", "q before", "restic", "h finally"]);
}

#[test]
fn runs_without_a_profile_do_not_hold_each_other_up() {
    let lab = lab(&[Lab::probe("hook", "g", &["before", "finally"], "", "")]);
    let args = ["exec", "--", "restic", "backup", "/"];
    let first = start(&lab, &[&until(&lab, "go")], &args);
    noted(&lab, "started");
    assert_eq!(run(&lab, &[], &args).code, 0);
    release(&lab, "go");
    assert_eq!(finish(first).code, 0);
}

/// A pair of profile `p` or `q` that holds `thing`.
fn exclusive(profile: &str, name: &str, thing: &str) -> String {
    let scope = format!("profile.{profile}.hook");
    Lab::probe(&scope, name, &["before", "finally"], &format!("exclusive = \"{thing}\""), "")
}

#[test]
fn an_exclusive_name_is_held_from_before_to_finally_across_profiles() {
    let lab = lab(&[exclusive("p", "p", "db"), exclusive("q", "q", "db")]);
    for _ in 0..3 {
        let both = ["p", "q"].map(|profile| start(&lab, &["sleep=100"], &["run", profile]));
        for child in both {
            assert_eq!(finish(child).code, 0);
        }
    }
    let order = order(&lab);
    assert_eq!(order.len(), 3 * 2 * 3, "{order:#?}");
    for run in order.chunks(3) {
        let name = &run[0][..1];
        assert_eq!(run, [format!("{name} before"), "restic".to_owned(), format!("{name} finally")], "{order:#?}");
    }
}

#[test]
fn an_exclusive_name_is_free_again_for_the_next_profile_of_the_same_command() {
    let lab = lab(&[exclusive("p", "p", "db"), exclusive("q", "q", "db")]);
    assert_eq!(run(&lab, &[], &["run", "p", "q", "p"]).code, 0);
    let one = |name: &str| [format!("{name} before"), "restic".to_owned(), format!("{name} finally")];
    assert_eq!(order(&lab), [one("p"), one("q"), one("p")].concat());
}

#[test]
fn who_waits_for_an_exclusive_name_says_for_whom() {
    let lab = lab(&[exclusive("p", "p", "db"), exclusive("q", "q", "db")]);
    let holder = holder(&lab);
    let pid = holder.id();
    let waiting = start_recorded(&lab, &[], &["run", "q"], "waiting");
    lab.wait_for("the notice", |lab| text(lab, "waiting").contains("waiting for"));
    release(&lab, "go");
    let first = finish(holder);
    let run = only_run(&first)["run-id"].as_str().unwrap().to_owned();
    let who = format!("waiting for exclusive name `db`, held by run {run} (process {pid}, profile `p`)");
    assert_eq!((first.code, finish(waiting).code), (0, 0));
    assert!(text(&lab, "waiting").contains(&who), "no {who}: {}", text(&lab, "waiting"));
}

#[test]
fn names_in_opposite_order_do_not_deadlock() {
    let lab = lab(&[
        exclusive("p", "p1", "db"),
        exclusive("p", "p2", "files"),
        exclusive("q", "q1", "files"),
        exclusive("q", "q2", "db"),
    ]);
    for _ in 0..5 {
        let both = ["p", "q"].map(|profile| start(&lab, &[], &["run", profile]));
        for child in both {
            assert_eq!(finish(child).code, 0);
        }
    }
    for run in order(&lab).chunks(5) {
        let name = &run[0][..1];
        assert!(run.iter().all(|line| line == "restic" || line.starts_with(name)), "{run:?}");
    }
}

#[test]
fn an_exclusive_name_of_a_hook_that_is_not_called_is_not_held() {
    let lab = lab(&[
        exclusive("p", "p", "db"),
        exclusive("q", "backups", "db"),
        Lab::probe("profile.q.hook", "checks", &["before"], "operations = [\"check\"]", ""),
    ]);
    let holder = holder(&lab);
    assert_eq!(run(&lab, &[], &["check", "q"]).code, 0);
    release(&lab, "go");
    assert_eq!(finish(holder).code, 0);
    assert_order(&lab, &["p before", "restic", "checks before", "restic", "p finally"]);
}

#[test]
fn an_exclusive_name_dies_with_its_holder() {
    let lab = lab(&[exclusive("p", "p", "db"), exclusive("q", "q", "db")]);
    let holder = holder(&lab);
    let waiting = start_logged(&lab, &[], &["--log-format", "json", "run", "q"], "waiting");
    lab.wait_for("the notice", |lab| text(lab, "waiting").contains("\"waiting\""));
    send(&holder, Signal::SIGKILL);
    noted(&lab, "q before");
    assert_eq!(finish_killed(&lab, holder), 137);
    assert_eq!(finish(waiting).code, 0);
}

#[test]
fn locks_are_nobody_elses_to_read() {
    let lab = lab(&[exclusive("p", "p", "db")]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    for (name, mode) in [("locks", 0o700), ("locks/profile-p.lock", 0o600), ("locks/exclusive-db.lock", 0o600)] {
        let found = std::fs::metadata(lab.path("state").join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}");
    }
}

#[test]
fn without_a_place_for_locks_nothing_is_started() {
    let lab = lab(&[hook("h", &["before", "failure", "finally"])]);
    std::fs::write(lab.path("state"), "a file").unwrap();
    let finished = run(&lab, &[], &["run", "p"]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(format!("{}{}", finished.stdout, finished.stderr).contains("cannot lock"), "{finished:?}");
    assert_order(&lab, &[]);
}
