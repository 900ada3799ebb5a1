//! Calls as such: cancelled, measured, fresh, many at once, and told everything.

use std::time::{Duration, Instant};

use futures::future::join_all;
use hookward_engine::event::EventKind;
use hookward_engine::event::{HookFailure, HookResult, Outcome, Scope, Status, Summary, Trigger};
use hookward_engine::{Event, Limits, Options, Reason};
use hookward_tests::{component, core_module};

use crate::support::{Call, GRACE, engine, hostile, load, started, still_serves, tickers};

/// A call is over this soon after its cancellation, even on a runtime of one thread
/// that looks at its timers only now and then.
const CANCELLED: Duration = Duration::from_secs(2);

async fn cancelled(call: Call) {
    let cancel = call.cancel.clone();
    // From a thread of its own, as a signal would.
    let canceller = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        cancel.cancel();
        Instant::now()
    });
    let outcome = call.run().await;
    let over = Instant::now();
    outcome.failed(Reason::Cancelled);
    let cancelled = canceller.join().unwrap();
    assert!(over - cancelled < CANCELLED);
    still_serves().await;
}

#[tokio::test]
async fn a_cancelled_call_ends_on_one_thread() {
    hostile().await;
    cancelled(Call::mode("spin")).await;
    cancelled(Call::mode("sleep-forever")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_call_ends_on_several_threads() {
    hostile().await;
    cancelled(Call::mode("spin")).await;
    cancelled(Call::mode("sleep-forever")).await;
}

#[tokio::test]
async fn a_call_that_is_cancelled_already_doesnt_start() {
    let call = Call::mode("log").text("x");
    call.cancel.cancel();
    let outcome = call.run().await;
    outcome.failed(Reason::Cancelled);
    assert!(outcome.records.is_empty());
    assert_eq!(outcome.report.fuel, 0);
}

/// A caller may also just drop the call.
#[tokio::test]
async fn a_dropped_call_leaves_nothing_behind() {
    hostile().await;
    for mode in ["spin", "sleep-forever"] {
        tokio::time::timeout(Duration::from_millis(100), Call::mode(mode).run()).await.unwrap_err();
        still_serves().await;
    }
}

#[tokio::test]
async fn the_report_measures_the_call() {
    let slept = Call::mode("sleep").amount(150).run().await;
    slept.ok();
    assert!(slept.report.wall >= Duration::from_millis(150), "{:?}", slept.report.wall);

    let (little, much) = (Call::mode("compute").amount(1000), Call::mode("compute").amount(101_000));
    let (little, much) = (little.run().await.report.fuel, much.run().await.report.fuel);
    // Some instructions for each of the 100,000 rounds more.
    assert!((200_000..5_000_000).contains(&(much - little)), "{little} and {much}");

    let (none, some) = (Call::mode("ok"), Call::mode("hold").amount(8 << 20));
    let (none, some) = (none.run().await.report.peak_memory, some.run().await.report.peak_memory);
    assert!((1 << 16..4 << 20).contains(&none), "{none}");
    assert!((8 << 20..9 << 20).contains(&(some - none)), "{none} and {some}");

    // A call that is stopped is measured too, as far as it can be.
    let stopped = Call::mode("spin").timeout(100).run().await;
    assert!(stopped.report.fuel > 1000, "{}", stopped.report.fuel);
    assert!(stopped.report.peak_memory >= none);
    let stopped = Call::mode("spin").limits(|limits| limits.fuel = 5_000_000).run().await;
    assert_eq!(stopped.report.fuel, 5_000_000);
}

#[tokio::test]
async fn the_same_call_takes_the_same_fuel() {
    // No clock and no waiting in it: nothing that differs from call to call.
    let mut fuel = Vec::new();
    for _ in 0..5 {
        fuel.push(Call::mode("compute").amount(10_000).run().await.report.fuel);
    }
    assert!(fuel.iter().all(|&one| one == fuel[0]), "{fuel:?}");
}

#[tokio::test]
async fn every_call_has_a_fresh_instance() {
    let component = hostile().await;
    let call = Call::mode("count");
    let hook = component.hook(call.limits.clone(), call.grants.clone()).unwrap();
    for _ in 0..5 {
        let report = hook.call(&call.event, call.log.clone(), &call.cancel).await;
        assert_eq!(report.result.unwrap_err().message, "1");
    }
}

/// Twenty hooks at once, on one thread, beside one that spins.
#[tokio::test]
async fn a_spinning_hook_doesnt_hold_others_up() {
    hostile().await;
    let spinning = async {
        let outcome = Call::mode("spin").timeout(3000).run().await;
        outcome.failed(Reason::Timeout);
        Instant::now()
    };
    let others = join_all((0..20).map(|n| async move {
        let outcome = Call::mode("error").text(&n.to_string()).run().await;
        assert_eq!(outcome.error(), n.to_string());
        Instant::now()
    }));
    let (spun, others) = tokio::join!(spinning, others);
    assert!(others.iter().all(|&other| other < spun));
    still_serves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_hooks_run_at_once() {
    hostile().await;
    let calls = (0..200).map(|n: u32| {
        tokio::spawn(async move {
            let sleepy = Call::mode(if n.is_multiple_of(2) { "sleep" } else { "compute" }).amount(100);
            sleepy.run().await.ok();
        })
    });
    for call in join_all(calls).await {
        call.unwrap();
    }
}

fn wakeups(thread: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/self/task/{thread}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
    line.split_whitespace().last().unwrap().parse().unwrap()
}

/// The thread that stops runaway hooks sleeps while there are none, and ends with
/// its engine.
#[tokio::test]
async fn the_epoch_thread_idles() {
    let (engine, ticker) = started(Options::default());
    let bytes = component(&core_module(r#"(func (export "run") (param i32) (result i32) (i32.const 0))"#));
    let ok = engine.load(bytes, None, &Limits::default()).await.unwrap();
    let spin = component(&core_module(r#"(func (export "run") (param i32) (result i32) (loop (br 0)) (i32.const 0))"#));
    let spin = engine.load(spin, None, &Limits::default()).await.unwrap();

    let before = wakeups(ticker);
    Call::new().timeout(300).of(&spin).await.failed(Reason::Timeout);
    assert!(wakeups(ticker) - before >= 5, "it ticks while a hook runs");
    Call::new().of(&ok).await.ok();
    // On a busy machine its last tick comes late.
    let deadline = Instant::now() + GRACE;
    loop {
        let idle = wakeups(ticker);
        tokio::time::sleep(Duration::from_millis(300)).await;
        if wakeups(ticker) == idle {
            break;
        }
        assert!(Instant::now() < deadline, "it ticks while no hook runs");
    }

    drop((engine, ok, spin));
    let deadline = Instant::now() + GRACE;
    while tickers().contains(&ticker) {
        assert!(Instant::now() < deadline, "the thread outlives its engine");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A component without any import is a hook too.
#[tokio::test]
async fn a_hook_that_asks_for_nothing() {
    let bytes = component(&core_module(r#"(func (export "run") (param i32) (result i32) (i32.const 0))"#));
    let component = load(bytes).await.unwrap();
    assert!(component.inspection().requests.iter().all(|request| request.import.starts_with("hookward:hook/types@")));
    assert_eq!(component.inspection().exports, ["run"]);
    assert_eq!(component.version().number(), "0.1.0");
    Call::new().of(&component).await.ok();
}

/// Every field of the event, through the contract, into a guest and back.
#[tokio::test]
async fn a_hook_is_told_everything() {
    let probe = tokio::task::spawn_blocking(|| hookward_tests::guest("probe")).await.unwrap();
    let probe = engine().load_file(&probe, None, &Limits::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    for event in [hookward_tests::event(), finished()] {
        let mut call = Call::new().config("dump", "/out/event").config("journal", "/out/journal");
        call = call.config("name", "stop-db").dir(dir.path(), "/out", true);
        call.event = event.clone();
        call.of(&probe).await.ok();
        let dumped = std::fs::read_to_string(dir.path().join("event")).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&dumped).unwrap(), event);
    }
    assert_eq!(
        std::fs::read_to_string(dir.path().join("journal")).unwrap(),
        "stop-db before attempt=1\n\
         stop-db finally attempt=3 status=warning exit=3 snapshot=4bba301e hooks=2 dry-run recovered\n"
    );
}

fn finished() -> Event {
    let result = |name: &str, failure| HookResult {
        name: name.to_owned(),
        scope: Scope::Global,
        kind: EventKind::Before,
        attempt: 2,
        failure,
        duration: Duration::from_millis(1234),
    };
    let failure = HookFailure { reason: "timeout".to_owned(), message: "still running \u{1f600}".to_owned() };
    Event {
        kind: EventKind::Finally,
        profile: None,
        scope: Scope::Repository,
        repository: String::new(),
        sources: Vec::new(),
        tags: vec![String::new(), "grüße".to_owned()],
        trigger: Trigger::Shim,
        dry_run: true,
        attempt: 3,
        recovered: true,
        outcome: Some(Outcome {
            status: Status::Warning,
            exit_code: Some(3),
            error: Some("some files could not be read".to_owned()),
            duration: Duration::from_millis(u64::from(u32::MAX) + 1),
            snapshot_id: Some("4bba301e".to_owned()),
            summary: Some(Summary {
                files_new: 1,
                files_changed: 2,
                files_unmodified: 3,
                dirs_new: 4,
                dirs_changed: 5,
                dirs_unmodified: 6,
                data_blobs: 7,
                tree_blobs: 8,
                data_added: u64::MAX,
                data_added_packed: 10,
                total_files_processed: 11,
                total_bytes_processed: 12,
                total_duration: 13.5,
            }),
            stderr_tail: "line\nline\n".to_owned(),
            hooks: vec![result("first", None), result("second", Some(failure))],
        }),
        ..hookward_tests::event()
    }
}
