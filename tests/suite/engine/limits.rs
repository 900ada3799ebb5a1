//! Every field of `Limits`: what is within it passes, what goes beyond doesn't.

use std::time::{Duration, Instant};

use hookward_engine::{Limits, Reason};
use hookward_tests::{appended, component, core_module};

use crate::support::{Call, engine, load, still_serves};

/// Runs the same call at two limits.
async fn both(
    reason: Reason,
    call: impl Fn() -> Call,
    within: impl FnOnce(&mut Limits),
    beyond: impl FnOnce(&mut Limits),
) {
    call().limits(within).run().await.ok();
    let outcome = call().limits(beyond).run().await;
    let message = &outcome.failed(reason).message;
    assert!(message.contains("(limit `"), "an operator needs the limit's name: {message}");
    still_serves().await;
}

#[tokio::test]
async fn timeout() {
    let started = Instant::now();
    both(
        Reason::Timeout,
        || Call::mode("sleep").amount(400),
        |limits| limits.timeout = Duration::from_secs(20),
        |limits| limits.timeout = Duration::from_millis(50),
    )
    .await;
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn fuel() {
    let call = || Call::mode("compute").amount(100_000);
    let used = call().run().await.report.fuel;
    // Looked at when a function is called and a loop turns, so not to the unit.
    both(Reason::Fuel, call, |limits| limits.fuel = used, |limits| limits.fuel = used - 1000).await;
}

#[tokio::test]
async fn memory() {
    let call = || Call::mode("hold").amount(5 << 20);
    let peak = call().run().await.report.peak_memory;
    both(Reason::Memory, call, |limits| limits.memory = peak, |limits| limits.memory = peak - 1).await;
}

#[tokio::test]
async fn handles() {
    let call = || Call::mode("hold-handles").amount(100);
    // The host keeps more for a handle than the guest does.
    both(Reason::Handles, call, |limits| limits.handles = 250, |limits| limits.handles = 100).await;
}

#[tokio::test]
async fn output() {
    let call = || Call::mode("log").text(&"x".repeat(500));
    both(Reason::Output, call, |limits| limits.output = 1100, |limits| limits.output = 999).await;
}

#[tokio::test]
async fn log_lines() {
    let call = || Call::mode("log").text("x");
    both(Reason::LogLines, call, |limits| limits.log_lines = 1, |limits| limits.log_lines = 0).await;
}

#[tokio::test]
async fn error_length() {
    for (length, shown, truncated) in [(3, "abc", false), (2, "ab", true), (0, "failed without saying why", true)] {
        let call = Call::mode("error").text("abc").limits(|limits| limits.error_length = length);
        let outcome = call.run().await;
        assert_eq!((outcome.error(), outcome.failed(Reason::Error).truncated), (shown, truncated));
    }
    // The other texts that a report carries.
    let warned = Call::mode("warn").text("abc").limits(|limits| limits.error_length = 2).run().await;
    assert_eq!(warned.report.warnings, ["ab"]);
    let skipped = Call::mode("skip").text("abc").limits(|limits| limits.error_length = 2).run().await;
    assert_eq!(skipped.report.skip.as_deref(), Some("ab"));
}

#[tokio::test]
async fn transfer() {
    let call = || Call::mode("log").text(&"x".repeat(20_000));
    both(Reason::Transfer, call, |limits| limits.transfer = 100_000, |limits| limits.transfer = 20_000).await;
}

#[tokio::test]
async fn table_elements() {
    let table = r#"(table $t 10 funcref) (func (export "run") (param i32) (result i32)
        (drop (table.grow $t (ref.null func) (i32.const 90))) (i32.const 0))"#;
    let component = load(component(&core_module(table))).await.unwrap();
    // wit-component adds a table of its own for the adapters; it has one here.
    Call::new().limits(|limits| limits.table_elements = 110).of(&component).await.ok();
    Call::new().limits(|limits| limits.table_elements = 99).of(&component).await.failed(Reason::Tables);
    still_serves().await;
}

#[tokio::test]
async fn instances() {
    let ok = component(&core_module(r#"(func (export "run") (param i32) (result i32) (i32.const 0))"#));
    let component = load(appended(ok, "(module)", 50)).await.unwrap();
    Call::new().limits(|limits| limits.instances = 60).of(&component).await.ok();
    Call::new().limits(|limits| limits.instances = 50).of(&component).await.failed(Reason::Instances);
    still_serves().await;
}

#[tokio::test]
async fn component_size() {
    let ok = component(&core_module(r#"(func (export "run") (param i32) (result i32) (i32.const 0))"#));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, &ok).unwrap();
    let mut limits = Limits::default();
    limits.component_size = ok.len() as u64;
    engine().load(ok.clone(), None, &limits).await.unwrap();
    engine().load_file(file.path(), None, &limits).await.unwrap();
    limits.component_size -= 1;
    assert_eq!(engine().load(ok, None, &limits).await.unwrap_err().reason, Reason::ComponentSize);
    let failure = engine().load_file(file.path(), None, &limits).await.unwrap_err();
    assert_eq!(failure.reason, Reason::ComponentSize);
    assert!(failure.message.contains("component-size"));
    still_serves().await;
}

// `compile-time` stands in `compiling`.
