//! The hook, called through the SDK's test door at given times.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "in helpers of tests")]

use hookward_sdk::testing::{Call, event};
use hookward_sdk::{Event, EventKind};
use jiff::Timestamp;
use serde_json::{Value, json};

#[path = "../../readme.rs"]
mod readme;

fn error_at(now: &str, config: Value) -> Option<String> {
    let now: Timestamp = now.parse().expect("the test gives a time");
    let call = Call::new(event(EventKind::Before)).config(config);
    call.run(|event: &Event| time_window::at(event, now)).error().map(str::to_owned)
}

fn berlin(windows: Value) -> impl Fn(&str) -> Option<String> {
    move |now| error_at(now, json!({"time-zone": "Europe/Berlin", "windows": windows}))
}

#[test]
fn a_window_includes_its_beginning_and_not_its_end() {
    let at = berlin(json!([{"from": "12:00", "to": "13:30"}]));
    assert_eq!(at("2026-11-21T12:00+01"), None);
    assert_eq!(at("2026-11-21T13:29:59+01"), None);
    assert_eq!(
        at("2026-11-21T11:59:59+01").as_deref(),
        Some(
            "it is Sat 2026-11-21 11:59 CET in Europe/Berlin, outside of every window: the next one opens \
             Sat 2026-11-21 12:00 CET"
        )
    );
    assert_eq!(
        at("2026-11-21T13:30+01").as_deref(),
        Some(
            "it is Sat 2026-11-21 13:30 CET in Europe/Berlin, outside of every window: the next one opens \
             Sun 2026-11-22 12:00 CET"
        )
    );
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_before() {
    let at = berlin(json!([{"days": ["fri"], "from": "22:00", "to": "06:00"}]));
    assert_eq!(at("2026-11-20T22:00+01"), None);
    assert_eq!(at("2026-11-21T05:59+01"), None);
    assert!(at("2026-11-20T05:00+01").is_some());
    assert!(at("2026-11-21T22:00+01").unwrap().contains("opens Fri 2026-11-27 22:00"));
}

#[test]
fn days_have_groups_and_the_rest_of_the_day_is_implied() {
    let at = berlin(json!([
        {"days": ["weekend"]},
        {"days": ["weekdays"], "from": "20:00"},
        {"days": ["weekdays"], "to": "05:00"},
        {"days": ["wed", "thu"], "from": "12:00", "to": "24:00"},
    ]));
    for open in ["2026-11-21T00:00", "2026-11-22T23:59:59", "2026-11-23T20:00", "2026-11-24T04:59", "2026-11-25T12:00"]
    {
        assert_eq!(at(&format!("{open}+01")), None, "{open}");
    }
    for shut in ["2026-11-23T05:00", "2026-11-24T12:00", "2026-11-27T19:59"] {
        assert!(at(&format!("{shut}+01")).is_some(), "{shut}");
    }
}

#[test]
fn the_earliest_of_the_next_ones_is_told() {
    let at = berlin(json!([{"days": ["sun"], "from": "08:00", "to": "09:00"}, {"from": "23:00"}]));
    assert!(at("2026-11-21T12:00+01").unwrap().ends_with("opens Sat 2026-11-21 23:00 CET"));
    assert!(at("2026-11-22T07:00+01").unwrap().ends_with("opens Sun 2026-11-22 08:00 CET"));
    // Closed today, and the only one of the week.
    let at = berlin(json!([{"days": ["sat"], "from": "08:00", "to": "09:00"}]));
    assert!(at("2026-11-21T09:00+01").unwrap().ends_with("opens Sat 2026-11-28 08:00 CET"));
}

#[test]
fn the_zone_decides() {
    let windows = json!([{"from": "00:00", "to": "01:00"}]);
    for (zone, open) in [
        ("UTC", "2026-11-21T00:30Z"),
        ("Asia/Kathmandu", "2026-11-20T18:30Z"),
        ("america/new_york", "2026-11-21T05:30Z"),
    ] {
        assert_eq!(error_at(open, json!({"time-zone": zone, "windows": windows})), None, "{zone}");
    }
}

// In Berlin 02:00 to 03:00 did not exist on 2026-03-29.
#[test]
fn a_window_in_the_hour_that_is_left_out_is_moved_past_it() {
    let at = berlin(json!([{"from": "02:15", "to": "02:45"}]));
    assert!(at("2026-03-29T01:59:59+01:00").unwrap().ends_with("opens Sun 2026-03-29 03:15 CEST"));
    assert_eq!(at("2026-03-29T03:15+02:00"), None);
    assert_eq!(at("2026-03-29T03:44+02:00"), None);
    assert!(at("2026-03-29T03:45+02:00").is_some());
}

#[test]
fn a_window_that_begins_in_that_hour_keeps_its_length() {
    let at = berlin(json!([{"from": "02:30", "to": "03:00"}]));
    assert!(at("2026-03-29T03:00+02:00").is_some());
    assert_eq!(at("2026-03-29T03:30+02:00"), None);
    assert_eq!(at("2026-03-29T03:59+02:00"), None);
    assert!(at("2026-03-29T04:00+02:00").is_some());
}

#[test]
fn a_window_around_that_hour_is_an_hour_shorter() {
    let at = berlin(json!([{"days": ["sat"], "from": "23:00", "to": "05:00"}]));
    assert_eq!(at("2026-03-29T01:30+01:00"), None);
    assert_eq!(at("2026-03-29T03:30+02:00"), None);
    assert!(at("2026-03-29T05:00+02:00").is_some());
}

// In Berlin 02:00 to 03:00 came twice on 2026-10-25.
#[test]
fn a_window_over_the_hour_that_comes_twice_stays_open() {
    let at = berlin(json!([{"from": "02:00", "to": "03:00"}]));
    assert_eq!(at("2026-10-25T02:30+02:00"), None);
    assert_eq!(at("2026-10-25T02:30+01:00"), None);
    assert!(at("2026-10-25T03:00+01:00").is_some());
}

#[test]
fn a_window_inside_the_hour_that_comes_twice_opens_once() {
    let at = berlin(json!([{"from": "02:15", "to": "02:45"}]));
    assert_eq!(at("2026-10-25T02:30+02:00"), None);
    assert!(at("2026-10-25T02:30+01:00").unwrap().ends_with("opens Mon 2026-10-26 02:15 CET"));
}

#[test]
fn a_day_without_a_midnight_is_a_day() {
    // In Beirut 2026-03-29 began at 01:00.
    let config = json!({"time-zone": "Asia/Beirut", "windows": [{"days": ["sun"]}]});
    assert!(error_at("2026-03-28T23:59:59+02:00", config.clone()).is_some());
    assert_eq!(error_at("2026-03-29T01:00+03:00", config), None);
}

#[test]
fn settings_that_make_no_sense_are_told() {
    let error =
        |zone: &str, windows: Value| error_at("2026-11-21T12:00Z", json!({"time-zone": zone, "windows": windows}));
    for (zone, windows, expected) in [
        ("UTC", json!([]), "config key `windows`: give at least one, or no backup would ever start"),
        (
            "Berlin",
            json!([{}]),
            "config key `time-zone`: `Berlin` is no time zone: give its IANA name, such as `Europe/Berlin` or `UTC`",
        ),
        (
            "UTC",
            json!([{}, {"from": "25:00"}]),
            "config key `windows[1].from`: `25:00` is no time of day: write it as `22:30`",
        ),
        (
            "UTC",
            json!([{"from": "08:00", "to": "08:00"}]),
            "config key `windows[0]`: `from` and `to` are the same time; leave both out for the whole day",
        ),
        (
            "UTC",
            json!([{"until": "08:00"}]),
            "config key `windows[0].until`: unknown field `until`, expected one of `days`, `from`, `to`",
        ),
    ] {
        assert_eq!(error(zone, windows).as_deref(), Some(expected));
    }
    let error = error("UTC", json!([{"days": ["monday"]}])).unwrap();
    assert!(
        error.starts_with("config key `windows[0].days[0]`: unknown variant `monday`, expected one of `mon`"),
        "{error}"
    );
    assert_eq!(
        error_at("2026-11-21T12:00Z", json!({"windows": [{}]})).as_deref(),
        Some("config key `time-zone` is missing")
    );
}

#[test]
fn the_real_clock_is_read() {
    let report =
        Call::new(event(EventKind::Before)).config(json!({"time-zone": "UTC", "windows": [{}]})).run(time_window::run);
    assert_eq!(report.error(), None);
    assert!(report.logged("inside the window"));
}

#[test]
fn the_readme_configures_this_hook() {
    for hook in readme::hooks(include_str!("../README.md")) {
        assert_eq!(hook["component"], json!("time-window.wasm"));
        let message = error_at("2026-11-21T12:00Z", hook["config"].clone()).unwrap_or_default();
        assert!(!message.contains("config"), "{message}");
    }
}
