//! Every case comes to what the model says.

use std::thread;
use std::time::Instant;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use tokio::runtime::{Builder, Runtime};

use super::case::{Case, Kind, case, name};
use super::ground::{Seen, carry_out, warm};
use super::model::{Expected, expected, recovery};

/// Cases of the normal suite, and the variable that says another number.
const CASES: u32 = 240;
const VARIABLE: &str = "HOOKWARD_PROPERTY_CASES";

/// Side by side: most of a case is waiting for the disk and for processes.
const THREADS: u32 = 4;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn runner(cases: u32) -> TestRunner {
    // What has failed is shown whole, and is a test of its own from then on.
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    TestRunner::new(config)
}

type Told<'a> = &'a dyn std::fmt::Debug;

/// Everything in which a case is not as the model has it.
fn differences(case: &Case, seen: &Seen) -> Result<(), String> {
    let Expected { trace, status, exit_code, owed } = expected(case);
    let report = &seen.report;
    let same = |what: &str, found: Told<'_>, wanted: Told<'_>| {
        let (found, wanted) = (format!("{found:#?}"), format!("{wanted:#?}"));
        if found == wanted { Ok(()) } else { Err(format!("{what}: {found}\nbut should be: {wanted}")) }
    };
    same("the calls", &seen.trace, &trace)?;
    same("the status", &report.status.to_string(), &status)?;
    same("the exit code", &report.exit_code, &exit_code)?;
    same("what is owed", &report.owed, &owed)?;
    // The report tells the same as the observer was told, and so does the journal.
    let calls: Vec<_> = trace.iter().filter(|line| *line != "restic").cloned().collect();
    let told = report.hooks.iter().map(|call| {
        let end = call.failure.as_ref().map_or("ok", |failure| failure.reason.name());
        format!("{} {} {} {end}", call.name, call.event, call.attempt)
    });
    same("the report's calls", &told.collect::<Vec<_>>(), &calls)?;
    let (state, kept_status, kept_code, kept_owed, kept_calls) = &seen.kept;
    if !case.hooks.is_empty() && case.hooks.iter().any(|hook| !hook.answers.is_empty()) {
        same("the journal's calls", kept_calls, &calls)?;
    }
    same("the journal's status", kept_status, &Some(status))?;
    same("the journal's exit code", kept_code, &Some(exit_code))?;
    same("what the journal owes", kept_owed, &report.owed)?;
    let is_over = matches!(state, hookward_runner::journal::RunState::Ended);
    same("whether it is over", &is_over, &report.owed.is_empty())?;
    // restic was started exactly when the gate was open.
    let starts = seen.notes.iter().filter(|line| line.starts_with("started ")).count();
    same("the starts of restic", &starts, &trace.iter().filter(|line| *line == "restic").count())?;
    same("restic's report", &report.restic.is_some(), &(starts == 1))?;
    // What a hook has noted was called; and what was called has noted it, unless it was
    // cut off.
    for line in seen.notes.iter().filter(|line| line.starts_with('h')) {
        let words: Vec<_> = line.split(' ').collect();
        let head = format!("{} {} {} ", words[0], words[1], words[2].strip_prefix("attempt=").unwrap());
        let all = trace.iter().chain(&seen.recovery.0);
        if !all.clone().any(|call| call.starts_with(&head)) {
            return Err(format!("called unseen: {line}"));
        }
    }
    for call in calls.iter().filter(|call| !call.ends_with(" cancelled")) {
        let words: Vec<_> = call.split(' ').collect();
        let head = format!("{} {} attempt={} ", words[0], words[1], words[2]);
        if !seen.notes.iter().any(|line| line.starts_with(&head)) {
            return Err(format!("seen and not called: {call}"));
        }
    }
    let (paid, still) = recovery(case, &report.owed);
    same("the recovery's calls", &seen.recovery.0, &paid)?;
    same("what is owed after it", &seen.recovery.1, &still)?;
    same("whether nothing is left", &seen.is_clean, &true)
}

#[test]
fn every_run_is_as_the_model_says() {
    let cases = std::env::var(VARIABLE).map_or(CASES, |cases| cases.parse().expect("a number of cases"));
    warm(&runtime());
    let began = Instant::now();
    thread::scope(|scope| {
        let threads = (0..THREADS).map(|number| {
            let cases = cases / THREADS + u32::from(number < cases % THREADS);
            scope.spawn(move || {
                let runtime = runtime();
                let checked = runner(cases).run(&case(), |case| {
                    let seen = carry_out(&runtime, &case);
                    differences(&case, &seen).map_err(TestCaseError::fail)
                });
                runtime.shutdown_background();
                checked.map_err(|error| error.to_string())
            })
        });
        for thread in threads.collect::<Vec<_>>() {
            if let Err(error) = thread.join().expect("see above") {
                panic!("{error}");
            }
        }
    });
    eprintln!("{cases} cases in {:?}", began.elapsed());
}

/// A property that is wrong is found out by the smallest case that there is of it.
#[test]
fn a_case_that_fails_shrinks_to_the_smallest() {
    let wrong = |case: &Case| expected(case).exit_code != 80;
    let failed = runner(10_000)
        .run(&case(), |case| if wrong(&case) { Ok(()) } else { Err(TestCaseError::fail("the gate stays shut")) });
    let Err(TestError::Fail(_, smallest)) = failed else { panic!("it was not found out") };
    assert_eq!(smallest.hooks.len(), 1, "{smallest:#?}");
    let hook = &smallest.hooks[0];
    assert!(hook.kind == Kind::Required && hook.attempts == 1 && smallest.signals.is_empty(), "{smallest:#?}");
    assert_eq!(expected(&smallest).trace[0].split(' ').next(), Some(name(0).as_str()));
}
