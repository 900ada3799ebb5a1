//! What a warm call costs here, beside the same call made with Wasmtime alone: the
//! same component, the same event, a WASI context, the same limits. What this crate
//! adds is the ratio of the two.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs, reason = "a benchmark: a panic is how it fails")]

mod bare;

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bare::Bare;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hookward_engine::log::Discard;
use hookward_engine::{Allocator, Cache, CancellationToken, Engine, Event, Grants, Hook, Limits, Options};
use tokio::runtime::{Builder, Runtime};

fn runtime(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap()
}

fn guest(name: &str) -> Vec<u8> {
    std::fs::read(hookward_tests::guest(name)).unwrap()
}

fn hook(runtime: &Runtime, component: &[u8], options: Options) -> Hook {
    let engine = Engine::new(options).unwrap();
    let limits = Limits::default();
    let component = runtime.block_on(engine.load(component.to_vec(), None, &limits)).unwrap();
    component.hook(limits, Grants::default()).unwrap()
}

/// An event that tells the guest `measured` what to do, and how often.
fn event(operation: &str, attempt: u32) -> Event {
    Event { operation: operation.to_owned(), attempt, ..hookward_tests::event() }
}

async fn call(hook: &Hook, event: &Event) {
    black_box(hook.call(event, Arc::new(Discard), &CancellationToken::new()).await).result.unwrap();
}

/// A fresh store, the typed event, one message, ok.
fn warm_call(criterion: &mut Criterion) {
    let (runtime, component, event) = (runtime(1), guest("hello"), hookward_tests::event());
    let mut group = criterion.benchmark_group("warm call");
    let bares = bare::event(event.clone());
    for (name, pooling) in [("bare wasmtime", false), ("bare wasmtime, pooling", true)] {
        let bare = Bare::new(&component, pooling).unwrap();
        group.bench_function(name, |bencher| {
            bencher.to_async(&runtime).iter(|| async { bare.call(&bares).await.unwrap().unwrap() });
        });
    }
    for (name, allocator) in [("hookward", Allocator::OnDemand), ("hookward, pooling", Allocator::Pool { calls: 1000 })]
    {
        let mut options = Options::default();
        options.allocator = allocator;
        let hook = hook(&runtime, &component, options);
        group.bench_function(name, |bencher| bencher.to_async(&runtime).iter(|| call(&hook, &event)));
    }
    group.bench_function("sh -c true", |bencher| {
        bencher.iter(|| assert!(Command::new("sh").args(["-c", "true"]).status().unwrap().success()));
    });
    group.finish();
}

/// What the call is made of.
fn parts(criterion: &mut Criterion) {
    let (runtime, component) = (runtime(1), guest("measured"));
    let mut group = criterion.benchmark_group("parts");
    let bare = Bare::new(&component, false).unwrap();
    group.bench_function("bare/store", |bencher| bencher.iter(|| bare.store().unwrap()));
    group.bench_function("bare/store, instance", |bencher| {
        bencher.to_async(&runtime).iter(|| async { drop(black_box(bare.instance().await.unwrap())) });
    });
    let hook = hook(&runtime, &component, Options::default());
    for (name, operation, attempt) in
        [("event", "nothing", 1), ("event, 1 message", "log", 1), ("event, 101 messages", "log", 101)]
    {
        let event = event(operation, attempt);
        let bares = bare::event(event.clone());
        group.bench_function(format!("bare/store, instance, {name}"), |bencher| {
            bencher.to_async(&runtime).iter(|| async { bare.call(&bares).await.unwrap().unwrap() });
        });
        group.bench_function(format!("hookward/store, instance, {name}"), |bencher| {
            bencher.to_async(&runtime).iter(|| call(&hook, &event));
        });
    }
    group.finish();
}

/// How the cost grows with the event.
fn event_size(criterion: &mut Criterion) {
    /// Bytes of one of the event's paths.
    const PATH: usize = 100;
    let (runtime, component) = (runtime(1), guest("measured"));
    let mut group = criterion.benchmark_group("event");
    let bare = Bare::new(&component, false).unwrap();
    let hook = hook(&runtime, &component, Options::default());
    for size in [1_000, 100_000, 1_000_000] {
        let mut event = event("nothing", 1);
        event.sources = (0..size / PATH).map(|n| format!("/{n:0>width$}", width = PATH - 1)).collect();
        let bares = bare::event(event.clone());
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("bare", size), |bencher| {
            bencher.to_async(&runtime).iter(|| async { bare.call(&bares).await.unwrap().unwrap() });
        });
        group.bench_function(BenchmarkId::new("hookward", size), |bencher| {
            bencher.to_async(&runtime).iter(|| call(&hook, &event));
        });
    }
    group.finish();
}

/// Calls of two tasks on two threads, until all are done.
fn two_cores(criterion: &mut Criterion) {
    let (runtime, component, event) = (runtime(2), guest("hello"), hookward_tests::event());
    let mut group = criterion.benchmark_group("two cores");
    group.throughput(Throughput::Elements(1));
    let bares = Arc::new(bare::event(event.clone()));
    let bare = Arc::new(Bare::new(&component, false).unwrap());
    group.bench_function("bare wasmtime", |bencher| {
        bencher.iter_custom(|calls| {
            both(&runtime, calls, |calls| {
                let (bare, event) = (Arc::clone(&bare), Arc::clone(&bares));
                async move {
                    for _ in 0..calls {
                        bare.call(&event).await.unwrap().unwrap();
                    }
                }
            })
        });
    });
    let (hook, event) = (hook(&runtime, &component, Options::default()), Arc::new(event));
    group.bench_function("hookward", |bencher| {
        bencher.iter_custom(|calls| {
            both(&runtime, calls, |calls| {
                let (hook, event) = (hook.clone(), Arc::clone(&event));
                async move {
                    for _ in 0..calls {
                        call(&hook, &event).await;
                    }
                }
            })
        });
    });
    group.finish();
}

/// Time of so many calls, half of them on each of two tasks.
fn both<F: Future<Output = ()> + Send + 'static>(runtime: &Runtime, calls: u64, task: impl Fn(u64) -> F) -> Duration {
    runtime.block_on(async {
        let started = Instant::now();
        for task in [calls / 2, calls - calls / 2].map(|calls| tokio::spawn(task(calls))) {
            task.await.unwrap();
        }
        started.elapsed()
    })
}

/// What comes before the first call of a process.
fn start(criterion: &mut Criterion) {
    let runtime = runtime(1);
    let mut group = criterion.benchmark_group("start");
    group.bench_function("engine", |bencher| bencher.iter(|| Engine::new(Options::default()).unwrap()));
    let dir = tempfile::tempdir().unwrap();
    let (limits, path) = (Limits::default(), hookward_tests::guest("hello"));
    let mut options = Options::default();
    options.cache = Some(Cache::open(dir.path()).unwrap());
    let engine = Engine::new(options).unwrap();
    runtime.block_on(engine.load_file(&path, None, &limits)).unwrap();
    group.bench_function("component, cached", |bencher| {
        bencher.to_async(&runtime).iter(|| async { engine.load_file(&path, None, &limits).await.unwrap() });
    });
    group.finish();
}

criterion_group!(benches, warm_call, parts, event_size, two_cores, start);
criterion_main!(benches);
