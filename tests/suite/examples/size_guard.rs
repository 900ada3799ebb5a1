use std::fs;

use hookward_tests::lab::{Finished, Lab, finish};
use hookward_tests::repository::{Way, run, snapshots};
use serde_json::Value;

use crate::ground::backed_up;
use crate::page::{example, lab_of};

/// The page's first example, and as many files as its smallest bound asks for, twice.
fn guarded() -> Lab {
    let lab = lab_of(&example("size-guard", "max-shrink", &[]));
    fill(&lab, 0..200);
    lab
}

fn fill(lab: &Lab, numbers: std::ops::Range<u32>) {
    for n in numbers {
        fs::write(lab.path(format!("source/{n}")), format!("file {n}\n").repeat(10)).unwrap();
    }
}

/// Good runs, each with a new snapshot.
fn good(lab: &Lab, runs: usize) {
    let before = snapshots(lab).len();
    for n in 1..=runs {
        fs::write(lab.path("source/file.txt"), format!("run {n} of {runs}\n")).unwrap();
        backed_up(lab, &lab.run(["run", "p"]), before + n);
    }
}

/// A run that is suspicious for this reason; its snapshot is there all the same. Gives
/// the run, and all that the hook says.
#[track_caller]
fn suspicious(lab: &Lab, why: &str) -> (Value, String) {
    let before = snapshots(lab).len();
    let (finished, run) = run(lab, &["run", "p"]);
    assert_eq!((finished.code, run["status"].as_str()), (81, Some("success")), "{run:#}");
    assert_eq!(snapshots(lab).len(), before + 1);
    let said = said(&run);
    assert!(said.starts_with("snapshot ") && said.contains(" is suspicious: ") && said.contains(why), "{said}");
    (run, said)
}

fn said(run: &Value) -> String {
    let hooks = run["hooks"].as_array().unwrap().iter();
    hooks.filter_map(|hook| hook["failure"]["message"].as_str()).collect()
}

#[test]
fn size_guard_sees_that_half_of_the_files_are_gone() {
    let lab = guarded();
    good(&lab, 5);
    for n in 0..100 {
        fs::remove_file(lab.path(format!("source/{n}"))).unwrap();
    }
    let fell = "its number of files fell by 49.8% from the usual 201 to 101, and `max-shrink` allows 20%";
    drop(suspicious(&lab, fell));
    // Held to the same bounds: what was suspicious isn't usual.
    let (run, said) = suspicious(&lab, fell);
    // It was right, and the operator does as he is told.
    let (_, told) = said.split_once("set `").unwrap();
    let setting = told.split('`').next().unwrap();
    assert_eq!(setting, format!("history-since = \"{}\"", run["run-id"].as_str().unwrap()));
    let config = fs::read_to_string(lab.path("hookward.toml")).unwrap();
    lab.configure(&config.replace("min-files = 100", &format!("min-files = 100\n{setting}")));
    good(&lab, 3);
    // The new runs are the usual now.
    fill(&lab, 1000..1020);
    good(&lab, 1);
    fill(&lab, 2000..2100);
    drop(suspicious(&lab, "its number of files rose by 118.8% from the usual 101 to 221, and `max-growth` allows 50%"));
}

#[test]
fn size_guard_sees_growth_and_change() {
    let lab = guarded();
    good(&lab, 3);
    for n in 0..200 {
        fs::write(lab.path(format!("source/{n}")), format!("encrypted {n}")).unwrap();
    }
    drop(suspicious(&lab, "99.5% of its files are new or changed, usually 0.5%, and `max-changed` allows 50%"));
    fill(&lab, 0..320);
    let rose = "its number of files rose by 59.7% from the usual 201 to 321, and `max-growth` allows 50%";
    drop(suspicious(&lab, rose));
    for n in 200..320 {
        fs::remove_file(lab.path(format!("source/{n}"))).unwrap();
    }
    // One large file: as much again as ever, and more than what is never too much.
    let mut bytes = vec![0_u8; 12 * 1024 * 1024];
    let mut random = 0x9e37_79b9_u32;
    for byte in &mut bytes {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        *byte = random.to_le_bytes()[0];
    }
    fs::write(lab.path("source/file.txt"), bytes).unwrap();
    drop(suspicious(&lab, "and `max-new-factor` allows 5 times that"));
}

#[test]
fn size_guard_has_bounds_for_a_run_by_itself() {
    for (bound, why) in [
        ("min-files = 2", "it has 1 files, fewer than the 2 of `min-files`"),
        ("max-files = 0, min-files = 0", "it has 1 files, more than the 0 of `max-files`"),
        ("min-bytes = \"1KiB\"", "less than the 1.0 KiB of `min-bytes`"),
        ("max-bytes = 4", "more than the 4 B of `max-bytes`"),
        ("max-new-bytes = 4", "more than the 4 B of `max-new-bytes`"),
    ] {
        let bounds = "min-files = 1000, min-bytes = \"1GiB\", max-new-bytes = \"20GiB\"";
        let lab = lab_of(&example("size-guard", "1GiB", &[(bounds, bound)]));
        drop(suspicious(&lab, why));
    }
}

#[test]
fn size_guard_sees_a_snapshot_of_nothing() {
    let lab = lab_of(&example("size-guard", "max-shrink", &[("min-files = 100\n", "")]));
    good(&lab, 1);
    fs::remove_file(lab.path("source/file.txt")).unwrap();
    drop(suspicious(&lab, "it has no files: look at the sources of the profile, and whether they are mounted"));
}

#[test]
fn size_guard_only_warns_when_it_is_optional() {
    let lab =
        lab_of(&example("size-guard", "max-shrink", &[("name = \"guard\"", "name = \"guard\"\nkind = \"optional\"")]));
    let (finished, run) = run(&lab, &["run", "p"]);
    backed_up(&lab, &finished, 1);
    assert!(run["warnings"].to_string().contains("guard"), "{run:#}");
    assert!(said(&run).contains("it has 1 files, fewer than the 100 of `min-files`"), "{run:#}");
}

#[test]
fn size_guard_wants_a_summary() {
    let lab = lab_of(&example("size-guard", "max-shrink", &[("min-files = 100\n", "")]));
    let source = lab.path("source").display().to_string();
    let backup = |args: &[&str]| -> Finished {
        finish(Way::Exec.command(&lab, &[&["backup", &source], args].concat()).spawn().unwrap())
    };
    let finished = backup(&[]);
    assert_eq!((finished.code, snapshots(&lab).len()), (81, 1), "{finished:?}");
    assert!(finished.stderr.contains("restic gave no summary"), "{finished:?}");
    let finished = backup(&["--json"]);
    backed_up(&lab, &finished, 2);
}
