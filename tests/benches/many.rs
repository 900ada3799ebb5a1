//! Many hooks at once: what a live instance takes, what ticks cost and how exact they
//! are, and how a short hook fares among spinning ones. Says what it measured as one
//! JSON object; `cargo xtask bench many` makes tables of it.
//!
//!     cargo bench --package hookward-tests --bench many -- [live] [ticks] [crowd] [--quick]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, missing_docs, reason = "a benchmark: a panic is how it fails")]

use std::num::NonZeroUsize;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hookward_engine::log::{Discard, Record, Sink};
use hookward_engine::{
    Admission, Allocator, CancellationToken, Component, Crowd, Engine, Event, Grants, Hook, Limits, Options, Reason,
    Report,
};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

/// Threads that hooks run on.
const THREADS: usize = 2;
/// Hooks that run at once in the crowd.
const LIMIT: usize = 64;
/// Spinning hooks in the crowd.
const SPINNING: usize = 200;
/// The argument of a child that measures live instances, and an allocator.
const ONE: &str = "live-instances";
const POOL: &str = "from a pool";
/// Rounds of a thousand that take the guest some tenths of a second.
const LONG: u32 = 60_000;
/// And a short hook's: less than a millisecond.
const SHORT: u32 = 50;

const TICKS: [Duration; 3] = [Duration::from_millis(1), Duration::from_millis(5), Duration::from_millis(10)];

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().unwrap()
}

fn component(runtime: &Runtime, options: Options) -> Component {
    let engine = Engine::new(options).unwrap();
    let path = hookward_tests::guest("measured");
    runtime.block_on(engine.load_file(&path, None, &Limits::default())).unwrap()
}

fn ticking(runtime: &Runtime, tick: Duration) -> Component {
    let mut options = Options::default();
    options.tick = tick;
    component(runtime, options)
}

fn hook(component: &Component, timeout: Duration) -> Hook {
    let mut limits = Limits::default();
    limits.timeout = timeout;
    limits.fuel = u64::MAX;
    component.hook(limits, Grants::default()).unwrap()
}

fn event(operation: &str, attempt: u32) -> Event {
    Event { operation: operation.to_owned(), attempt, ..hookward_tests::event() }
}

async fn call(hook: &Hook, event: &Event) -> Report {
    hook.call(event, Arc::new(Discard), &CancellationToken::new()).await
}

const MINUTE: Duration = Duration::from_secs(60);

/// Counts those that say that they are about to wait.
#[derive(Default)]
struct Asleep(AtomicUsize);

