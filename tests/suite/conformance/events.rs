//! Events: every kind and every field, through the contract and back as JSON.

use std::time::Duration;

use hookward_engine::event::{HookFailure, HookResult, Outcome, Summary};
use hookward_engine::{Event, EventKind, Scope, Status, Trigger};
use hookward_tests::counterparts::Recorder;
use serde_json::json;

use crate::Case;
use crate::subject::Subject;

/// What QuickJS still has exactly: its numbers are those of JavaScript.
const LARGE: u64 = (1 << 53) - 1;

fn comes_back(subject: &Subject, event: &Event) {
    let server = Recorder::start([]);
    subject.ping(&server.url(""), json!({ "url": server.url("/") })).event(event.clone()).run().ok();
    let [request] = &server.requests()[..] else { panic!("{:?}", server.requests().len()) };
    let sent: Event = serde_json::from_str(&request.body).unwrap_or_else(|error| panic!("{error}: {}", request.body));
    assert_eq!(&sent, event);
}

fn of_kind(kind: EventKind) -> Event {
    let outcome = (kind != EventKind::Before).then(|| outcome(Status::Failure));
    Event { kind, outcome, ..hookward_tests::event() }
}

fn outcome(status: Status) -> Outcome {
    Outcome {
        status,
        exit_code: None,
        error: None,
        duration: Duration::ZERO,
        snapshot_id: None,
        summary: None,
        stderr_tail: String::new(),
        hooks: Vec::new(),
    }
}

/// Nothing in it is left out.
fn full() -> Event {
    let result = |kind, failure| HookResult {
        name: "stop-\"db\" ☃".to_owned(),
        scope: Scope::Global,
        kind,
        attempt: u32::MAX,
        failure,
        duration: Duration::from_millis(LARGE),
    };
    let failure = HookFailure { reason: "timeout".to_owned(), message: "läuft noch \u{1f600}\\ \"".to_owned() };
    Event {
        kind: EventKind::Finally,
        scope: Scope::Repository,
        trigger: Trigger::Shim,
        sources: vec!["/home/jürgen".to_owned(), String::new(), "/日本 \u{10ffff}".to_owned()],
        tags: vec!["\u{1f600}".to_owned()],
        attempt: 3,
        recovered: true,
        outcome: Some(Outcome {
            exit_code: Some(-1),
            error: Some("some files\tcould not be read".to_owned()),
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
                data_added: LARGE,
                data_added_packed: 10,
                total_files_processed: 11,
                total_bytes_processed: u64::from(u32::MAX) + 7,
                total_duration: 0.1,
            }),
            stderr_tail: "line\r\nline\u{1b}[0m\u{7f}\n".to_owned(),
            hooks: vec![
                result(EventKind::Before, None),
                result(EventKind::Cancelled, Some(failure)),
                result(EventKind::Skipped, None),
            ],
            ..outcome(Status::Warning)
        }),
        ..hookward_tests::event()
    }
}

/// Nothing is in it that may be left out.
fn bare() -> Event {
    Event {
        run_id: String::new(),
        operation: String::new(),
        profile: None,
        repository: String::new(),
        host: String::new(),
        sources: Vec::new(),
        tags: Vec::new(),
        scope: Scope::Global,
        trigger: Trigger::Api,
        outcome: Some(outcome(Status::Skipped)),
        kind: EventKind::Skipped,
        ..hookward_tests::event()
    }
}

/// 1 MB and more.
fn large() -> Event {
    let sources = (0..20_000).map(|n| format!("/srv/größe/{n}/{}", "x".repeat(30))).collect();
    Event { sources, tags: vec!["☃".repeat(100_000)], ..full() }
}

pub(crate) fn cases() -> Vec<Case> {
    let kinds = [
        EventKind::Before,
        EventKind::Success,
        EventKind::Warning,
        EventKind::Failure,
        EventKind::Cancelled,
        EventKind::Skipped,
        EventKind::Finally,
    ];
    let kinds = kinds
        .into_iter()
        .map(|kind| Case::new(format!("event: {}", kind.as_str()), move |subject| comes_back(subject, &of_kind(kind))));
    let more = [
        Case::new("event: every field", |subject| comes_back(subject, &full())),
        Case::new("event: nothing but what has to be", |subject| comes_back(subject, &bare())),
        Case::new("event: more than 1 MB", |subject| comes_back(subject, &large())),
    ];
    kinds.chain(more).collect()
}
