//! No secret of a hook is in anything that a run shows, reports, or tells other hooks.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hookward_tests::lab::{Finished, Lab};
use serde_json::Value;

use super::support::{command, lab, text};

const SECRET: &str = "vT9#kLm2/Qx+7Zp-eWc4-Rn8&Yb5";

/// A hook of profile `p` that leaks the secret of the lab, and one that is told.
fn leaking(on: &str, place: &str, form: &str) -> Lab {
    let leaks = format!(
        "[[profile.p.hook]]\nname = \"leaks\"\ncomponent = \"@secrets@\"\non = [\"{on}\"]\n\
         config = {{ name = \"token\", place = \"{place}\", form = \"{form}\", before = \"it is \" }}\n\
         grants = {{ secrets = {{ token = {{ file = \"token\" }} }} }}\n"
    );
    let told =
        Lab::probe("hook", "told", &["failure", "success", "skipped", "finally"], "", "dump = \"/notes/{kind}.json\"");
    let lab = lab(&[leaks, told]);
    fs::write(lab.path("token"), format!("{SECRET}\n")).unwrap();
    fs::set_permissions(lab.path("token"), fs::Permissions::from_mode(0o600)).unwrap();
    lab
}

/// All that has become visible: streams of each kind, and what later hooks were told.
fn visible(lab: &Lab, restic: &[&str]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for args in [
        &["run", "p"][..],
        &["-q", "run", "p"],
        &["-vv", "run", "p"],
        &["--json", "run", "p"],
        &["--log-format", "json", "-vv", "run", "p"],
    ] {
        let finished: Finished = command(lab, restic, args).output().unwrap().into();
        all.push((format!("{args:?} on stdout"), finished.stdout));
        all.push((format!("{args:?} on stderr"), finished.stderr));
        for kind in ["failure", "success", "skipped", "finally"] {
            all.push((format!("{args:?} in {kind}"), text(lab, format!("notes/{kind}.json"))));
        }
    }
    all.extend(journal(lab));
    all
}

/// Every page of the journal, those that are free included.
fn journal(lab: &Lab) -> [(String, String); 2] {
    ["journal.sqlite", "journal.sqlite-wal"].map(|file| {
        let bytes = fs::read(lab.path("state").join(file)).unwrap_or_default();
        (file.to_owned(), String::from_utf8_lossy(&bytes).into_owned())
    })
}

/// Neither the secret nor a good part of it, and the mask in each of those.
#[track_caller]
fn assert_hidden(all: &[(String, String)], masked_in: &[&str]) {
    for (place, text) in all {
        for part in SECRET.as_bytes().windows(8) {
            let part = std::str::from_utf8(part).unwrap();
            assert!(!text.contains(part), "{part} {place}: {text}");
        }
        if masked_in.iter().any(|end| place.ends_with(end)) && !place.contains("-q") {
            assert!(text.contains("***"), "{place}: {text}");
        }
    }
}

#[test]
fn an_error_is_told_to_nobody_with_the_secret_in_it() {
    for form in ["raw", "head", "percent", "escapes"] {
        let lab = leaking("before", "error", form);
        let all = visible(&lab, &[]);
        assert_hidden(&all, &["in failure", "in finally"]);
        let report = &all.iter().find(|(place, _)| place.contains("--json") && place.ends_with("stdout")).unwrap().1;
        let report: Value = serde_json::from_str(report).unwrap();
        let run = &report["runs"][0];
        assert_eq!(run["error"], "hook \"leaks\": it is ***", "{form}: {report:#}");
        assert_eq!(run["hooks"][0]["failure"]["message"], "it is ***", "{form}: {report:#}");
    }
}

#[test]
fn nothing_else_that_a_hook_says_has_it_either() {
    for place in ["stdout", "stderr", "log", "field", "warning", "skip", "panic", "last-words"] {
        let lab = leaking("before", place, "raw");
        assert_hidden(&visible(&lab, &[]), &[]);
    }
}

/// restic may know the secret by a way of its own.
#[test]
fn what_restic_says_is_masked_where_it_is_told_on() {
    let item = r#"{"message_type":"error","error":{"message":"bad vT9#kLm2/Qx+7Zp-eWc4-Rn8&Yb5"},"during":"archival","item":"/vT9#kLm2\/Qx+7Zp-eWc4-Rn8&Yb5"}"#;
    let exit = r#"{"message_type":"exit_error","code":1,"message":"Fatal: vT9#kLm2/Qx+7Zp-eWc4-Rn8\u0026Yb5\n"}"#;
    let status = r#"{"message_type":"status","percent_done":0.5,"current_files":["/vT9#kLm2/Qx+7Zp-eWc4-Rn8&Yb5"]}"#;
    let line = format!("Fatal: cannot use {SECRET}");
    let padded = format!("{}{SECRET}", "x".repeat(4096 - 8));
    for (words, masked_in) in [
        (vec![format!("stderr={line}"), "exit=1".to_owned()], &["in failure", "in finally"][..]),
        (vec![format!("stdout=some line {SECRET}"), format!("stdout={status}"), "exit=0".to_owned()], &[]),
        (vec![format!("stdout={item}"), "exit=3".to_owned()], &["in finally"]),
        (vec![format!("stderr={exit}"), "exit=1".to_owned()], &["in failure", "in finally"]),
        (vec![format!("stderr={padded}"), format!("stderr={}", "y".repeat(4080)), "exit=1".to_owned()], &[]),
        (vec![format!("stderr={padded}yyy"), "exit=1".to_owned()], &["in failure"]),
    ] {
        let lab = leaking("before", "", "raw");
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        assert_hidden(&visible(&lab, &words), masked_in);
    }
}

