//! Every place, every case.

use std::fs;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use hookward_tests::guest;
use hookward_tests::lab::Lab;

use super::model::{Seen, notes};
use super::scenario::{PAIRED, RETRYING, SCENARIOS, SHORT, Scenario, killed, run, runs, traced};

const RUN: &[&str] = &["run", "p"];
const RECOVER: &[&str] = &["recover"];

/// Places that a recovery passes at the least.
const RECOVERY_POINTS: usize = 27;

/// Places that a run passes at the least which recovers another first.
const RECOVERING_RUN_POINTS: usize = 71;

/// A restic that doesn't end by itself while its lab is there.
fn endless(lab: &Lab) -> String {
    format!("until={}", lab.path("never").display())
}

/// Goes through all cases, several at once, and fails with all that was found.
fn all<C: Sync>(what: &str, cases: &[C], try_one: impl Fn(&C) -> Vec<String> + Sync) {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    // Most of a case is waiting.
    let threads = 2 * thread::available_parallelism().map_or(2, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // A case that can't go on is a finding, and no end of the others.
                    let violations = catch_unwind(AssertUnwindSafe(|| try_one(case)))
                        .unwrap_or_else(|_| vec!["a case has panicked: see above".to_owned()]);
                    found.lock().unwrap().extend(violations);
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    eprintln!("{what}: {} cases, {} violations", cases.len(), found.len());
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

fn seen<'a>(scenario: &'a Scenario, lab: &Lab, ends: &[usize]) -> Seen<'a> {
    Seen { scenario, notes: notes(&lab.journal(), ends), runs: runs(lab) }
}

/// The places that a run passes to which nothing happens, which does as the model says.
fn points(scenario: &Scenario) -> Vec<String> {
    let lab = scenario.lab();
    let (finished, points) = traced(&lab, SHORT, RUN);
    let seen = seen(scenario, &lab, &[]);
    let name = scenario.name;
    assert_eq!(i64::from(finished.code), scenario.undisturbed().exit_code, "{name}: {finished:?}");
    assert_eq!(seen.runs.len(), 1, "{name}");
    assert_eq!(seen.is_undisturbed(&seen.runs[0]), Ok(()), "{name}");
    assert_eq!(seen.violations(), Vec::<String>::new(), "{name}");
    eprintln!("a run, {name}: {} places", points.len());
    assert!(points.len() >= scenario.points, "{name}: only {points:#?}");
    points
}

/// Components are built and compiled before anything is killed.
fn warm() {
    for name in ["probe", "hello"] {
        assert!(guest(name).is_file());
    }
}

/// What has to be so when the last process was a run: it was as if nothing had been.
fn after_a_run(case: &str, scenario: &Scenario, lab: &Lab, ends: &[usize]) -> Vec<String> {
    let finished = run(lab, RUN);
    let seen = seen(scenario, lab, ends);
    let mut found = seen.violations();
    let last = seen.runs.last().ok_or_else(|| "no run is in the journal".to_owned());
    found.extend(last.and_then(|last| seen.is_undisturbed(last)).err());
    if i64::from(finished.code) != scenario.undisturbed().exit_code {
        found.push(format!("the last run has ended otherwise than alone: {finished:?}"));
    }
    named(case, lab, found)
}

fn named(case: &str, lab: &Lab, found: Vec<String>) -> Vec<String> {
    found.into_iter().map(|found| format!("{case}: {found}\n  the notes: {:#?}", lab.journal())).collect()
}

#[test]
fn a_run_dies_anywhere_and_the_next_one_pays() {
    warm();
    let mut cases = Vec::new();
    for scenario in SCENARIOS {
        let points = points(scenario);
        cases.extend(points.into_iter().zip(1..).map(|(point, at)| (scenario, point, at)));
    }
    all("runs that die", &cases, |(scenario, point, at)| {
        let lab = scenario.lab();
        killed(&lab, SHORT, RUN, *at);
        let ends = [lab.journal().len()];
        after_a_run(&format!("{}, killed at {at}, {point}", scenario.name), scenario, &lab, &ends)
    });
}

/// The places within restic, and the first one at which it has been started.
fn within_restic(points: &[String]) -> (std::ops::Range<usize>, usize) {
    let at = |name: &str| points.iter().position(|point| point == name).unwrap() + 1;
    (at("before restic")..at("after restic"), at("restic spawned"))
}

/// A run that died within restic, which goes on.
fn dead_in_restic(scenario: &Scenario, at: usize, spawned: usize) -> Lab {
    let lab = scenario.lab();
    killed(&lab, &endless(&lab), RUN, at);
    if at >= spawned {
        lab.wait_for("restic's note", |lab| lab.journal().iter().any(|line| line.starts_with("env ")));
    }
    lab
}

