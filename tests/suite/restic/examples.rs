//! The hooks that come with Hookward, with the tables that their pages show.

use std::fs;
use std::path::Path;

use hookward_tests::guest;
use hookward_tests::lab::{Finished, Lab};

use crate::support::{back_up, lab, run, snapshots};

/// The tables of a page's example that holds `part`, for the profile `p` of the lab.
/// Each pair is what the page says and what stands there in the lab.
fn example(page: &str, part: &str, changes: &[(&str, &str)]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hooks-examples").join(page);
    let text = fs::read_to_string(folder.join("README.md")).unwrap();
    let mut examples = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut example = examples.find(|example| example.contains(part)).unwrap().to_owned();
    example = example.replace(&format!("{page}.wasm"), guest(page).to_str().unwrap());
    for profile in ["usb", "office", "db", "home"] {
        example = example.replace(&format!("profile.{profile}."), "profile.p.");
    }
    for (from, to) in changes {
        assert!(example.contains(from), "the page no longer says {from}");
        example = example.replace(from, to);
    }
    example
}

/// A lab with the example, in which `@lab@` is its directory.
fn lab_of(example: &str) -> Lab {
    lab(&[example.to_owned()])
}

fn skipped(lab: &Lab, finished: &Finished, why: &str) {
    assert_eq!((finished.code, snapshots(lab).len()), (0, 0), "{finished:?}");
    assert!(finished.stdout.contains("skipped:") && finished.stdout.contains(why), "{finished:?}");
}

/// Both of its hooks: the disk is a preflight, the dump is required.
fn disk_and_dump() -> Lab {
    lab_of(&example(
        "require-path",
        "usb-disk",
        &[
            ("host = \"/mnt/usb\"", "host = \"@lab@/usb\""),
            ("/var/lib/postgresql-dumps", "@lab@/dumps"),
            ("min-size = \"1MiB\"", "min-size = \"1KiB\""),
        ],
    ))
}

#[test]
fn require_path_skips_the_run_when_the_disk_is_not_there() {
    let lab = disk_and_dump();
    fs::create_dir(lab.path("dumps")).unwrap();
    skipped(&lab, &lab.run(["run", "p"]), "hook \"usb-disk\"");
    // The mount point alone won't do.
    fs::create_dir(lab.path("usb")).unwrap();
    skipped(&lab, &lab.run(["run", "p"]), ".backup-disk");
}

#[test]
fn require_path_keeps_the_gate_shut_without_a_fresh_dump() {
    let lab = disk_and_dump();
    for dir in ["usb", "usb/.backup-disk", "dumps"] {
        fs::create_dir(lab.path(dir)).unwrap();
    }
    let finished = lab.run(["run", "p"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (80, 0), "{finished:?}");
    assert!(finished.stderr.contains("hook \"fresh-dump\""), "{finished:?}");
    fs::write(lab.path("dumps/db.sql"), vec![b'x'; 2048]).unwrap();
    let finished = lab.run(["run", "p"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (0, 1), "{finished:?}");
}

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

#[test]
fn summary_guard_objects_to_a_small_backup_and_the_snapshot_stays() {
    let lab = lab_of(&example("summary-guard", "min-files = 1000", &[]));
    let (finished, run) = run(&lab, &["run", "p"]);
    assert_eq!((finished.code, run["status"].as_str()), (81, Some("success")), "{finished:?}");
    assert_eq!(snapshots(&lab).len(), 1);
    let failure = &run["hooks"][0]["failure"];
    assert!(failure["message"].as_str().unwrap().contains("1000"), "{run:#}");
    assert!(finished.stderr.contains("exit code 81: a required hook failed afterwards"), "{finished:?}");
}

#[test]
fn summary_guard_compares_with_the_last_good_run() {
    let directory = ("/var/lib/hookward/guard", "@lab@/guard");
    let lab = lab_of(&example("summary-guard", "baseline", &[directory, ("min-files = 100", "min-files = 1")]));
    fs::create_dir(lab.path("guard")).unwrap();
    let code = |files: std::ops::Range<u32>| {
        for file in files {
            fs::write(lab.path(format!("source/{file}")), file.to_string()).unwrap();
        }
        lab.run(["run", "p"]).code
    };
    assert_eq!(code(0..20), 0);
    let baseline = fs::read_to_string(lab.path("guard/db.json")).unwrap();
    assert_eq!(code(20..22), 0, "a tenth more is no reason to worry");
    assert_eq!(code(22..60), 81, "half as much again is one");
    assert_ne!(fs::read_to_string(lab.path("guard/db.json")).unwrap(), baseline);
    assert_eq!(snapshots(&lab).len(), 3);
}

#[test]
fn summary_guard_needs_the_summary_that_only_json_gives() {
    let lab = lab_of(&example(
        "summary-guard",
        "min-files = 1000",
        &[("min-files = 1000, min-bytes = \"1GiB\"", "min-files = 1")],
    ));
    back_up(&lab);
    let exec = |more: &[&str]| {
        let source = lab.path("source");
        let mut command = lab.hookward(["exec", "--profile", "p", "--", "restic", "backup", source.to_str().unwrap()]);
        crate::support::known(&mut command, &lab);
        Finished::from(command.args(more).output().unwrap())
    };
    let without = exec(&[]);
    assert_eq!(without.code, 81, "{without:?}");
    assert!(without.stderr.contains("--json"), "{without:?}");
    let with = exec(&["--json"]);
    assert_eq!((with.code, with.stderr.as_str()), (0, ""), "{with:?}");
}
