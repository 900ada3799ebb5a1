//! Calls that were ended from outside, by limits or by the record's own.

use std::fs;

use hookward_tests::guest;
use hookward_tests::lab::Lab;

use crate::support::{calls, elsewhere, end, identical, recorded};

#[test]
fn every_limit_is_hit_again() {
    let lab = Lab::new();
    for (mode, reason) in [
        ("recurse", "stack"),
        ("grow", "memory"),
        ("subscribe-forever", "handles"),
        ("stdout-flood", "output"),
        ("log-flood", "log-lines"),
    ] {
        let setting = format!("mode={mode}");
        let (call, record) = recorded(&lab, &guest("hostile"), "limit", &["--event", "before", "--set", &setting]);
        assert_eq!(call["failure"]["reason"], reason, "{mode}: {call:#}");
        let report = identical(&record);
        assert_eq!(report["report"]["failure"], call["failure"], "{report:#}");
    }
}

#[test]
fn a_timeout_is_the_same_as_far_as_it_went() {
    let lab = Lab::new();
    let args = ["--event", "before", "--set", "sleep={ before = 60000 }", "--timeout", "500ms"];
    let (call, record) = recorded(&lab, &guest("probe"), "timeout", &args);
    assert_eq!(call["failure"]["reason"], "timeout", "{call:#}");
    let last = calls(&record).pop().unwrap();
    assert!(last["call"].as_str().unwrap().starts_with("wasi:io/poll#") && last.get("answer").is_none(), "{last:#}");
    let report = identical(&record);
    assert_eq!(report["ended-outside"], true, "{report:#}");
    assert_eq!(report["report"]["failure"]["reason"], "timeout", "{report:#}");
    // It waited for its host: what it had done by then is known to the last unit.
    assert_eq!(report["report"]["fuel"], call["fuel"], "{report:#}");
}

#[test]
fn fuel_runs_out_at_the_same_place() {
    let lab = Lab::new();
    let args = ["--event", "before", "--set", "spin-on=[\"before\"]", "--fuel", "10000000"];
    let (call, record) = recorded(&lab, &guest("probe"), "fuel", &args);
    assert_eq!(call["failure"]["reason"], "fuel", "{call:#}");
    assert_eq!(identical(&record)["report"]["failure"], call["failure"]);
}

/// A hook that asks its host without end fills neither memory nor disk, and nobody is
/// told that such a record is the whole call.
#[test]
fn a_record_is_cut_at_its_limit() {
    let lab = Lab::new();
    let args = ["--event", "before", "--set", "until={ before = \"/nowhere\" }", "--timeout", "20s"];
    // Waits in small steps, each some calls of host functions: more than there is room
    // for only after a long time, so it is helped along by a large argument.
    let long = format!("log={}", "x".repeat(10));
    let args = [&args[..], &["--set", &long]].concat();
    let (call, record) = recorded(&lab, &guest("probe"), "short", &[&args[..4], &["--timeout", "1s"]].concat());
    assert_eq!(call["failure"]["reason"], "timeout", "{call:#}");
    assert!(end(&record)["cut"].is_null());
    let (call, record) = recorded(&lab, &endless(&lab), "cut", &["--event", "before", "--timeout", "60s"]);
    let cut = end(&record)["cut"].as_u64().unwrap();
    assert!(cut > 1000, "{call:#}");
    assert!(fs::metadata(&record).unwrap().len() < 64 << 20);
    let (code, report) = elsewhere(&record, &[]);
    assert_eq!((code, report["identical"].as_bool()), (78, Some(false)), "{code} {:#}", report["divergence"]);
    assert_eq!(report["cut"], true);
    assert!(report["divergence"].is_null(), "{report:#}");
}

/// Asks for the time until its fuel is used up.
fn endless(lab: &Lab) -> std::path::PathBuf {
    let wit = "package test:endless; world endless {
        import wasi:clocks/monotonic-clock@0.2.6;
        include hookward:hook/hook@0.1.0;
    }
    package wasi:clocks@0.2.6 { interface monotonic-clock { now: func() -> u64; } }";
    let core = hookward_tests::core_module(
        "(import \"wasi:clocks/monotonic-clock@0.2.6\" \"now\" (func $now (result i64)))
         (func (export \"run\") (param i32) (result i32)
            (local $i i32)
            (loop $again
                (drop (call $now))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $i) (i32.const 300000))))
            (i32.const 0))",
    );
    let path = lab.path("endless.wasm");
    fs::write(&path, hookward_tests::component_of(wit, &core)).unwrap();
    path
}
