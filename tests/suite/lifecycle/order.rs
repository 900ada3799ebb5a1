//! The order of calls: scopes, list order, reversal, and operations.

use hookward_tests::lab::Lab;

use super::support::{EVENTS, assert_order, hook_with, lab, run};

/// Two probes at each scope, for every event. Written inside out: the order is that
/// of the scopes, not of the file.
fn two_at_each_scope() -> Vec<String> {
    let at = |scope: &str, names: [&str; 2]| names.map(|name| Lab::probe(scope, name, EVENTS, "", ""));
    [at("profile.p.hook", ["p1", "p2"]), at("repository.r.hook", ["r1", "r2"]), at("hook", ["g1", "g2"])].concat()
}

const BEFORE: [&str; 6] = ["g1 before", "g2 before", "r1 before", "r2 before", "p1 before", "p2 before"];

/// `before` in order, then what lies between, then an outcome and `finally` reversed.
fn golden(between: &[&str], outcome: &str) -> Vec<String> {
    let reversed = ["p2", "p1", "r2", "r1", "g2", "g1"];
    BEFORE
        .iter()
        .chain(between)
        .map(|line| (*line).to_owned())
        .chain(reversed.iter().map(|name| format!("{name} {outcome}")))
        .chain(reversed.iter().map(|name| format!("{name} finally")))
        .collect()
}

#[test]
fn hooks_are_called_from_global_to_profile_and_back_in_reverse() {
    for (restic, outcome) in
        [("exit=0", "success"), ("exit=3", "warning"), ("exit=1", "failure"), ("exit=130", "cancelled")]
    {
        let lab = lab(&two_at_each_scope());
        run(&lab, &[restic], &["run", "p"]);
        let golden = golden(&["restic"], outcome);
        assert_order(&lab, &golden.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn a_skip_by_the_last_hook_is_told_in_reverse() {
    let skips = hook_with("last", &["before"], "", "skip-on = [\"before\"]");
    let lab = lab(&[two_at_each_scope(), vec![skips]].concat());
    run(&lab, &[], &["run", "p"]);
    let golden = golden(&["last before"], "skipped");
    assert_order(&lab, &golden.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn hooks_of_another_profile_or_repository_are_not_called() {
    let lab = lab(&[
        Lab::probe("hook", "g", EVENTS, "", ""),
        Lab::probe("profile.p.hook", "p", EVENTS, "", ""),
        Lab::probe("profile.q.hook", "q", EVENTS, "", ""),
    ]);
    run(&lab, &[], &["run", "q"]);
    assert_order(&lab, &["g before", "q before", "restic", "q success", "g success", "q finally", "g finally"]);
}

#[test]
fn a_hook_may_have_the_name_of_one_at_another_scope() {
    let lab = lab(&[
        Lab::probe("hook", "same", &["before", "finally"], "", ""),
        Lab::probe("profile.p.hook", "same", &["before", "finally"], "", "fail-on = [\"before\"]"),
    ]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 80);
    assert_order(&lab, &["same before", "same before", "same finally", "same finally"]);
}

#[test]
fn a_hook_is_called_for_its_operations_alone() {
    let on = &["before", "success"];
    let operations = |name: &str, list: &str| hook_with(name, on, &format!("operations = {list}"), "");
    let hooks = [
        hook_with("default", on, "", ""),
        operations("all", "[\"*\"]"),
        operations("forget", "[\"forget\"]"),
        operations("both", "[\"backup\", \"forget\"]"),
    ];
    for (args, called) in [
        (&["run", "p"][..], &["default", "all", "both"][..]),
        (&["backup", "p"], &["default", "all", "both"]),
        (&["forget", "p"], &["all", "forget", "both"]),
        (&["check", "p"], &["all"]),
        (&["run", "p", "--", "forget", "--prune"], &["all", "forget", "both"]),
        (&["exec", "--profile", "p", "--", "restic", "-r", "/x", "forget"], &["all", "forget", "both"]),
        (&["exec", "--profile", "p", "--", "restic", "version"], &["all"]),
        (&["exec", "--profile", "p", "--", "restic", "-r", "backup", "cat", "config"], &["all"]),
    ] {
        let lab = lab(&hooks);
        assert_eq!(run(&lab, &[], args).code, 0, "{args:?}");
        let before = called.iter().map(|name| format!("{name} before"));
        let after = called.iter().rev().map(|name| format!("{name} success"));
        let golden: Vec<_> = before.chain(["restic".to_owned()]).chain(after).collect();
        assert_order(&lab, &golden.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn a_command_line_without_a_subcommand_calls_no_hook() {
    let lab = lab(&[hook_with("all", EVENTS, "operations = [\"*\"]", "")]);
    for args in [&["exec", "--profile", "p", "--", "restic", "--help"][..], &["exec", "--profile", "p", "--", "restic"]]
    {
        assert_eq!(run(&lab, &[], args).code, 0);
    }
    assert_order(&lab, &["restic", "restic"]);
}
