//! Rules 4, 7 and 8: which error a run ends with, how it is told, and that nothing
//! of one call reaches the next.

use super::support::{SUMMARY, assert_order, hook, hook_with, lab, only_run, report, run, warnings};

#[test]
fn an_error_afterwards_never_masks_the_one_of_restic() {
    for (restic, code, status) in [("exit=1", 1, "failure"), ("exit=3", 3, "warning"), ("exit=11", 11, "failure")] {
        let h = hook_with("h", &[status, "finally"], "", &format!("fail-on = [\"{status}\", \"finally\"]"));
        let lab = lab(&[h]);
        let (exit, run) = report(&lab, &["stderr=Fatal: the disk is gone", restic]);
        assert_eq!((exit, run["status"].as_str()), (code, Some(status)), "{run:#}");
        assert!(!run["error"].as_str().unwrap().contains("told to fail"), "{run:#}");
        assert_eq!(run["restic"]["exit-code"], code);
        assert_eq!(warnings(&run).iter().filter(|warning| warning.contains("told to fail")).count(), 2, "{run:#}");
    }
}

#[test]
fn an_error_afterwards_never_masks_the_one_that_kept_the_gate_shut() {
    let lab = lab(&[
        hook_with("first", &["before"], "", "fail-on = [\"before\"], error = \"the database hangs\""),
        hook_with("h", &["failure", "finally"], "", "fail-on = [\"failure\", \"finally\"]"),
    ]);
    let (code, run) = report(&lab, &[]);
    assert_eq!((code, run["error"].as_str()), (80, Some("hook \"first\": the database hangs")), "{run:#}");
    assert_order(&lab, &["first before", "h failure", "h finally"]);
}

#[test]
fn a_snapshot_that_exists_is_reported_as_success_whatever_fails_afterwards() {
    for event in ["success", "finally"] {
        for how in ["fail-on", "panic-on"] {
            let told = hook("told", &["success", "failure"]);
            let h = hook_with("h", &[event], "", &format!("{how} = [\"{event}\"]"));
            let lab = lab(&[told, h]);
            let (code, run) = report(&lab, &[SUMMARY]);
            assert_eq!((code, run["status"].as_str()), (81, Some("success")), "{run:#}");
            assert_eq!(run["error"], serde_json::Value::Null);
            assert_eq!(run["restic"]["snapshot-id"], "5a6b7c8d9e0f");
            let golden: &[&str] = match event {
                "success" => &["restic", "h success", "told success"],
                _ => &["restic", "told success", "h finally"],
            };
            assert_order(&lab, golden);
        }
    }
}

#[test]
fn an_error_is_shown_with_the_hooks_name_and_without_control_characters() {
    let error = r#"fail-on = ["before"], error = "\u001b[31mred\u001b[0m\u0007 line\nnext\u202e""#;
    let lab = lab(&[hook_with("stop-db", &["before"], "", error)]);
    let finished = run(&lab, &[], &["run", "p"]);
    assert_eq!(finished.code, 80);
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(said.contains("hook \"stop-db\": red line next"), "{finished:?}");
    assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{finished:?}");
    let (_, run) = report(&lab, &[]);
    assert_eq!(run["error"], "hook \"stop-db\": red line next");
}

#[test]
fn an_error_is_cut_at_4_kib() {
    let error = format!("fail-on = [\"before\"], error = \"{}\"", "ä".repeat(5000));
    let lab = lab(&[hook_with("h", &["before"], "", &error)]);
    let (code, run) = report(&lab, &[]);
    assert_eq!(code, 80);
    let failure = &run["hooks"][0]["failure"];
    let message = failure["message"].as_str().unwrap();
    assert!(message.len() <= 4096 + '…'.len_utf8() && message.len() > 4000, "{}", message.len());
    assert!(message.starts_with("ää"));
    assert_eq!(failure["truncated"], true);
}

#[test]
fn the_error_of_restic_is_its_own_words() {
    let lab = lab(&[hook("h", &["failure"])]);
    let (_, run) = report(&lab, &["stderr=Fatal: wrong password", "exit=12"]);
    assert_eq!(run["error"], "restic exited with code 12: Fatal: wrong password");
    let exit_error = r#"stderr={"message_type":"exit_error","code":10,"message":"Fatal: no repository\n"}"#;
    let (_, run) = report(&lab, &[exit_error, "exit=10"]);
    assert_eq!(run["error"], "restic exited with code 10: Fatal: no repository");
    let item = r#"stderr={"message_type":"error","error":{"message":"denied"},"during":"archival","item":"/x"}"#;
    let (_, run) = report(&lab, &[item, item, "exit=3"]);
    assert_eq!(run["error"], "restic could not read some of the data: /x (denied; 2 in all)");
}

#[test]
fn every_call_is_a_fresh_instance() {
    let config = "count = true, fail-on = [\"before\"], fail-attempts = 2";
    let more = "retry = { attempts = 3, delay = \"1ms\" }";
    let lab = lab(&[hook_with("h", &["before", "success", "finally"], more, config)]);
    let finished = run(&lab, &[], &["--json", "run", "p"]);
    assert_eq!(finished.code, 0, "{:#}", only_run(&finished));
    assert_order(&lab, &["h before", "h before attempt=2", "h before attempt=3", "restic", "h success", "h finally"]);
    let counted: Vec<_> = lab.journal().into_iter().filter(|line| line.starts_with("h ")).collect();
    assert!(counted.iter().all(|line| line.ends_with(" call=1")), "{counted:#?}");
}