/// A hook may put a secret that it got elsewhere among the sources: restic gets it, and
/// nobody is shown it.
#[test]
fn a_change_of_the_plan_is_shown_without_the_secret() {
    let lab = leaking("before", "", "raw");
    let changes = format!("[{{ add-tags = [\"{SECRET}\"] }}, {{ add-excludes = [\"*{SECRET}\"] }}]");
    let plan = format!(
        "[[profile.p.hook]]\nname = \"plan\"\ncomponent = \"@plan@\"\non = [\"before\"]\n\
         config = {{ changes = {changes} }}\ngrants = {{ plan = [\"tags\", \"excludes\"] }}\n"
    );
    let config = text(&lab, "hookward.toml");
    lab.configure(&format!("{config}{plan}"));
    let all = visible(&lab, &[]);
    let shown: Vec<_> = all.into_iter().filter(|(place, _)| !place.contains(" in ")).collect();
    assert_hidden(&shown, &["[\"-vv\", \"run\", \"p\"] on stdout", "[\"--json\", \"run\", \"p\"] on stdout"]);
    let started = lab.journal().into_iter().find(|line| line.starts_with("started")).unwrap();
    assert!(started.contains(&format!("--tag={SECRET}")), "{started}");
}

/// Numbers of restic's own messages are read before anything is masked.
#[test]
fn a_secret_of_digits_takes_nothing_from_the_summary() {
    let lab = leaking("before", "", "raw");
    fs::write(lab.path("token"), "123456789").unwrap();
    let summary = r#"stdout={"message_type":"summary","total_bytes_processed":123456789,"snapshot_id":"5a6b7c8d9e0f"}"#;
    let finished: Finished = command(&lab, &[summary], &["--json", "run", "p"]).output().unwrap().into();
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(report["runs"][0]["restic"]["summary"]["total-bytes-processed"], 123_456_789, "{report:#}");
}

/// The secret is read after restic has printed it: it's hidden from then on.
#[test]
fn a_secret_that_is_read_late_is_hidden_in_the_report() {
    let lab = leaking("failure", "", "raw");
    let line = format!("stderr=Fatal: {SECRET}");
    let finished: Finished = command(&lab, &[&line, "exit=1"], &["--json", "run", "p"]).output().unwrap().into();
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(report["runs"][0]["error"], "restic exited with code 1: Fatal: ***", "{report:#}");
    assert_eq!(report["runs"][0]["restic"]["stderr-tail"], "Fatal: ***\n", "{report:#}");
    assert_hidden(&journal(&lab), &[]);
    let event: Value = serde_json::from_str(&text(&lab, "notes/finally.json")).unwrap();
    assert_eq!(event["outcome"]["error"], "restic exited with code 1: Fatal: ***", "{event:#}");
}

/// Streams that are only passed on are restic's: not a byte of them is changed.
#[test]
fn a_stream_that_is_passed_on_is_not_changed() {
    let lab = leaking("before", "", "raw");
    let (out, err) = (format!("stdout={SECRET}"), format!("stderr={SECRET}"));
    for args in [&["exec", "--profile", "p", "--", "restic", "backup", "/"][..], &["run", "p", "--", "backup", "/"]] {
        let finished: Finished = command(&lab, &[&out, &err], args).output().unwrap().into();
        assert_eq!(finished.stdout, format!("{SECRET}\n"), "{finished:?}");
        assert!(finished.stderr.contains(SECRET), "{finished:?}");
    }
}

#[test]
fn a_secret_that_cannot_be_read_is_the_hooks_failure() {
    let lab = leaking("before", "", "raw");
    fs::set_permissions(lab.path("token"), fs::Permissions::from_mode(0o644)).unwrap();
    let finished: Finished = command(&lab, &[], &["run", "p"]).output().unwrap().into();
    assert_eq!(finished.code, 80, "{finished:?}");
    let path = lab.path("token");
    let said = format!("may be read by others (mode 0644): run `chmod 600 {}`", path.display());
    assert!(finished.stderr.contains(&said), "{finished:?}");
}

/// Its directory keeps others out, so a credential's mode doesn't count.
#[test]
fn a_credential_of_the_service_is_read() {
    let lab = leaking("before", "error", "raw");
    fs::create_dir(lab.path("credentials")).unwrap();
    fs::write(lab.path("credentials/db"), SECRET).unwrap();
    fs::set_permissions(lab.path("credentials/db"), fs::Permissions::from_mode(0o440)).unwrap();
    let config = text(&lab, "hookward.toml");
    for source in ["{ credential = \"db\" }", "{ file = \"credentials/db\" }", "{ env = \"TOKEN\" }"] {
        fs::write(lab.path("hookward.toml"), config.replace("{ file = \"token\" }", source)).unwrap();
        let mut command = command(&lab, &[], &["run", "p"]);
        command.env("CREDENTIALS_DIRECTORY", lab.path("credentials")).env("TOKEN", SECRET);
        let finished: Finished = command.output().unwrap().into();
        assert!(finished.stderr.contains("it is ***"), "{source}: {finished:?}");
    }
    fs::write(lab.path("hookward.toml"), config.replace("{ file = \"token\" }", "{ credential = \"db\" }")).unwrap();
    let finished: Finished = command(&lab, &[], &["run", "p"]).output().unwrap().into();
    assert!(finished.stderr.contains("CREDENTIALS_DIRECTORY is not set"), "{finished:?}");
}
