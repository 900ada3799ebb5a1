//! Rule 10 after a crash: whoever gets an exclusive name pays what its dead holder owes,
//! whoever else is about to.

use std::fs::File;

use hookward_tests::lab::{Lab, finish};
use nix::sys::signal::Signal;

use super::crash::kill_run;
use super::support::{assert_order, lab, noted, order, release, run, send, start, start_recorded, text};

const PAIR: &[&str] = &["before", "failure", "finally"];

/// A hook of a profile that holds `db`; in `p` it waits in its `before`.
fn holding(profile: &str, name: &str, more: &str) -> String {
    let config = if profile == "p" { "until = { before = \"/notes/go\" }" } else { "" };
    Lab::probe(&format!("profile.{profile}.hook"), name, PAIR, &format!("exclusive = \"db\"\n{more}"), config)
}

/// Holds a name as a run does, until it is dropped.
fn hold(lab: &Lab, name: &str) -> File {
    let path = lab.path(format!("state/locks/exclusive-{name}.lock"));
    let file = File::options().read(true).write(true).open(path).unwrap();
    file.lock().unwrap();
    file
}

/// A lab in which a run of `p` was killed in its `before`.
fn owing(hooks: &[String]) -> Lab {
    let lab = lab(hooks);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    kill_run(child);
    release(&lab, "notes/go");
    lab
}

fn waiting_for(lab: &Lab, log: &str, what: &str) {
    lab.wait_for(what, |lab| text(lab, log).contains(what));
}

#[test]
fn who_gets_the_name_first_pays_for_its_dead_holder_though_another_was_about_to() {
    let lab = owing(&[holding("p", "h", ""), holding("q", "g", "")]);
    let name = hold(&lab, "db");
    // One has the dead run's profile, and waits for the name to pay.
    let of_p = start_recorded(&lab, &[], &["run", "p"], "log-p");
    waiting_for(&lab, "log-p", "waiting for exclusive name `db`");
    let of_q = start_recorded(&lab, &[], &["run", "q"], "log-q");
    waiting_for(&lab, "log-q", "waiting for exclusive name `db`");
    // The other is the first to get it.
    send(&of_p, Signal::SIGSTOP);
    drop(name);
    noted(&lab, "g before");
    send(&of_p, Signal::SIGCONT);
    for child in [of_q, of_p] {
        let finished = finish(child);
        assert_eq!(finished.code, 0, "{finished:?} {} {}", text(&lab, "log-p"), text(&lab, "log-q"));
    }
    let paid = ["h before", "h failure", "h finally"];
    let rest = ["g before", "restic", "g finally", "h before", "restic", "h finally"];
    assert_order(&lab, &[&paid[..], &rest].concat());
}

#[test]
fn who_gets_one_of_two_names_pays_for_that_one_and_leaves_the_other() {
    // `h` holds `db`, `w` holds `web`, `u` neither.
    let web = Lab::probe("profile.p.hook", "w", PAIR, "exclusive = \"web\"", "");
    let plain = Lab::probe("profile.p.hook", "u", PAIR, "", "");
    let lab = owing(&[web, plain, holding("p", "h", ""), holding("q", "g", "")]);
    assert_eq!(order(&lab), ["w before", "u before", "h before"]);
    let name = hold(&lab, "web");
    let finished = run(&lab, &[], &["run", "q"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    // It has told of the failure whom it could, and called nothing that isn't its own.
    let expected = ["h failure", "u failure", "h finally", "g before", "restic", "g finally"];
    assert_eq!(order(&lab)[3..], expected, "{finished:?}");
    let listed = run(&lab, &[], &["--json", "runs", "list"]).stdout;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["runs"][1]["owed"], serde_json::json!(["u", "w"]), "{listed:#}");
    drop(name);
    let finished = run(&lab, &[], &["run", "p"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(order(&lab)[9..12], ["w failure", "u finally", "w finally"]);
    assert_eq!(order(&lab)[12], "w before");
}

#[test]
fn a_debt_of_the_name_that_can_not_be_paid_is_told_and_ends_no_other_profile() {
    let fails = "config = { name = \"h\", journal = \"/notes/journal\", fail-on = [\"finally\"], until = { before = \"/notes/go\" } }";
    let hook = holding("p", "h", "");
    let config = hook.lines().find(|line| line.starts_with("config")).unwrap().to_owned();
    let lab = owing(&[hook.replace(&config, fails), holding("q", "g", "")]);
    let finished = run(&lab, &[], &["run", "q"]);
    assert_eq!(finished.code, 81, "{finished:?}");
    assert!(format!("{finished:?}").contains("is owed its `finally`"), "{finished:?}");
    assert_order(&lab, &["h before", "h failure", "h finally", "g before", "restic", "g finally"]);
    // It isn't due yet, and is told all the same.
    let finished = run(&lab, &[], &["run", "q"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(format!("{finished:?}").contains("is owed its `finally`"), "{finished:?}");
    assert_eq!(order(&lab)[6..], ["g before", "restic", "g finally"]);
}
