use hookward_tests::lab::Lab;
use hookward_tests::repository::snapshots;

use crate::page::{example, lab_of, skipped};

/// The hook in a zone and with windows that fit the time of the test.
fn window(zone: &str, windows: &str) -> Lab {
    let page =
        "windows = [\n  { days = [\"weekdays\"], from = \"22:00\", to = \"06:00\" },\n  { days = [\"weekend\"] },\n]";
    lab_of(&example("time-window", "at-night", &[("Europe/Berlin", zone), (page, windows)]))
}

#[test]
fn time_window_runs_inside_and_skips_outside() {
    // Half the world away it is another half of the day. Twelve hours make sure that
    // one of the two is open, whenever the test runs.
    let windows = "windows = [{ from = \"06:00\", to = \"18:00\" }]";
    let labs = ["Etc/GMT-6", "Etc/GMT+6"].map(|zone| window(zone, windows));
    let finished = labs.each_ref().map(|lab| lab.run(["run", "p"]));
    let open: Vec<_> = labs.iter().map(|lab| snapshots(lab).len()).collect();
    assert_eq!(open.iter().sum::<usize>(), 1, "{finished:?}");
    for ((lab, finished), open) in labs.iter().zip(&finished).zip(open) {
        if open == 0 {
            skipped(lab, finished, "outside of every window: the next one opens");
        } else {
            assert_eq!(finished.code, 0, "{finished:?}");
        }
    }
}

#[test]
fn time_window_takes_the_windows_of_its_page() {
    let lab = lab_of(&example("time-window", "at-night", &[]));
    let finished = lab.run(["run", "p"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(finished.stdout.contains("skipped:"), snapshots(&lab).is_empty(), "{finished:?}");
}

#[test]
fn time_window_fails_the_run_when_it_is_required() {
    let example = example("time-window", "at-night", &[("kind = \"preflight\"", "kind = \"required\"")]);
    // Never: a window of a moment that has just gone by.
    let page =
        "windows = [\n  { days = [\"weekdays\"], from = \"22:00\", to = \"06:00\" },\n  { days = [\"weekend\"] },\n]";
    let labs = ["06:00", "18:00"].map(|hour| {
        let (hour, minute) = (hour, hour.replace(":00", ":01"));
        lab_of(&example.replace(page, &format!("windows = [{{ from = \"{hour}\", to = \"{minute}\" }}]")))
    });
    let codes = labs.each_ref().map(|lab| lab.run(["run", "p"]).code);
    assert!(codes.contains(&80), "{codes:?}");
}
