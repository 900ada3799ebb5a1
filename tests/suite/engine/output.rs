//! What reaches the operator: all of it harmless text, in order, within limits.

use hookward_engine::log::{Level, Source};

use crate::support::{Call, assert_harmless, still_serves};

/// Colours, a moved cursor, a window's title, the clipboard, a bell, a backspace, an
/// 8-bit introducer, a forged line, reversed text.
const CONTROLS: &str =
    "a\x1b[31mb\x1b[2J\x1b[Hc\x1b]0;title\x07d\x1b]52;c;aGk=\x1b\\e\x07f\x08g\u{9b}2Jh\ri\nj\u{202e}k";

#[tokio::test]
async fn terminal_control_sequences_reach_nobody() {
    let outcome = Call::mode("controls").text(CONTROLS).run().await;
    let error = outcome.error();
    assert_eq!(error, "abcdefg2Jh i jk");
    let sources = [Source::Stdout, Source::Stderr, Source::Log, Source::Warning];
    for source in sources {
        let messages = outcome.messages(source);
        assert_eq!(messages.join(" "), error, "{source:?}");
    }
    for record in &outcome.records {
        assert_harmless(&record.message);
    }
    assert_eq!(outcome.report.warnings, [error]);

    // The same as a field's value and as the reason of a skip.
    let logged = Call::mode("log").text(CONTROLS).run().await;
    assert_eq!(logged.records[0].fields, [("key".to_owned(), error.to_owned())]);
    let skipped = Call::mode("skip").text(CONTROLS).run().await;
    assert_eq!(skipped.report.skip.as_deref(), Some(error));
    still_serves().await;
}

#[tokio::test]
async fn a_good_hook_is_heard() {
    let log = Call::mode("log").text("hello").run().await;
    log.ok();
    assert_eq!(log.records.len(), 1);
    assert_eq!((log.records[0].source, log.records[0].level), (Source::Log, Level::Info));
    assert_eq!(log.records[0].message, "hello");
    assert_eq!(log.records[0].fields, [("key".to_owned(), "hello".to_owned())]);

    let warn = Call::mode("warn").text("careful").run().await;
    warn.ok();
    assert_eq!(warn.report.warnings, ["careful"]);
    assert_eq!(warn.messages(Source::Warning), ["careful"]);

    let skip = Call::mode("skip").text("not today").run().await;
    skip.ok();
    assert_eq!(skip.report.skip.as_deref(), Some("not today"));

    let error = Call::mode("error").text("no").run().await;
    assert_eq!(error.error(), "no");
    assert!(!error.report.result.unwrap_err().truncated);
}

/// A failed hook must not skip the run on top: its failure would be lost.
#[tokio::test]
async fn a_skip_of_a_failed_hook_is_not_heard() {
    let outcome = Call::mode("skip-then-error").text("x").run().await;
    assert_eq!(outcome.error(), "x");
    assert_eq!(outcome.report.skip, None);
}

/// Cut off, and said so: once, after what was within the limit.
#[tokio::test]
async fn a_flood_is_shown_up_to_its_limit() {
    for mode in ["stdout-flood", "stderr-flood", "endless-line"] {
        let outcome = Call::mode(mode).text("0123456789").limits(|limits| limits.output = 1000).run().await;
        let shown: usize = outcome
            .records
            .iter()
            .filter(|record| matches!(record.source, Source::Stdout | Source::Stderr))
            .map(|record| record.message.len())
            .sum();
        assert!((900..=1000).contains(&shown), "{mode}: {shown}");
        assert_eq!(outcome.messages(Source::Host).len(), 1, "{mode}");
    }
    still_serves().await;
}
