//! Many runs in one process, and many processes one after the other: what they hold on
//! to is bounded. Alone in its process, whose figures are looked at.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

#[path = "../lifecycle/support.rs"]
#[allow(dead_code, reason = "the part of it that these tests need")]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookward_engine::{Cache, Engine, Options, Trigger};
use hookward_runner::components::{Components, Reach};
use hookward_runner::config::Config;
use hookward_runner::interrupt::Interrupts;
use hookward_runner::journal::Journal;
use hookward_runner::lifecycle::{self, Context};
use hookward_runner::lock::Locks;
use hookward_runner::observer::Nobody;
use hookward_runner::plan::{Plan, Request, Restic};
use hookward_runner::prepare::Prepared;
use hookward_runner::state::States;
use hookward_tests::lab::Lab;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use self::support::{BASE, SUMMARY, command, configure, lab};

/// Runs of the normal suite in one process, which end before if they take so long; and
/// the variable that says how many there are to be: for each 40 of them there is one as
/// a process of its own.
const RUNS: usize = 400;
const FEWEST: usize = 120;
const LONGEST: Duration = Duration::from_secs(25);
const VARIABLE: &str = "HOOKWARD_TEST_SOAK";

/// What the cache may still grow by, in KiB: the records of what stands in the files of
/// components are written once those have been left alone for three seconds.
const RECORDS: u64 = 8;

/// What a process may read, in KiB, with its components known and a hundred runs in the
/// journal: their plans and reports are not for it to read.
const READ: u64 = 512;

/// How often is looked.
const SAMPLES: usize = 20;

fn wanted() -> Option<usize> {
    std::env::var(VARIABLE).ok().map(|runs| runs.parse().expect("a number of runs"))
}

/// Hooks of each kind and each end, so that whatever a run may hold is held.
fn hooks() -> Vec<String> {
    vec![
        Lab::probe("hook", "tell", &["success", "warning", "failure", "finally"], "", "log = \"told\""),
        Lab::probe(
            "profile.p.hook",
            "db",
            &["before", "finally"],
            "exclusive = \"db\"\nretry = { attempts = 2, delay = \"1ms\" }",
            "fail-on = [\"before\"], fail-attempts = 1, warn-on = [\"finally\"]",
        ),
        Lab::probe("profile.p.hook", "maybe", &["before", "success"], "kind = \"optional\"", "panic-on = [\"before\"]"),
    ]
}

/// What a process and its directories have at one time.
#[derive(Debug, Clone, Copy)]
struct Sample {
    run: usize,
    /// Resident, in KiB.
    memory: u64,
    descriptors: usize,
    threads: usize,
    /// In KiB, with the file of its changes.
    journal: u64,
    cache: u64,
    /// Files in the state directory.
    files: usize,
}

/// Every file below a directory: how many, and their size in KiB.
fn files(dir: &Path) -> (usize, u64) {
    let mut sum = (0, 0);
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let metadata = entry.metadata().unwrap();
        let (count, size) = if metadata.is_dir() { files(&entry.path()) } else { (1, metadata.len() / 1024) };
        sum = (sum.0 + count, sum.1 + size);
    }
    sum
}

impl Sample {
    /// Of this process.
    fn take(run: usize, lab: &Lab) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let count = |dir: &str| fs::read_dir(dir).unwrap().count();
        let size = |name: &str| fs::metadata(lab.path(name)).map_or(0, |metadata| metadata.len() / 1024);
        Self {
            run,
            memory: memory.trim().trim_end_matches(" kB").parse().unwrap(),
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            journal: size("state/journal.sqlite") + size("state/journal.sqlite-wal"),
            cache: files(&lab.path("cache")).1,
            files: files(&lab.path("state")).0,
        }
    }
}

/// A lab whose journal keeps few runs, so that it is full soon.
fn ground() -> Lab {
    let lab = lab(&[]);
    configure(&lab, &format!("{BASE}[journal]\nkeep-runs = 100\n"), &hooks());
    lab
}

/// What is looked at grows no more once it has been warmed up.
fn assert_bounded(samples: &[Sample]) {
    for sample in samples {
        eprintln!("{sample:?}");
    }
    let (warm, last) = (samples[samples.len() / 4], samples[samples.len() - 1]);
    // Allocators keep what they once had; a leak of 1 KiB a run would be 15 MiB in the
    // full soak.
    assert!(last.memory < warm.memory + 8 * 1024, "{warm:?} {last:?}");
    assert!(last.descriptors <= warm.descriptors + 2, "{warm:?} {last:?}");
    assert!(last.threads <= warm.threads + 4, "{warm:?} {last:?}");
    assert!(last.journal < 8 * 1024, "{last:?}");
    assert_kept(&warm, &last);
}

