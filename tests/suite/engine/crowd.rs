//! Many hooks at once: who is let in, in which order, and what becomes of those that
//! wait.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use hookward_engine::log::Discard;
use hookward_engine::{
    Admission, Allocator, CancellationToken, Crowd, Hook, Limits, Options, Reason, Refused, Report, Turn,
};
use tokio::task::{JoinHandle, unconstrained, yield_now};
use tokio::time::sleep;

use crate::support::{Call, GRACE, hostile, started, still_serves};

fn crowd(running: usize, set: impl FnOnce(&mut Admission)) -> Crowd {
    let mut admission = Admission::default();
    admission.running = NonZeroUsize::new(running).unwrap();
    set(&mut admission);
    Crowd::new(&admission)
}

/// The guest `hostile` in this mode, with a minute's time.
async fn hook(mode: &str, set: impl FnOnce(&mut Limits)) -> Hook {
    let call = Call::mode(mode).timeout(60_000).limits(set);
    hostile().await.hook(call.limits, call.grants).unwrap()
}

/// One poll, whatever the test has polled before: tokio would have it pause.
fn polled<F: Future + Unpin>(future: F) -> Option<F::Output> {
    unconstrained(future).now_or_never()
}

/// A call that has its place in the queue: polled once.
struct Waiting {
    admitted: Pin<Box<dyn Future<Output = Result<Turn, Refused>> + Send>>,
    first: Option<Result<Turn, Refused>>,
}

impl Waiting {
    fn new(crowd: &Crowd, hook: &Hook, cancel: &CancellationToken) -> Self {
        let (crowd, hook, cancel) = (crowd.clone(), hook.clone(), cancel.clone());
        let mut admitted = async move { crowd.admit(&hook, &cancel).await }.boxed();
        let first = polled(&mut admitted);
        Self { admitted, first }
    }

    /// Its turn, if it has come.
    fn turn(&mut self) -> Option<Result<Turn, Refused>> {
        self.first.take().or_else(|| polled(&mut self.admitted))
    }

    async fn end(self) -> Result<Turn, Refused> {
        match self.first {
            Some(first) => first,
            None => self.admitted.await,
        }
    }
}

/// Runs the call on a task of its own; its place in the queue is taken now.
fn spawn(crowd: &Crowd, hook: &Hook, cancel: &CancellationToken) -> JoinHandle<Result<Report, Refused>> {
    let waiting = Waiting::new(crowd, hook, cancel);
    let (hook, cancel) = (hook.clone(), cancel.clone());
    tokio::spawn(async move {
        let turn = waiting.end().await?;
        let report = hook.call(&hookward_tests::event(), Arc::new(Discard), &cancel).await;
        drop(turn);
        Ok(report)
    })
}

