//! Limits: each is hit for the same reason, whatever the hook is written in.

use std::time::Duration;

use hookward_engine::{Limits, Reason};
use hookward_tests::counterparts::Recorder;
use serde_json::json;
use tempfile::TempDir;

use crate::Case;
use crate::subject::{Outcome, Subject};

/// A call that finds what it looks for, under these limits.
fn found(subject: &Subject, set: impl FnOnce(&mut Limits)) -> Outcome {
    let dir = TempDir::new().unwrap();
    let paths = vec!["/data"; 50];
    subject.require_path(json!({ "paths": paths })).dir(dir.path(), "/data").limits(set).run()
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("limit: fuel", |subject| {
            let used = found(subject, |_| {}).report.fuel;
            let stopped = found(subject, |limits| limits.fuel = used / 2);
            stopped.failed(Reason::Fuel);
            // Clocks and random numbers take their part: the same but for that.
            found(subject, |limits| limits.fuel = used * 2).ok();
        }),
        Case::new("limit: memory, from the start", |subject| {
            found(subject, |limits| limits.memory = 64 << 10).failed(Reason::Memory);
        }),
        Case::new("limit: memory, while it grows", |subject| {
            let used = found(subject, |_| {});
            used.ok();
            let limit = used.report.peak_memory + (4 << 20);
            let mut event = hookward_tests::event();
            event.tags = vec!["x".repeat(1 << 20); 8];
            let call = subject.require_path(json!({"path": "/data"})).event(event);
            call.limits(|limits| limits.memory = limit).run().failed(Reason::Memory);
        }),
        Case::new("limit: messages", |subject| {
            found(subject, |limits| limits.log_lines = 49).failed(Reason::LogLines);
            found(subject, |limits| limits.log_lines = 50).ok();
        }),
        Case::new("limit: output", |subject| {
            found(subject, |limits| limits.output = 500).failed(Reason::Output);
        }),
        Case::new("limit: length of the error", |subject| {
            let call = subject.require_path(json!({"path": "/data"})).limits(|limits| limits.error_length = 20);
            let outcome = call.run();
            let failure = outcome.failed(Reason::Error);
            assert!(failure.truncated && failure.message.starts_with("/data isn't"), "{failure:?}");
        }),
        Case::new("limit: what a call may carry", |subject| {
            let paths: Vec<String> = (0..500).map(|n| format!("/missing/{n}/{}", "x".repeat(200))).collect();
            let call = subject.require_path(json!({ "paths": paths })).limits(|limits| limits.transfer = 100_000);
            call.run().failed(Reason::Transfer);
        }),
        Case::new("limit: time, while it computes", |subject| {
            let dir = TempDir::new().unwrap();
            let paths: Vec<String> = (0..100_000).map(|n| format!("/data/{n}")).collect();
            let call = subject.require_path(json!({ "paths": paths })).dir(dir.path(), "/data");
            let outcome = call.limits(|limits| limits.timeout = Duration::from_millis(50)).run();
            outcome.failed(Reason::Timeout);
            assert!(outcome.report.wall < Duration::from_secs(10), "{:?}", outcome.report.wall);
        }),
        Case::new("limit: requests", |subject| {
            let server = Recorder::start([]);
            let call = subject.ping(&server.url(""), json!({ "url": server.url("/") }));
            call.limits(|limits| limits.http_requests = 0).run().failed(Reason::HttpRequests);
            assert_eq!(server.requests().len(), 0);
        }),
        Case::new("limit: body of a request", |subject| {
            let server = Recorder::start([]);
            let mut event = hookward_tests::event();
            event.tags = vec!["x".repeat(200_000)];
            let call = subject.ping(&server.url(""), json!({ "url": server.url("/") })).event(event);
            call.limits(|limits| limits.http_body = 100_000).run().failed(Reason::HttpBody);
        }),
        Case::new("a fresh instance for each call", |subject| {
            let (first, second) = (found(subject, |_| {}), found(subject, |_| {}));
            assert_eq!(first.records, second.records);
            assert_eq!(first.report.peak_memory, second.report.peak_memory);
        }),
    ]
}
