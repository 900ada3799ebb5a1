//! The test door: what it records, and what happens without it.

use std::time::{Duration, UNIX_EPOCH};

use hookward_sdk::prelude::*;
use hookward_sdk::testing::{self, Call};
use hookward_sdk::{Level, debug, trace};
use serde_json::json;

fn before() -> Call {
    Call::new(testing::event(EventKind::Before))
}

#[hook]
fn talkative(event: &Event) -> Result<(), String> {
    let path = std::path::Path::new("/srv/a b");
    trace!("{} of {}", event.operation, event.profile_name());
    debug!(n = 1, "one");
    info!(path = path.display(), quoted = ?path, shown = %"x", "checked {n} files in {}", "5 ms", n = 3);
    warn!("careful");
    error!("a literal alone",);
    control::warn("first");
    control::warn(String::from("second"));
    control::skip("tired");
    control::skip("very tired");
    Ok(())
}

#[test]
fn everything_is_recorded_in_order() {
    let report = before().run(talkative);
    let levels: Vec<Level> = report.logs.iter().map(|log| log.level).collect();
    assert_eq!(levels, [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error]);
    assert_eq!(report.logs[0].message, "backup of test");
    assert_eq!(report.logs[1].to_string(), "debug: one n=1");
    assert_eq!(report.logs[2].message, "checked 3 files in 5 ms");
    assert_eq!(report.logs[2].field("path"), Some("/srv/a b"));
    assert_eq!(report.logs[2].field("quoted"), Some("\"/srv/a b\""));
    assert_eq!(report.logs[2].field("shown"), Some("x"));
    assert_eq!(report.logs[2].field("none"), None);
    assert!(report.logged("careful"));
    assert_eq!(report.warnings, ["first", "second"]);
    assert_eq!(report.skip.as_deref(), Some("tired"));
    assert!(report.is_ok());
    assert_eq!(report.error(), None);
}

#[test]
fn without_a_call_nothing_breaks() {
    let event = testing::event(EventKind::Before).build();
    assert_eq!(talkative(&event), Ok(()));
    let error = config::<Vec<u8>>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the hook's config can't be read: there is no host here: call the hook through \
         `hookward_sdk::testing::Call`"
    );
}

#[test]
fn calls_do_not_see_each_other() {
    let outer = before().config(json!({"who": "outer"})).run(|_: &Event| {
        let inner = before().config(json!({"who": "inner"})).run(talkative);
        assert_eq!(inner.warnings.len(), 2);
        let who = config::<std::collections::BTreeMap<String, String>>().unwrap();
        assert_eq!(who["who"], "outer");
        control::warn("mine");
        Ok::<(), String>(())
    });
    assert_eq!(outer.warnings, ["mine"]);
    assert!(outer.logs.is_empty());
}

#[test]
fn a_panicking_hook_leaves_no_host_behind() {
    let panicking = || before().run(|_: Event| -> Result<(), String> { panic!("as it happens") });
    assert!(std::panic::catch_unwind(panicking).is_err());
    assert!(config::<Vec<u8>>().unwrap_err().to_string().contains("no host here"));
}

#[test]
fn events_are_plausible() {
    for (kind, status) in [
        (EventKind::Before, None),
        (EventKind::Success, Some(Status::Success)),
        (EventKind::Warning, Some(Status::Warning)),
        (EventKind::Failure, Some(Status::Failure)),
        (EventKind::Cancelled, Some(Status::Cancelled)),
        (EventKind::Skipped, Some(Status::Skipped)),
        (EventKind::Finally, Some(Status::Success)),
    ] {
        let event = testing::event(kind).build();
        assert_eq!(event.status(), status, "{kind}");
        let finished = status.is_some_and(Status::is_finished);
        assert_eq!(event.snapshot_id().is_some(), finished, "{kind}");
    }
}

#[test]
fn the_builder_sets_what_it_says() {
    let event = testing::event(EventKind::Finally)
        .run_id("id")
        .operation("prune")
        .no_profile()
        .scope(Scope::Global)
        .repository("/r")
        .host("h")
        .sources(["/a", "/b"])
        .tags(["t"])
        .trigger(Trigger::Scheduled)
        .dry_run(true)
        .attempt(2)
        .recovered(true)
        .outcome(testing::outcome(Status::Failure))
        .error("broken")
        .hook("stop", EventKind::Before, None)
        .hook("ping", EventKind::Failure, Some(("timeout", "after 5 s")))
        .build();
    assert_eq!(event.profile_name(), "-");
    assert_eq!(event.error(), Some("broken"));
    assert_eq!((event.run_id.as_str(), event.operation.as_str()), ("id", "prune"));
    assert_eq!((event.repository.as_str(), event.host.as_str()), ("/r", "h"));
    assert_eq!((event.scope, event.trigger), (Scope::Global, Trigger::Scheduled));
    assert_eq!((event.dry_run, event.attempt, event.recovered), (true, 2, true));
    assert_eq!((event.sources, event.tags), (vec!["/a".into(), "/b".into()], vec!["t".into()]));
    let outcome = event.outcome.unwrap();
    let failed: Vec<&str> = outcome.failed_hooks().map(|hook| hook.name.as_str()).collect();
    assert_eq!(failed, ["ping"]);
    assert_eq!(outcome.duration().as_millis(), 1500);
    assert_eq!(outcome.hooks[0].duration().as_millis(), 20);
}

#[test]
fn a_run_tells_when_it_began() {
    let began = |id: &str| testing::event(EventKind::Finally).run_id(id).build().started_at();
    let time = UNIX_EPOCH + Duration::from_millis(1_733_357_513_790);
    assert_eq!(began("01939428-ac3e-7c61-a6f5-57ba2d5a0b7e"), Some(time));
    // Random ones know nothing.
    assert_eq!(began("f47ac10b-58cc-4372-a567-0e02b2c3d479"), None);
    assert_eq!(began("of yesterday"), None);
}

#[test]
fn names_are_those_of_the_contract() {
    assert_eq!(EventKind::Finally.to_string(), "finally");
    assert_eq!(format!("[{:>8}]", Status::Failure), "[ failure]");
    assert_eq!(Trigger::Shim.as_str(), "shim");
    assert_eq!(Scope::Repository.as_str(), "repository");
    assert_eq!(Level::Warn.as_str(), "warn");
}
