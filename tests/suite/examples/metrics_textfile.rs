use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read as _;

use hookward_tests::lab::Lab;
use hookward_tests::repository::run;

use crate::ground::{backed_up, names};
use crate::page::{example, lab_of};

fn lab() -> Lab {
    let lab = lab_of(&example(
        "metrics-textfile",
        "node-exporter",
        &[("/var/lib/prometheus/node-exporter", "@lab@/metrics")],
    ));
    fs::create_dir(lab.path("metrics")).unwrap();
    lab
}

/// The samples of a text in Prometheus's format, by name and labels.
///
/// Panics when a scraper would refuse it.
fn samples(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'), "{text}");
    let mut families = BTreeSet::new();
    let mut family = String::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<_> = comment.splitn(3, ' ').collect();
            match words[..] {
                ["HELP", _, help] => assert!(!help.is_empty(), "{line}"),
                ["TYPE", name, "gauge"] => {
                    assert!(families.insert(name.to_owned()), "twice: {line}");
                    name.clone_into(&mut family);
                }
                _ => panic!("{line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap();
        assert_eq!(name, family, "a sample without its type");
        for label in labels.strip_suffix('}').unwrap().split(',') {
            let (key, value) = label.split_once('=').unwrap();
            assert!(key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
            assert!(value.len() > 2 && value.starts_with('"') && value.ends_with('"'), "{line}");
        }
        assert!(samples.insert(series.to_owned(), value.parse().unwrap()).is_none(), "twice: {line}");
    }
    samples
}

fn written(lab: &Lab) -> BTreeMap<String, f64> {
    // Nothing but the file: the exporter would read others, too.
    assert_eq!(names(lab, "metrics"), ["hookward_p.prom"]);
    samples(&fs::read_to_string(lab.path("metrics/hookward_p.prom")).unwrap())
}

fn of(samples: &BTreeMap<String, f64>, name: &str, more: &str) -> Option<f64> {
    samples.get(&format!("hookward_{name}{{profile=\"p\",operation=\"backup\"{more}}}")).copied()
}

#[test]
fn metrics_textfile_keeps_the_last_success_through_a_failure() {
    let lab = lab();
    let (finished, report) = run(&lab, &["run", "p"]);
    backed_up(&lab, &finished, 1);
    let good = written(&lab);
    assert_eq!((of(&good, "last_run_exit_code", ""), of(&good, "snapshot_files", "")), (Some(0.0), Some(1.0)));
    assert_eq!(of(&good, "last_run_status", ",status=\"success\""), Some(1.0));
    let success = of(&good, "last_success_timestamp_seconds", "").unwrap();
    assert_eq!(of(&good, "last_run_timestamp_seconds", ""), Some(success));
    assert!(of(&good, "last_run_duration_seconds", "").unwrap() > 0.0, "{report:#}");

    let mut before = File::open(lab.path("metrics/hookward_p.prom")).unwrap();
    fs::rename(lab.path("repo/keys"), lab.path("repo/kept")).unwrap();
    let (finished, report) = run(&lab, &["run", "p"]);
    assert_eq!((finished.code, report["status"].as_str()), (1, Some("failure")));
    let bad = written(&lab);
    assert_eq!(of(&bad, "last_success_timestamp_seconds", ""), Some(success));
    assert_eq!(of(&bad, "last_snapshot_timestamp_seconds", ""), Some(success));
    assert_eq!(of(&bad, "snapshot_files", ""), Some(1.0));
    assert!(of(&bad, "last_run_timestamp_seconds", "").unwrap() > success, "{bad:?}");
    assert_eq!(of(&bad, "last_run_exit_code", ""), Some(1.0));
    let status = |status: &str| of(&bad, "last_run_status", &format!(",status=\"{status}\""));
    assert_eq!((status("success"), status("failure")), (Some(0.0), Some(1.0)));
    // Who has the former file open reads it to its end.
    let mut text = String::new();
    before.read_to_string(&mut text).unwrap();
    assert_eq!(samples(&text), good);

    fs::rename(lab.path("repo/kept"), lab.path("repo/keys")).unwrap();
    backed_up(&lab, &lab.run(["run", "p"]), 2);
    assert!(of(&written(&lab), "last_success_timestamp_seconds", "").unwrap() > success);
}

#[test]
fn metrics_textfile_that_cannot_be_written_leaves_the_run_as_it_is() {
    let lab = lab();
    backed_up(&lab, &lab.run(["run", "p"]), 1);
    let good = written(&lab);
    // A directory stands where the new one would be made.
    let file = lab.path("metrics/hookward_p.prom");
    fs::remove_file(&file).unwrap();
    fs::create_dir_all(file.join("x")).unwrap();
    let (finished, report) = run(&lab, &["run", "p"]);
    backed_up(&lab, &finished, 2);
    assert!(report["warnings"].to_string().contains("metrics"), "{report:#}");
    fs::remove_dir_all(&file).unwrap();
    backed_up(&lab, &lab.run(["run", "p"]), 3);
    assert_eq!(written(&lab).len(), good.len());
}

#[test]
fn metrics_textfile_writes_nothing_in_a_dry_run() {
    let lab = lab();
    backed_up(&lab, &lab.run(["run", "p", "--dry-run"]), 0);
    assert_eq!(names(&lab, "metrics"), [""; 0]);
}
