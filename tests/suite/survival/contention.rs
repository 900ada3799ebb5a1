//! Rule 10 under a crowd: many processes that want the same profile or the same name.

use std::collections::BTreeSet;
use std::fs;
use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};

use hookward_runner::lock::{Holder, Locks, Name};
use hookward_tests::lab::{Finished, Lab, finish};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::support::{BASE, configure, lab, noted, order, release, run, send, start_recorded, text};

const CROWD: usize = 20;

/// All runs, the newest first.
fn runs(lab: &Lab) -> Vec<Value> {
    let finished = run(lab, &[], &["--json", "runs", "list", "--limit", "1000"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let mut list: Value = serde_json::from_str(&finished.stdout).unwrap();
    list["runs"].as_array_mut().unwrap().drain(..).collect()
}

/// Every run is in the journal with this status, and nothing is left of any.
fn assert_over(lab: &Lab, statuses: &[(&str, usize)]) {
    let runs = runs(lab);
    assert!(runs.iter().all(|run| run["state"] == "ended" && run["owed"] == Value::Array(Vec::new())), "{runs:#?}");
    let count = |status: &str| runs.iter().filter(|run| run["status"] == status).count();
    let found: Vec<_> = statuses.iter().map(|(status, _)| (*status, count(status))).collect();
    assert_eq!(found, statuses);
    assert_eq!(runs.len(), statuses.iter().map(|(_, count)| count).sum::<usize>());
    assert_eq!(fs::read_dir(lab.path("state/runs")).unwrap().count(), 0, "locks of runs are left");
}

fn ends(children: Vec<Child>) -> Vec<i32> {
    let ended: Vec<Finished> = children.into_iter().map(finish).collect();
    ended.iter().map(|finished| finished.code).collect()
}

#[test]
fn many_runs_of_one_profile_come_one_after_the_other() {
    let config = "id = true, until = { before = \"/notes/go\" }";
    let lab = lab(&[Lab::probe("profile.p.hook", "h", &["before", "finally"], "", config)]);
    let first = start_recorded(&lab, &[], &["run", "--wait", "p"], "log-0");
    noted(&lab, "h before");
    let log = |index: usize| format!("log-{index}");
    let mut children = vec![first];
    children.extend((1..CROWD).map(|index| start_recorded(&lab, &[], &["run", "--wait", "p"], &log(index))));
    // All others are told for whom they wait, while it goes on.
    let journal = lab.journal();
    let run = journal[0].split("run=").nth(1).unwrap();
    let who = format!("waiting for profile `p`, held by run {run} (process {}, profile `p`)", children[0].id());
    for index in 1..CROWD {
        lab.wait_for("the notice", |lab| text(lab, log(index)).contains(&who));
    }
    release(&lab, "notes/go");
    assert_eq!(ends(children), [0; CROWD]);
    let order = order(&lab);
    assert_eq!(order.len(), 3 * CROWD, "{order:#?}");
    assert!(order.chunks(3).all(|run| run == ["h before", "restic", "h finally"]), "{order:#?}");
    let lines: Vec<_> = lab.journal().into_iter().filter(|line| line.starts_with("h ")).collect();
    let run = |line: &str| line.split("run=").nth(1).unwrap().to_owned();
    assert!(lines.chunks(2).all(|pair| run(&pair[0]) == run(&pair[1])), "{lines:#?}");
    assert_eq!(lines.iter().map(|line| run(line)).collect::<BTreeSet<_>>().len(), CROWD);
    assert_over(&lab, &[("success", CROWD)]);
}

/// Many profiles with a pair each that holds `db`, and takes so many milliseconds.
fn profiles(pause: u64) -> Lab {
    let lab = Lab::new();
    let profile = |index: usize| format!("[profile.p{index}]\nrepository = \"r\"\nsources = [\"@lab@/source\"]\n");
    let base = format!("{BASE}{}", (0..CROWD).map(profile).collect::<String>());
    let hook = |index: usize| {
        let config = format!("sleep = {{ before = {pause}, finally = {pause} }}");
        let (scope, name) = (format!("profile.p{index}.hook"), format!("p{index}"));
        Lab::probe(&scope, &name, &["before", "finally"], "exclusive = \"db\"", &config)
    };
    configure(&lab, &base, &(0..CROWD).map(hook).collect::<Vec<_>>());
    lab
}

fn start_all(lab: &Lab, restic: &[&str]) -> Vec<Child> {
    let start = |index| start_recorded(lab, restic, &["run", &format!("p{index}")], &format!("log-{index}"));
    (0..CROWD).map(start).collect()
}

#[test]
fn many_profiles_with_one_exclusive_name_take_turns() {
    let lab = profiles(5);
    assert_eq!(ends(start_all(&lab, &[])), [0; CROWD]);
    let order = order(&lab);
    let mut inside = BTreeSet::new();
    for run in order.chunks(3) {
        let name = run[0].strip_suffix(" before").unwrap_or_else(|| panic!("{order:#?}"));
        assert_eq!(run[1..], ["restic".to_owned(), format!("{name} finally")], "{order:#?}");
        inside.insert(name);
    }
    assert_eq!((inside.len(), order.len()), (CROWD, 3 * CROWD), "{order:#?}");
    assert_over(&lab, &[("success", CROWD)]);
}

/// A process that dies loses its locks one by one: whoever gets the name first can find its
/// profile still held by it.
#[test]
fn a_holder_that_still_has_its_profile_while_it_dies_is_paid_for() {
    let lab = profiles(500);
    let dies = start_recorded(&lab, &[], &["run", "p0"], "log-0");
    noted(&lab, "p0 before");
    let lock = fs::read_dir(lab.path("state/runs")).unwrap().next().unwrap().unwrap().file_name();
    let id = lock.to_str().unwrap().strip_suffix(".lock").unwrap().to_owned();
    send(&dies, Signal::SIGKILL);
    assert_eq!(ends(vec![dies]), [137]);
    let holder = Holder { pid: std::process::id(), run: id, profile: Some("p0".to_owned()) };
    let held = Locks::new(&lab.path("state")).take(&Name::Profile("p0".to_owned()), &holder).unwrap();
    assert_eq!(run(&lab, &[], &["run", "p1"]).code, 0);
    assert_eq!(order(&lab), ["p0 before", "p0 finally", "p1 before", "restic", "p1 finally"]);
    drop(held);
}

#[test]
fn holders_that_die_in_a_crowd_are_paid_for_before_the_next_one_is_inside() {
    let lab = profiles(100);
    let mut children = start_all(&lab, &["sleep=50"]);
    let killed = AtomicUsize::new(0);
    let mut pending: Vec<usize> = (0..CROWD).step_by(3).collect();
    let killer = |lab: &Lab| {
        let journal = lab.journal();
        let inside = journal.last().filter(|line| line.contains(" before "));
        let name = inside.and_then(|line| line.split(' ').next());
        if let Some(at) = pending.iter().position(|index| name == Some(&format!("p{index}"))) {
            let child = &mut children[pending.remove(at)];
            if child.try_wait().unwrap().is_none() {
                send(child, Signal::SIGKILL);
                killed.fetch_add(1, Ordering::Relaxed);
            }
        }
        children.iter_mut().all(|child| child.try_wait().unwrap().is_some())
    };
    lab.wait_for("the last one", killer);
    let codes = ends(children);
    let died = codes.iter().filter(|code| **code == 137).count();
    assert!(died > 0 && died <= killed.into_inner(), "{codes:?}");
    assert!(codes.iter().all(|code| [0, 137].contains(code)), "{codes:?}");
    // The last to die may be nobody's to pay yet.
    let recovered = run(&lab, &[], &["recover"]);
    assert_eq!(recovered.code, 0, "{recovered:?}");
    let order = order(&lab);
    let mut inside: Option<&str> = None;
    let mut last = None;
    for line in &order {
        match line.split_once(' ') {
            Some((name, "before")) => {
                assert_eq!(inside.replace(name), None, "{line}: {order:#?}");
            }
            Some((name, "finally")) => {
                // Again, when its first one was not written down.
                assert!(inside == Some(name) || (inside.is_none() && last == Some(name)), "{line}: {order:#?}");
                (inside, last) = (None, Some(name));
            }
            _ => assert!(line.starts_with("signal") || inside.is_some(), "{line}: {order:#?}"),
        }
    }
    assert_eq!(inside, None, "{order:#?}");
    let befores = order.iter().filter(|line| line.ends_with(" before")).count();
    assert_eq!(befores, CROWD, "{order:#?}");
    let runs = runs(&lab);
    let failed = runs.iter().filter(|run| run["status"] == "failure").count();
    assert!(failed <= died, "{runs:#?}");
    assert_over(&lab, &[("failure", failed), ("success", CROWD - failed)]);
}