/// What stands on disk for good, besides the journal.
fn assert_kept(first: &Sample, last: &Sample) {
    assert_eq!(first.files, last.files, "{first:?} {last:?}");
    assert!(last.cache <= first.cache + RECORDS, "{first:?} {last:?}");
}

/// Waits for a process to end well; what it has read, in KiB.
fn ended(mut child: Child) -> u64 {
    let id = Pid::from_raw(child.id().try_into().unwrap());
    waitid(Id::Pid(id), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
    let read = fs::read_to_string(format!("/proc/{id}/io")).unwrap();
    let read = read.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    read.parse::<u64>().unwrap() / 1024
}

/// Both parts, one after the other: the figures are of this process.
#[test]
fn many_runs_hold_on_to_nothing() {
    let lab = ground();
    let (wanted, began) = (wanted(), Instant::now());
    let most = wanted.unwrap_or(RUNS);
    let config = Config::load(&lab.path("hookward.toml")).unwrap();
    let mut options = Options::default();
    options.cache = Some(Cache::open(&lab.path("cache")).unwrap());
    let engine = Engine::new(options).unwrap();
    let components = Components::new(&config.components, &lab.path("cache"), Reach::default()).unwrap();
    let (journal, states) = (Journal::new(&lab.path("state")), States::new(&lab.path("state")));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut samples = Vec::new();
    let mut runs = 0;
    while runs < most && (wanted.is_some() || runs < FEWEST || began.elapsed() < LONGEST) {
        let run = runs;
        runs += 1;
        let request = Request {
            profile: Some("p".to_owned()),
            restic: Restic::Managed { operation: "backup".to_owned(), extra: Vec::new() },
            trigger: Trigger::Api,
            dry_run: false,
            keep_stdout: true,
        };
        let mut plan = Plan::new(&config, &request).unwrap();
        let does = if run % 10 == 3 { "exit=1" } else { SUMMARY };
        plan.restic.set_env("STAND_IN", Some(does.into()));
        plan.restic.set_env("STAND_IN_LOG", Some("/dev/null".into()));
        let report = runtime.block_on(async {
            let prepared = Prepared::new(plan, &engine, &states, &components).await.unwrap();
            let context = Context {
                locks: Locks::new(&lab.path("state")),
                journal: journal.clone(),
                wait: false,
                interrupts: Interrupts::default(),
                observer: Arc::new(Nobody),
            };
            lifecycle::run(&prepared, &context).await.unwrap()
        });
        assert_eq!(report.exit_code, i32::from(run % 10 == 3), "{report:#?}");
        journal.clean(config.journal).unwrap();
        // The probes' notes are the test's own.
        if run % 100 == 0 {
            fs::write(lab.path("notes/journal"), "").unwrap();
        }
        if run % (most / SAMPLES).max(1) == 0 {
            samples.push(Sample::take(run, &lab));
        }
    }
    samples.push(Sample::take(runs, &lab));
    runtime.shutdown_background();
    eprintln!("{runs} runs in one process in {:?}", began.elapsed());
    assert_bounded(&samples);
    assert_eq!(journal.runs(None, 10_000).unwrap().len(), 100);

    let (began, processes) = (Instant::now(), (runs / 40).max(1));
    let (mut samples, mut read) = (Vec::new(), 0);
    for run in 0..processes {
        let mut command = command(&lab, &[SUMMARY], &["run", "p"]);
        command.env("HOOKWARD_CACHE_DIR", lab.path("cache")).stdout(Stdio::null());
        read = ended(command.spawn().unwrap());
        if run % (processes / SAMPLES).max(1) == 0 || run + 1 == processes {
            samples.push(Sample::take(run, &lab));
        }
    }
    eprintln!("{processes} processes in {:?}, the last one has read {read} KiB", began.elapsed());
    assert!(read < READ, "{read} KiB are read by one");
    let (first, last) = (samples[0], samples[samples.len() - 1]);
    for sample in &samples {
        eprintln!("{:?}", (sample.run, sample.journal, sample.cache, sample.files));
    }
    assert!(last.journal < 8 * 1024, "{last:?}");
    assert_kept(&first, &last);
}