#[test]
fn a_recovery_dies_anywhere_and_the_next_one_goes_on() {
    warm();
    let mut cases = Vec::new();
    for scenario in [&PAIRED, &RETRYING] {
        let (within, spawned) = within_restic(&points(scenario));
        let places = within.len();
        // One scenario at all the places of the first death: the others differ in their
        // hooks, which that doesn't touch.
        let deaths: Vec<_> =
            if scenario.name == PAIRED.name { within.collect() } else { within.rev().take(1).collect() };
        eprintln!("a recovery, {}: after {} of {places} deaths within restic", scenario.name, deaths.len());
        for at in deaths {
            let lab = dead_in_restic(scenario, at, spawned);
            scenario.replace(&lab);
            let (finished, points) = traced(&lab, SHORT, RECOVER);
            assert_eq!(finished.code, 0, "{}: {finished:?}", scenario.name);
            eprintln!("a recovery, {}, killed at {at}: {} places", scenario.name, points.len());
            assert!(points.len() >= RECOVERY_POINTS, "{}: only {points:#?}", scenario.name);
            cases.extend(points.into_iter().zip(1..).map(|(point, again)| (scenario, at, spawned, point, again)));
        }
    }
    all("recoveries that die", &cases, |(scenario, at, spawned, point, again)| {
        let lab = dead_in_restic(scenario, *at, *spawned);
        let mut ends = vec![lab.journal().len()];
        scenario.replace(&lab);
        killed(&lab, SHORT, RECOVER, *again);
        ends.push(lab.journal().len());
        let finished = run(&lab, RECOVER);
        let seen = seen(scenario, &lab, &ends);
        let mut found = seen.violations();
        if finished.code != 0 || seen.runs.len() != 1 || seen.runs[0]["status"] != "failure" {
            found.push(format!("not one run, recovered as a failure: {:#?}, {finished:?}", seen.runs));
        }
        if lab.path("elsewhere/journal").exists() || lab.journal().iter().any(|line| line.contains("other ")) {
            found.push("paid with today's settings or grants".to_owned());
        }
        named(&format!("{}, killed at {at}, its recovery at {again}, {point}", scenario.name), &lab, found)
    });
}

#[test]
fn a_run_that_recovers_another_dies_anywhere() {
    warm();
    let scenario = &PAIRED;
    let (within, spawned) = within_restic(&points(scenario));
    // The last place at which restic is there.
    let at = within.end - 1;
    let lab = dead_in_restic(scenario, at, spawned);
    let (finished, points) = traced(&lab, SHORT, RUN);
    assert_eq!(finished.code, 0, "{finished:?}");
    eprintln!("a run that recovers another: {} places", points.len());
    assert!(points.len() >= RECOVERING_RUN_POINTS, "only {points:#?}");
    let cases: Vec<_> = points.into_iter().zip(1..).collect();
    all("runs that die after or within a recovery", &cases, |(point, again)| {
        let lab = dead_in_restic(scenario, at, spawned);
        let mut ends = vec![lab.journal().len()];
        killed(&lab, SHORT, RUN, *again);
        ends.push(lab.journal().len());
        after_a_run(&format!("killed at {at}, the next one at {again}, {point}"), scenario, &lab, &ends)
    });
}

#[test]
fn a_run_that_dies_while_it_removes_an_old_one_loses_nothing() {
    warm();
    // With a run that the next one will remove.
    let kept = || {
        let lab = PAIRED.lab();
        let configuration = fs::read_to_string(lab.path("hookward.toml")).unwrap();
        lab.configure(&format!("{configuration}\n[journal]\nkeep-runs = 1\n"));
        assert_eq!(run(&lab, RUN).code, 0);
        lab
    };
    let (finished, points) = traced(&kept(), SHORT, RUN);
    assert_eq!(finished.code, 0, "{finished:?}");
    let removing: Vec<_> = points.iter().zip(1..).filter(|(point, _)| point.ends_with("retention")).collect();
    assert_eq!(removing.len(), 2, "{points:#?}");
    for (point, at) in removing {
        let lab = kept();
        killed(&lab, SHORT, RUN, at);
        assert_eq!(run(&lab, &["--json", "recover"]).code, 0, "{point}");
        assert_eq!(run(&lab, RUN).code, 0, "{point}");
        let runs = runs(&lab);
        assert_eq!(runs.len(), 1, "{point}: {runs:#?}");
        assert_eq!(runs[0]["status"], "success", "{point}");
    }
}