#[track_caller]
fn reason(report: &Report) -> Reason {
    report.result.as_ref().expect_err("the hook should have failed").reason
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < GRACE, "{what}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_hook_has_its_turn_among_spinning_ones() {
    let crowd = crowd(64, |_| ());
    let (spin, ok) = (hook("spin", |_| ()).await, hook("ok", |_| ()).await);
    let (first, others, never) = (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());

    let mut spinning = vec![spawn(&crowd, &spin, &first)];
    spinning.extend((1..64).map(|_| spawn(&crowd, &spin, &others)));
    let short = spawn(&crowd, &ok, &never);
    spinning.extend((64..200).map(|_| spawn(&crowd, &spin, &others)));
    assert_eq!((crowd.running(), crowd.waiting()), (64, 137));
    sleep(Duration::from_millis(300)).await;
    assert!(!short.is_finished(), "there is no room for it");

    first.cancel();
    let let_in = Instant::now();
    let report = short.await.unwrap().unwrap();
    assert_eq!(report.result, Ok(()));
    assert!(let_in.elapsed() < GRACE, "{:?} among hooks that spin for a minute", let_in.elapsed());
    until("the next one is in", || (crowd.running(), crowd.waiting()) == (64, 135)).await;

    others.cancel();
    let mut never_started = 0;
    for call in spinning {
        match call.await.unwrap() {
            Ok(report) => assert_eq!(reason(&report), Reason::Cancelled),
            Err(refused) => {
                assert_eq!(refused, Refused::Cancelled);
                never_started += 1;
            }
        }
    }
    assert_eq!(never_started, 135, "those that waited were not started at all");
    assert_eq!((crowd.running(), crowd.waiting()), (0, 0));
    still_serves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_stands_still_while_a_hook_waits() {
    let crowd = crowd(1, |_| ());
    let never = CancellationToken::new();
    let spin = hook("spin", |limits| limits.timeout = Duration::from_millis(1500)).await;
    let ok = hook("ok", |limits| limits.timeout = Duration::from_secs(1)).await;

    let spinning = spawn(&crowd, &spin, &never);
    let waiting = Waiting::new(&crowd, &ok, &never);
    let turn = waiting.end().await.unwrap();
    assert!(turn.waited() > ok.limits().timeout, "it waited for longer than it may run: {:?}", turn.waited());
    let report = ok.call(&hookward_tests::event(), Arc::new(Discard), &never).await;
    assert_eq!(report.result, Ok(()));
    assert!(report.wall < ok.limits().timeout, "the wait is no part of it: {:?}", report.wall);
    assert_eq!(reason(&spinning.await.unwrap().unwrap()), Reason::Timeout);
}

#[tokio::test]
async fn first_come_first_served_in_a_long_queue() {
    let crowd = crowd(1, |_| ());
    let (ok, never) = (hook("ok", |_| ()).await, CancellationToken::new());
    let mut queue: Vec<_> = (0..10_000).map(|_| Waiting::new(&crowd, &ok, &never)).collect();
    assert_eq!((crowd.running(), crowd.waiting()), (1, 9_999));
    for place in 0..queue.len() {
        let turn = queue[place].turn().expect("it is next").unwrap();
        if let Some(behind) = queue.get_mut(place + 1) {
            assert!(behind.turn().is_none(), "{place} is still in");
        }
        // Whoever comes late finds no way past those who wait.
        if place == 5_000 {
            drop(turn);
            assert!(Waiting::new(&crowd, &ok, &never).turn().is_none());
        }
    }
    assert_eq!((crowd.running(), crowd.waiting()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_through_a_narrow_door() {
    let crowd = crowd(8, |_| ());
    let (ok, never) = (hook("ok", |_| ()).await, CancellationToken::new());
    let calls: Vec<_> = (0..10_000).map(|_| spawn(&crowd, &ok, &never)).collect();
    for call in calls {
        assert!(crowd.running() <= 8);
        assert_eq!(call.await.unwrap().unwrap().result, Ok(()));
    }
    assert_eq!((crowd.running(), crowd.waiting()), (0, 0));
}

#[tokio::test]
async fn a_queue_that_is_full_refuses() {
    let crowd = crowd(1, |admission| admission.waiting = Some(2));
    let (ok, never, mind) = (hook("ok", |_| ()).await, CancellationToken::new(), CancellationToken::new());
    let mut running = Waiting::new(&crowd, &ok, &never);
    let turn = running.turn().unwrap().unwrap();
    let waiting = Waiting::new(&crowd, &ok, &never);
    let changes_its_mind = Waiting::new(&crowd, &ok, &mind);
    assert_eq!(Waiting::new(&crowd, &ok, &never).end().await.unwrap_err(), Refused::Full(2));

    mind.cancel();
    assert_eq!(changes_its_mind.end().await.unwrap_err(), Refused::Cancelled);
    let mut last = Waiting::new(&crowd, &ok, &never);
    assert!(last.turn().is_none(), "the place is free again");
    // One that is dropped gives its place up as well, and the one behind it moves up.
    drop(waiting);
    drop(turn);
    let turn = last.turn().expect("it is next").unwrap();
    assert_eq!((crowd.running(), crowd.waiting()), (1, 0));
    drop(turn);
    assert_eq!(crowd.running(), 0);
}

#[tokio::test]
async fn no_room_to_wait_is_room_to_run() {
    let crowd = crowd(1, |admission| admission.waiting = Some(0));
    let (ok, never) = (hook("ok", |_| ()).await, CancellationToken::new());
    let event = hookward_tests::event();
    for _ in 0..3 {
        let report = crowd.call(&ok, &event, Arc::new(Discard), &never).await.unwrap();
        assert_eq!(report.result, Ok(()));
    }
    let turn = crowd.admit(&ok, &never).await.unwrap();
    assert_eq!(turn.waited(), Duration::ZERO);
    assert_eq!(crowd.call(&ok, &event, Arc::new(Discard), &never).await.unwrap_err(), Refused::Full(0));
}

#[tokio::test]
async fn memories_together_have_a_bound() {
    const MIB: u64 = 1 << 20;
    let crowd = crowd(10, |admission| admission.memory = Some(100 * MIB));
    let never = CancellationToken::new();
    let large = hook("ok", |limits| limits.memory = 40 * MIB).await;
    let small = hook("ok", |limits| limits.memory = 10 * MIB).await;
    let mut queue: Vec<_> =
        [&large, &large, &large, &small].map(|hook| Waiting::new(&crowd, hook, &never)).into_iter().collect();
    let [first, second] = [0, 1].map(|place: usize| queue[place].turn().expect("there is room").unwrap());
    assert!(queue[2].turn().is_none(), "120 MiB are too many");
    assert!(queue[3].turn().is_none(), "90 MiB are not, but it is not its turn");
    drop(first);
    let third = queue[2].turn().expect("there is room").unwrap();
    let fourth = queue[3].turn().expect("there is room").unwrap();
    drop((second, third, fourth));

    let larger = hook("ok", |limits| limits.memory = 100 * MIB + 1).await;
    let refused = crowd.admit(&larger, &never).await.unwrap_err();
    assert_eq!(refused, Refused::TooLarge { limit: 100 * MIB + 1, bound: 100 * MIB });
    let fits = hook("ok", |limits| limits.memory = 100 * MIB).await;
    drop(crowd.admit(&fits, &never).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_crowd_ends_what_runs_and_starts_nothing() {
    let crowd = crowd(1, |_| ());
    let never = CancellationToken::new();
    let spin = hook("spin", |limits| limits.timeout = Duration::from_millis(500)).await;
    let running = spawn(&crowd, &spin, &never);
    let waiting = spawn(&crowd, &spin, &never);
    crowd.close();
    assert_eq!(waiting.await.unwrap().unwrap_err(), Refused::Closed);
    assert_eq!(crowd.admit(&spin, &never).await.unwrap_err(), Refused::Closed);
    assert_eq!(reason(&running.await.unwrap().unwrap()), Reason::Timeout, "it was left alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_dropped_make_room() {
    let crowd = crowd(4, |_| ());
    let (spin, ok, never) = (hook("spin", |_| ()).await, hook("ok", |_| ()).await, CancellationToken::new());
    let calls: Vec<_> = (0..100).map(|_| spawn(&crowd, &spin, &never)).collect();
    sleep(Duration::from_millis(100)).await;
    assert_eq!((crowd.running(), crowd.waiting()), (4, 96));
    // As when a server drops a connection: in the middle of the guest, or in the queue.
    calls.iter().for_each(JoinHandle::abort);
    for call in calls {
        assert!(call.await.unwrap_err().is_cancelled());
    }
    yield_now().await;
    assert_eq!((crowd.running(), crowd.waiting()), (0, 0));
    let report = crowd.call(&ok, &hookward_tests::event(), Arc::new(Discard), &never).await.unwrap();
    assert_eq!(report.result, Ok(()));

    // The crowd itself goes while calls of it run and wait.
    let cancel = CancellationToken::new();
    let left: Vec<_> = (0..10).map(|_| spawn(&crowd, &spin, &cancel)).collect();
    drop(crowd);
    cancel.cancel();
    for call in left {
        let ended = call.await.unwrap();
        assert!(
            ended.as_ref().map_or_else(|refused| *refused == Refused::Cancelled, |r| reason(r) == Reason::Cancelled)
        );
    }
    still_serves().await;
}

#[tokio::test]
async fn a_hook_called_off_early_is_not_started() {
    let crowd = crowd(1, |_| ());
    let (ok, off) = (hook("ok", |_| ()).await, CancellationToken::new());
    off.cancel();
    assert_eq!(crowd.admit(&ok, &off).await.unwrap_err(), Refused::Cancelled);
    assert_eq!(crowd.running(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_is_used_again_and_nothing_of_a_call_is_left_in_it() {
    let mut options = Options::default();
    options.allocator = Allocator::Pool { calls: 2 };
    let (engine, _) = started(options);
    let path = tokio::task::spawn_blocking(|| hookward_tests::guest("hostile")).await.unwrap();
    let component = engine.load_file(&path, None, &Limits::default()).await.unwrap();
    let hook = |call: Call| component.hook(call.limits, call.grants).unwrap();
    let (crowd, never) = (crowd(2, |_| ()), CancellationToken::new());
    let (count, hold) = (hook(Call::mode("count")), hook(Call::mode("hold").amount(8 << 20)));
    let calls: Vec<_> = (0..40).map(|n| spawn(&crowd, if n % 2 == 0 { &count } else { &hold }, &never)).collect();
    for (n, call) in calls.into_iter().enumerate() {
        let report = call.await.unwrap().unwrap();
        match report.result {
            Ok(()) => assert_eq!(n % 2, 1),
            Err(failure) => {
                assert_eq!((n % 2, failure.message.as_str()), (0, "1"), "each call is the first of its instance")
            }
        }
    }

    // More than it was made for: they fail, and it serves on.
    let sleep = hook(Call::mode("sleep").amount(60_000));
    let cancel = CancellationToken::new();
    let full: Vec<_> = (0..2)
        .map(|_| {
            let (sleep, cancel) = (sleep.clone(), cancel.clone());
            tokio::spawn(async move { sleep.call(&hookward_tests::event(), Arc::new(Discard), &cancel).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let one_more = count.call(&hookward_tests::event(), Arc::new(Discard), &never).await;
    assert_ne!(one_more.result.unwrap_err().message, "1", "there is no room for it");
    cancel.cancel();
    for call in full {
        assert_eq!(reason(&call.await.unwrap()), Reason::Cancelled);
    }
    let again = count.call(&hookward_tests::event(), Arc::new(Discard), &never).await;
    assert_eq!(again.result.unwrap_err().message, "1");
}
