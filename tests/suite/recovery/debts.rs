//! A `finally` that fails in a recovery stays owed: told loudly, tried again, and in
//! the way of backups only so long.

use hookward_tests::lab::Lab;
use serde_json::Value;

use super::broken::sqlite;
use super::crash::kill_run;
use super::support::{BASE, assert_order, configure, hook, hook_with, lab, noted, order, report, run, start, warnings};

/// A lab in which profile `p` owes a `finally` that fails while `notes/broken` is
/// not there, and whose hooks are new by now.
fn owing(kind: &str) -> Lab {
    let waits = "until = { before = \"/notes/never\" }, fail-on = [\"finally\"]";
    let lab = lab(&[hook_with("db", &["before", "finally"], &format!("kind = \"{kind}\""), waits)]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "db before");
    kill_run(child);
    configure(&lab, BASE, &[hook("new", &["before", "failure", "finally"])]);
    lab
}

/// Lets the pause before the next try be over.
fn later(lab: &Lab) {
    assert_eq!(sqlite(&lab.path("state/journal.sqlite"), "UPDATE debt SET next_try = next_try - 4000000"), 1);
}

fn debt(lab: &Lab) -> Value {
    let listed: Value =
        serde_json::from_str(&run(lab, &[], &["--json", "runs", "list", "--limit", "100"]).stdout).unwrap();
    let first = listed["runs"].as_array().unwrap().last().unwrap()["run-id"].as_str().unwrap().to_owned();
    let shown: Value = serde_json::from_str(&run(lab, &[], &["--json", "runs", "show", &first]).stdout).unwrap();
    shown["run"].clone()
}

#[test]
fn a_required_debt_bars_backups_until_it_has_failed_three_times() {
    let lab = owing("required");
    let (code, first) = report(&lab, &[]);
    assert_eq!((code, first["status"].as_str()), (80, Some("failure")), "{first:#}");
    let error = first["error"].as_str().unwrap();
    let debtor = debt(&lab);
    let id = debtor["run-id"].as_str().unwrap();
    for part in ["hook \"db\"", "told to fail", &format!("hookward recover --give-up {id}")] {
        assert!(error.contains(part), "{error}");
    }
    assert_order(&lab, &["db before", "db finally", "new failure"]);
    assert_eq!(debtor["debts"][0]["failures"], 1);

    // Before its time it is not tried again, and bars all the same.
    assert_eq!(report(&lab, &[]).0, 80);
    assert_eq!(order(&lab)[3..], ["new failure"]);
    later(&lab);
    assert_eq!(report(&lab, &[]).0, 80);
    assert_eq!(order(&lab)[4..], ["db finally", "new failure"]);
    later(&lab);
    // The third time: backups go on, with the warning each time.
    let (code, third) = report(&lab, &[]);
    assert_eq!((code, third["status"].as_str()), (81, Some("success")), "{third:#}");
    assert_eq!(order(&lab)[6..], ["db finally", "new before", "restic", "new finally"]);
    assert_eq!(debt(&lab)["debts"][0]["failures"], 3);
    let (code, fourth) = report(&lab, &[]);
    assert_eq!(code, 81);
    assert!(warnings(&fourth).iter().any(|warning| warning.contains("failed to be paid 3 times")), "{fourth:#}");
    assert_eq!(order(&lab)[10..], ["new before", "restic", "new finally"]);
}

#[test]
fn the_pause_doubles_up_to_an_hour() {
    let lab = owing("optional");
    for (failures, minutes) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60)] {
        let before = jiff_seconds();
        assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
        let debt = debt(&lab)["debts"][0].clone();
        assert_eq!(debt["failures"], failures);
        let next = sqlite_number(&lab) / 1000 - before;
        assert!((minutes * 60 - 1..minutes * 60 + 30).contains(&next), "{failures}: {next} s");
        later(&lab);
    }
}

fn jiff_seconds() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

fn sqlite_number(lab: &Lab) -> i64 {
    super::broken::number(&lab.path("state/journal.sqlite"), "SELECT next_try FROM debt")
}

#[test]
fn an_optional_debt_bars_nothing() {
    let lab = owing("optional");
    let (code, run) = report(&lab, &[]);
    assert_eq!(code, 0, "{run:#}");
    assert!(warnings(&run).iter().any(|warning| warning.contains("hook \"db\" is owed")), "{run:#}");
    assert_order(&lab, &["db before", "db finally", "new before", "restic", "new finally"]);
}

#[test]
fn a_debt_of_another_profile_bars_nothing_and_is_told() {
    let lab = owing("required");
    configure(&lab, BASE, &[Lab::probe("profile.q.hook", "q", &["before"], "", "")]);
    let met = run(&lab, &[], &["run", "q"]);
    assert_eq!(met.code, 81, "{met:?}");
    assert!(format!("{}{}", met.stdout, met.stderr).contains("hook \"db\" is owed"), "{met:?}");
    // Not tried again so soon: told, and nothing more.
    let next = run(&lab, &[], &["run", "q"]);
    assert_eq!(next.code, 0, "{next:?}");
    assert!(next.stdout.contains("hook \"db\" is owed"), "{next:?}");
    assert_eq!(order(&lab)[1..], ["db finally", "q before", "restic", "q before", "restic"]);
}

#[test]
fn a_debt_that_is_given_up_is_over() {
    let lab = owing("required");
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 80);
    let id = debt(&lab)["run-id"].as_str().unwrap().to_owned();
    let given = run(&lab, &[], &["recover", "--give-up", &id[..18]]);
    let given = if given.code == 2 { run(&lab, &[], &["recover", "--give-up", &id]) } else { given };
    assert_eq!(given.code, 0, "{given:?}");
    assert!(given.stdout.contains(&id) && given.stdout.contains("given up, without a call: db"), "{given:?}");
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    assert_eq!(debt(&lab)["debts"][0]["given-up"], true);
    assert_eq!(order(&lab)[1..], ["db finally", "new failure", "new before", "restic", "new finally"]);
    assert_eq!(run(&lab, &[], &["recover", "--give-up", "nonsense"]).code, 2);
}

#[test]
fn a_retry_is_that_of_the_hook() {
    let waits = "until = { before = \"/notes/never\" }, fail-on = [\"finally\"], fail-attempts = 2";
    let retry = "retry = { attempts = 3, delay = \"1ms\" }";
    let lab = lab(&[hook_with("db", &["before", "finally"], retry, waits)]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "db before");
    kill_run(child);
    configure(&lab, BASE, &[]);
    let recovered = run(&lab, &[], &["recover"]);
    assert_eq!(recovered.code, 0, "{recovered:?}");
    assert_order(&lab, &["db before", "db finally", "db finally attempt=2", "db finally attempt=3"]);
}
