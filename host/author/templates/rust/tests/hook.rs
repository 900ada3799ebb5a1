use hookward_sdk::EventKind;
use hookward_sdk::testing::{Call, event};
use serde_json::json;

#[test]
fn a_backup_with_the_tag_may_start() {
    let event = event(EventKind::Before).tags(["nightly"]);
    let report = Call::new(event).config(json!({ "required-tag": "nightly" })).run(@module@::run);
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(report.logs[0].message, "the tag is there");
}

#[test]
fn one_without_it_may_not() {
    let call = Call::new(event(EventKind::Before)).config(json!({ "required-tag": "nightly" }));
    assert_eq!(call.run(@module@::run).error(), Some("this backup has no tag `nightly`"));
}

#[test]
fn the_setting_is_needed() {
    let report = Call::new(event(EventKind::Before)).run(@module@::run);
    assert_eq!(report.error(), Some("config key `required-tag` is missing"));
}
