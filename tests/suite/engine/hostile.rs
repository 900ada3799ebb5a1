//! Guests that use things up, that don't come back, and that end in odd ways.

use std::time::Duration;

use hookward_engine::Reason;
use hookward_engine::log::{Record, Sink, Source};
use tokio::time::timeout;

use crate::support::{Call, GRACE, hostile, still_serves};

/// Runs one mode after the other and wants its reason, soon after its limit.
async fn each(cases: impl IntoIterator<Item = (Call, Reason)>) {
    for (call, reason) in cases {
        let mode = call.grants.config[0].1.clone();
        let limit = call.limits.timeout;
        let Ok(outcome) = timeout(limit + GRACE, call.run()).await else {
            panic!("mode {mode} was not stopped");
        };
        eprintln!("{mode}: {:?} after {:?}", outcome.report.result, outcome.report.wall);
        outcome.failed(reason);
        assert!(outcome.report.wall < limit + GRACE, "mode {mode} ran for {:?}", outcome.report.wall);
        still_serves().await;
    }
}

#[tokio::test]
async fn what_uses_things_up_is_stopped_by_its_limit() {
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("file"), "").unwrap();
    let open = Call::mode("open-forever").text("/in/file").dir(files.path(), "/in", false);
    let long_line = "x".repeat(2000);
    each([
        (Call::mode("spin").timeout(200), Reason::Timeout),
        (Call::mode("spin").limits(|limits| limits.fuel = 10_000_000), Reason::Fuel),
        (Call::mode("recurse"), Reason::Stack),
        (Call::mode("recurse-in-memory"), Reason::Trap),
        (Call::mode("grow"), Reason::Memory),
        (open.limits(|limits| limits.handles = 64), Reason::Handles),
        (Call::mode("subscribe-forever"), Reason::Handles),
        (Call::mode("stdout-flood").text("x").limits(|limits| limits.output = 1 << 16), Reason::Output),
        (Call::mode("stderr-flood").text("x").limits(|limits| limits.output = 1 << 16), Reason::Output),
        (Call::mode("stdout-flood").text(&long_line), Reason::Output),
        (Call::mode("stderr-flood").text(&long_line), Reason::Output),
        (Call::mode("endless-line").text(&long_line), Reason::Output),
        (Call::mode("log-flood").text("x"), Reason::LogLines),
        (Call::mode("log-flood").text(&long_line), Reason::Output),
        (Call::mode("log-flood"), Reason::LogLines),
        (Call::mode("field-flood").amount(10_000), Reason::Output),
        (Call::mode("warn-flood").text("x"), Reason::LogLines),
        (Call::mode("skip-flood").text(&long_line), Reason::Output),
        // Says nothing and keeps nothing: only the clock can end it.
        (Call::mode("skip-flood").timeout(200), Reason::Timeout),
        (Call::mode("empty-writes").timeout(200), Reason::Timeout),
        (Call::mode("random").amount(u64::MAX), Reason::Transfer),
        (Call::mode("random").amount(1 << 30), Reason::Transfer),
    ])
    .await;
}

#[tokio::test]
async fn a_wait_in_the_host_ends_at_the_deadline() {
    each([
        (Call::mode("sleep").amount(3_600_000).timeout(200), Reason::Timeout),
        (Call::mode("sleep-forever").timeout(200), Reason::Timeout),
    ])
    .await;
}

/// Opening a pipe waits for the other end: in a thread of the host, which nothing
/// but the other end can free.
#[tokio::test]
async fn a_pipe_that_nobody_writes_to_is_left_at_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let call = || Call::mode("read-file").text("/in/pipe").dir(dir.path(), "/in", false).timeout(200);
    each([(call(), Reason::Timeout)]).await;

    // Frees the thread that was left, for which the runtime would wait. A pipe that
    // is open can't be read either: WASI reads at a position, and a pipe has none.
    let writer = std::fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    each([(call(), Reason::Error)]).await;
    drop(writer);
}

#[tokio::test]
async fn every_way_to_end_has_its_reason() {
    each([
        (Call::mode("trap"), Reason::Trap),
        (Call::mode("panic").text("on purpose"), Reason::Panic),
        (Call::mode("exit").amount(0), Reason::Exit),
        (Call::mode("exit").amount(3), Reason::Exit),
        (Call::mode("error").text("no"), Reason::Error),
        (Call::mode("error"), Reason::Error),
    ])
    .await;
    let panicked = Call::mode("panic").text("on purpose").run().await;
    let message = &panicked.failed(Reason::Panic).message;
    assert!(message.contains("modes.rs") && message.contains("on purpose"), "{message}");
    assert_eq!(Call::mode("error").run().await.error(), "failed without saying why");
}

/// 100 MB: refused at the host's door, and cut down to a line where an operator
/// has raised what may pass it.
#[tokio::test]
async fn a_huge_error_string_is_refused_or_cut() {
    let huge = || Call::mode("huge-error").amount(100_000_000).limits(|limits| limits.memory = 1 << 30);
    each([(huge(), Reason::Transfer)]).await;

    let outcome = huge().limits(|limits| limits.transfer = 256 << 20).run().await;
    let failure = outcome.failed(Reason::Error);
    assert!(failure.truncated);
    assert_eq!(failure.message, "x".repeat(4 << 10));
    still_serves().await;
}

/// Waits with every record.
struct Slow(Duration);

impl Sink for Slow {
    fn record(&self, _: Record) {
        std::thread::sleep(self.0);
    }
}

/// The one host function of ours that can hold a guest past its deadline without
/// an await is a log whose reader is slow. The guest then returns ok, too late.
#[tokio::test]
async fn ok_after_the_deadline_is_a_timeout() {
    let call = Call::mode("log").text("x").timeout(100);
    let slow = std::sync::Arc::new(Slow(Duration::from_millis(200)));
    let report = hostile().await.hook(call.limits, call.grants).unwrap().call(&call.event, slow, &call.cancel).await;
    assert_eq!(report.result.unwrap_err().reason, Reason::Timeout);
    still_serves().await;
}

/// A guest that feigns a panic message without end must not keep the host busier than
/// any other with as much to say.
#[tokio::test]
async fn a_feigned_panic_costs_the_host_no_more_than_other_output() {
    let mut took = Vec::new();
    for text in ["no panic", "thread 'main' panicked at nowhere:"] {
        let outcome = Call::mode("colon-flood").text(text).amount(1 << 19).run().await;
        outcome.failed(Reason::Error);
        assert_eq!(outcome.messages(Source::Stderr).len(), (1 << 18) + 1);
        took.push(outcome.report.wall);
    }
    assert!(took[1] < took[0] * 5, "{took:?}");
    still_serves().await;
}