impl Sink for Asleep {
    fn record(&self, _: Record) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Bytes of this process, by a name that the system has for them.
fn bytes(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// So many instances that all wait in a host call.
fn live(allocator: &str, options: Options, wanted: u32) -> Value {
    let calls = wanted as usize;
    let runtime = runtime();
    let component = component(&runtime, options);
    let hook = hook(&component, 10 * MINUTE);
    assert!(runtime.block_on(call(&hook, &event("nothing", 1))).result.is_ok());
    let (asleep, cancel) = (Arc::new(Asleep::default()), CancellationToken::new());
    let before = ["VmRSS", "VmPTE"].map(bytes);
    let started = Instant::now();
    let tasks: Vec<_> = (0..calls)
        .map(|_| {
            let (hook, asleep, cancel) = (hook.clone(), Arc::clone(&asleep), cancel.clone());
            runtime.spawn(async move { hook.call(&event("sleep", 1), asleep, &cancel).await })
        })
        .collect();
    let waiting = || asleep.0.load(Ordering::Relaxed);
    while waiting() + tasks.iter().filter(|call| call.is_finished()).count() < calls {
        std::thread::sleep(Duration::from_millis(5));
    }
    let (start, instances) = (started.elapsed(), waiting());
    let after = ["VmRSS", "VmPTE"].map(bytes);
    let [resident, page_tables] = [0, 1].map(|n: usize| after[n].saturating_sub(before[n]));
    let called_off = Instant::now();
    cancel.cancel();
    let mut stopped = None;
    for call in tasks {
        let failure = runtime.block_on(call).unwrap().result.unwrap_err();
        if failure.reason != Reason::Cancelled {
            stopped.get_or_insert(failure.message);
        }
    }
    json!({
        "allocator": allocator,
        "instances": instances,
        "resident": resident,
        "page_tables": page_tables,
        "start": start.as_secs_f64(),
        "end": called_off.elapsed().as_secs_f64(),
        "stopped": stopped,
    })
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// What ticks cost a computation, and what they cost while hooks wait.
fn overheads(runs: usize) -> Vec<(f64, f64)> {
    let runtime = runtime();
    // The last one hardly ticks at all: the yardstick.
    let hooks: Vec<_> = TICKS
        .into_iter()
        .chain([Duration::from_secs(3600)])
        .map(|tick| hook(&ticking(&runtime, tick), MINUTE))
        .collect();
    let mut times = vec![Vec::new(); hooks.len()];
    // In turn: what the machine does meanwhile concerns all of them.
    for _ in 0..runs {
        for (hook, times) in hooks.iter().zip(&mut times) {
            let report = runtime.block_on(call(hook, &event("compute", LONG)));
            assert!(report.result.is_ok(), "{report:?}");
            times.push(report.wall.as_secs_f64());
        }
    }
    let medians: Vec<_> = times.into_iter().map(median).collect();
    let yardstick = medians[TICKS.len()];
    TICKS.iter().zip(medians).map(|(tick, time)| (time / yardstick - 1.0, idle(*tick))).collect()
}

/// Share of a processor that this process takes while a hook waits.
fn idle(tick: Duration) -> f64 {
    let runtime = runtime();
    let hook = hook(&ticking(&runtime, tick), MINUTE);
    let cancel = CancellationToken::new();
    let theirs = cancel.clone();
    let waits = runtime.spawn(async move { hook.call(&event("sleep", 1), Arc::new(Discard), &theirs).await });
    std::thread::sleep(Duration::from_millis(200));
    let (before, started) = (on_processor(), Instant::now());
    std::thread::sleep(Duration::from_secs(2));
    let share = (on_processor() - before).as_secs_f64() / started.elapsed().as_secs_f64();
    cancel.cancel();
    drop(runtime.block_on(waits));
    share
}

/// Time that the threads of this process were on a processor.
fn on_processor() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let times = tasks.map(|task| {
        let schedstat = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap_or_default();
        schedstat.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or_default()
    });
    Duration::from_nanos(times.sum())
}

/// Seconds past its limit of a spinning hook that is alone.
fn overshoot(component: &Component, runtime: &Runtime, runs: usize) -> Vec<f64> {
    const CUT: Duration = Duration::from_millis(100);
    let hook = hook(component, CUT);
    (0..runs)
        .map(|_| {
            let started = Instant::now();
            let report = runtime.block_on(call(&hook, &event("spin", 1)));
            let wall = started.elapsed();
            assert_eq!(report.result.unwrap_err().reason, Reason::Timeout);
            (wall - CUT).as_secs_f64()
        })
        .collect()
}

/// A short hook in the middle of spinning ones: how long it waited, how long it took
/// then, and how late the spinning ones were cut.
async fn crowd(component: &Component) -> (Duration, Duration, Vec<f64>) {
    const CUT: Duration = Duration::from_millis(500);
    let mut admission = Admission::default();
    admission.running = NonZeroUsize::new(LIMIT).unwrap();
    let crowd = Crowd::new(&admission);
    let (spin, short) = (hook(component, CUT), hook(component, MINUTE));
    let came = Arc::new(AtomicUsize::new(0));
    let spinning = |number: usize| -> Vec<_> {
        (0..number)
            .map(|_| {
                let (crowd, spin, came) = (crowd.clone(), spin.clone(), Arc::clone(&came));
                tokio::spawn(async move {
                    let never = CancellationToken::new();
                    came.fetch_add(1, Ordering::Relaxed);
                    crowd.call(&spin, &event("spin", 1), Arc::new(Discard), &never).await.unwrap()
                })
            })
            .collect()
    };
    let mut others = spinning(SPINNING / 2);
    while came.load(Ordering::Relaxed) < others.len() {
        sleep(Duration::from_millis(1)).await;
    }
    let theirs = crowd.clone();
    let timed = tokio::spawn(async move {
        let never = CancellationToken::new();
        let turn = theirs.admit(&short, &never).await.unwrap();
        let let_in = Instant::now();
        let report = short.call(&event("compute", SHORT), Arc::new(Discard), &never).await;
        assert!(report.result.is_ok(), "{report:?}");
        (turn.waited(), let_in.elapsed())
    });
    others.extend(spinning(SPINNING - others.len()));
    let (waited, took) = timed.await.unwrap();
    let mut late = Vec::new();
    for other in others {
        let report = other.await.unwrap();
        assert_eq!(report.result.unwrap_err().reason, Reason::Timeout);
        late.push(report.wall.saturating_sub(CUT).as_secs_f64());
    }
    (waited, took, late)
}

/// What this program says when it is started with these arguments: in a process of its
/// own, what another measurement has left of its memory doesn't count.
fn child(arguments: &[&str]) -> Value {
    let output = Command::new(std::env::current_exe().unwrap()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, one, allocator, wanted] = arguments.as_slice()
        && one == ONE
    {
        let calls = wanted.parse().unwrap();
        let mut options = Options::default();
        if allocator == POOL {
            options.allocator = Allocator::Pool { calls };
        }
        println!("{}", live(allocator, options, calls));
        return;
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let named = ["live", "ticks", "crowd"].map(|part| arguments.iter().any(|argument| argument == part));
    let [with_live, with_ticks, with_crowd] = if named.contains(&true) { named } else { [true; 3] };

    let mut lives = Vec::new();
    if with_live {
        let wanted = if quick { "1000" } else { "10000" };
        lives.extend(["allocated on demand", POOL].map(|allocator| child(&[ONE, allocator, wanted])));
    }
    let overheads =
        if with_ticks { overheads(if quick { 3 } else { 25 }) } else { vec![(f64::NAN, f64::NAN); TICKS.len()] };
    let runtime = runtime();
    let ticks: Vec<_> = TICKS
        .into_iter()
        .zip(overheads)
        .map(|(tick, (overhead, idle))| {
            let component = ticking(&runtime, tick);
            let short = hook(&component, MINUTE);
            let (mut alone, mut waited, mut among, mut late) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for _ in 0..if quick { 5 } else { 50 } {
                alone.push(runtime.block_on(call(&short, &event("compute", SHORT))).wall.as_secs_f64());
            }
            for _ in 0..if with_crowd { if quick { 1 } else { 5 } } else { 0 } {
                let (wait, took, theirs) = runtime.block_on(async { crowd(&component).await });
                waited.push(wait.as_secs_f64());
                among.push(took.as_secs_f64());
                late.extend(theirs);
            }
            let overshoot =
                if with_ticks { overshoot(&component, &runtime, if quick { 3 } else { 30 }) } else { Vec::new() };
            json!({
                "tick": tick.as_secs_f64(),
                "overhead": overhead,
                "idle": idle,
                "overshoot": overshoot,
                "alone": alone,
                "waited": waited,
                "among": among,
                "crowd_overshoot": late,
            })
        })
        .collect();
    let own = Options::default().tick.as_secs_f64();
    println!(
        "{}",
        json!({ "threads": THREADS, "limit": LIMIT, "spinning": SPINNING, "own_tick": own, "live": lives, "ticks": ticks })
    );
}
