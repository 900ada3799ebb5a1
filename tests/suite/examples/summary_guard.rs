use std::fs;

use hookward_tests::lab::Finished;
use hookward_tests::repository::{back_up, known, run, snapshots};

use crate::page::{example, lab_of};

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
        known(&mut command, &lab);
        Finished::from(command.args(more).output().unwrap())
    };
    let without = exec(&[]);
    assert_eq!(without.code, 81, "{without:?}");
    assert!(without.stderr.contains("--json"), "{without:?}");
    let with = exec(&["--json"]);
    assert_eq!((with.code, with.stderr.as_str()), (0, ""), "{with:?}");
}
