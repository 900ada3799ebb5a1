//! What a run says: to people, to scripts, to machines.

use hookward_tests::lab::{Finished, Lab};
use serde_json::Value;

use crate::support::{EVENTS, SUMMARY, hook, json, lab, run};

/// Lines without what differs from run to run.
fn plain(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| {
        let mut line = line.to_owned();
        while let Some(start) = line.find("(run ").or_else(|| line.find(" s)").and_then(|end| line[..end].rfind('('))) {
            let end = start + line[start..].find(')').unwrap();
            line.replace_range(start..=end, "~");
        }
        line
    });
    lines.collect()
}

#[test]
fn a_run_is_told_in_a_few_lines() {
    let lab = lab(&[hook("h", &["before", "success"], "", "log = \"hello\"")]);
    let finished = run(&lab, &[SUMMARY], &["run", "p"]);
    assert_eq!(
        plain(&finished.stdout),
        [
            "p backup to /srv/repo ~",
            "  h: info: hello",
            "  before    h: ok ~",
            "  gate open, restic backup starts",
            "  h: info: hello",
            "  success   h: ok ~",
            "success: snapshot 5a6b7c8d, 3 files, 2.0 KiB, 1.0 KiB added ~",
        ]
    );
    assert_eq!(finished.stderr, "");
}

#[test]
fn a_shut_gate_is_told_with_its_reason() {
    let lab = lab(&[hook("h", &["before", "finally"], "", "fail-on = [\"before\"], error = \"the disk is full\"")]);
    let finished = run(&lab, &[SUMMARY], &["run", "p"]);
    assert_eq!(plain(&finished.stdout), ["p backup to /srv/repo ~", "  finally   h: ok ~"]);
    // Where `>/dev/null` doesn't hide it.
    assert_eq!(
        plain(&finished.stderr),
        [
            "  before    h: failed [error] the disk is full",
            "failure: hook \"h\": the disk is full; restic was not started ~",
        ]
    );
    let quiet = run(&lab, &[SUMMARY], &["run", "p", "-q"]);
    assert_eq!(quiet.stdout, "");
    assert_eq!(plain(&quiet.stderr).len(), 2, "{}", quiet.stderr);
}

#[test]
fn a_run_that_is_no_backup_has_no_numbers() {
    let lab = lab(&[]);
    let finished = run(&lab, &["stdout=a list"], &["snapshots", "p"]);
    assert_eq!(finished.stdout, "a list\n");
    let lines = plain(&finished.stderr);
    assert_eq!(lines, ["p snapshots to /srv/repo ~", "  gate open, restic snapshots starts", "success: ~"]);
}

#[test]
fn warnings_are_repeated_at_the_end_of_a_run() {
    let lab = lab(&[hook("h", &["success"], "kind = \"optional\"", "fail-on = [\"success\"]")]);
    let finished = run(&lab, &[SUMMARY], &["run", "p"]);
    assert_eq!(finished.stderr.matches("told to fail").count(), 1, "{}", finished.stderr);
    assert_eq!(finished.stdout.matches("told to fail").count(), 1, "{}", finished.stdout);
    // Where a little is said among much of restic's, once is enough.
    for args in [&["run", "p", "-q"] as &[&str], &["exec", "--profile", "p", "--", "restic", "backup", "/x"]] {
        let finished = run(&lab, &[], args);
        assert_eq!(finished.stderr.matches("told to fail").count(), 1, "{}", finished.stderr);
    }
}

#[test]
fn quiet_says_nothing_that_is_well_and_verbose_says_more() {
    let lab = lab(&[hook("h", &["before"], "", "log = \"hello\"")]);
    let quiet = run(&lab, &[SUMMARY], &["run", "p", "-q"]);
    assert_eq!((quiet.code, quiet.stdout.as_str(), quiet.stderr.as_str()), (0, "", ""));
    let verbose = run(&lab, &[SUMMARY], &["run", "p", "-vv"]);
    assert_eq!(verbose.code, 0);
    assert!(verbose.stdout.lines().count() >= 5, "{}", verbose.stdout);
    // A stand-in's caller sees nothing of it.
    let exec = run(&lab, &["stdout=restic's"], &["exec", "--profile", "p", "--", "restic", "backup", "/x"]);
    assert_eq!((exec.stdout.as_str(), exec.stderr.as_str()), ("restic's\n", ""));
}

#[test]
fn exec_says_whose_words_its_words_are() {
    let lab = lab(&[hook("h", &["before"], "", "fail-on = [\"before\"]")]);
    let finished = run(&lab, &[], &["exec", "--profile", "p", "--", "restic", "backup", "/x"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (80, ""));
    assert!(finished.stderr.lines().all(|line| line.starts_with("hookward: ")), "{}", finished.stderr);
    assert_eq!(
        plain(&finished.stderr).last().unwrap(),
        "hookward: failure: hook \"h\": told to fail; restic was not started ~"
    );
}

/// One JSON object a line, each with what all have.
fn log(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}")));
    lines.inspect(|line| assert!(line["level"].is_string() && line["time"].is_string(), "{line}")).collect()
}

#[test]
fn a_log_for_machines_is_json_line_by_line() {
    let lab = lab(&[hook("h", EVENTS, "", "log = \"hello\\nthere\"")]);
    let finished = run(&lab, &[SUMMARY], &["run", "p", "--log-format", "json"]);
    assert_eq!(finished.stdout, "");
    let events: Vec<_> = log(&finished.stderr).iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect();
    for event in ["run-begun", "hook-begun", "hook-said", "hook-ended", "gate-opened", "restic-ended", "run-ended"] {
        assert!(events.iter().any(|other| other == event), "no {event} in {events:?}");
    }
    // Whatever goes wrong, too.
    for args in [&["run", "nobody"] as &[&str], &["--config", "nowhere", "validate"], &["hook", "inspect", "nowhere"]] {
        let finished = run(&lab, &[], &[args, &["--log-format", "json"]].concat());
        let lines = log(&finished.stderr);
        assert_eq!((lines.len(), lines[0]["exit-code"].as_i64()), (1, Some(finished.code.into())), "{finished:?}");
        assert!(!lines[0]["message"].as_str().unwrap().starts_with("hookward"), "{finished:?}");
    }
    let lab = crate::support::lab(&[hook("h", &["before"], "", "").replace("@probe@", "nowhere.wasm")]);
    let finished = run(&lab, &[], &["run", "p", "--log-format", "json", "-vv"]);
    assert!(log(&finished.stderr).iter().any(|line| line["event"] == "problem"), "{finished:?}");
}

#[test]
fn a_report_is_all_of_stdout() {
    let lab = lab(&[hook("h", EVENTS, "", "log = \"hello\"")]);
    for args in [
        &["run", "p"] as &[&str],
        &["run", "p", "p"],
        &["snapshots", "p"],
        &["exec", "--profile", "p", "--", "restic", "backup", "--json", "/x"],
        &["run", "nobody"],
        &["validate"],
        &["explain", "p"],
    ] {
        let finished = run(&lab, &[SUMMARY, "stdout=more"], &[&["--json"], args].concat());
        let report = json(&finished);
        assert_eq!(report["version"], 1, "{report:#}");
        if args[0] != "explain" {
            assert_eq!(report["exit-code"], finished.code, "{report:#}");
        }
    }
}

#[test]
fn a_held_lock_is_told_with_its_holder() {
    let lab = lab(&[hook("h", &["before"], "", "")]);
    let mut first = crate::support::command(&lab, &["lock"], &["run", "p"]);
    let mut first = first.spawn().unwrap();
    lab.wait_for("restic", |lab| !lab.lines("notes/restic").is_empty());
    let second: Finished = run(&lab, &[], &["run", "p"]);
    assert_eq!(second.code, 79, "{second:?}");
    let said = format!("{}{}", second.stdout, second.stderr);
    assert!(said.contains(&format!("profile `p` is held by run {}", "")) && said.contains("process "), "{said}");
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(first.id()).unwrap()),
        nix::sys::signal::Signal::SIGTERM,
    )
    .unwrap();
    assert!(!first.wait().unwrap().success());
}

/// Runs it once for each way to ask for colours, and tells which had them.
fn coloured(lab: &Lab, args: &[&str], env: &[(&str, &str)]) -> (bool, bool) {
    let mut command = crate::support::command(lab, &[SUMMARY], args);
    let finished: Finished = command.envs(env.iter().copied()).output().unwrap().into();
    (finished.stdout.contains('\u{1b}'), finished.stderr.contains('\u{1b}'))
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let lab = lab(&[]);
    assert_eq!(coloured(&lab, &["run", "p"], &[]), (false, false));
    assert_eq!(coloured(&lab, &["run", "p", "--color", "always"], &[]), (true, false));
    assert_eq!(coloured(&lab, &["run", "p", "--color", "always"], &[("NO_COLOR", "1")]), (true, false));
    assert_eq!(coloured(&lab, &["run", "nobody", "--color", "always"], &[]), (false, true));
    assert_eq!(coloured(&lab, &["run", "p"], &[("CLICOLOR_FORCE", "1")]), (true, false));
    // A report is never coloured.
    let finished = run(&lab, &[SUMMARY], &["run", "p", "--color", "always", "--json"]);
    assert!(!finished.stdout.contains('\u{1b}'), "{}", finished.stdout);
    std::fs::write(lab.path("hookward.toml"), "version = 1\nodd = 1\n").unwrap();
    assert_eq!(coloured(&lab, &["validate"], &[]), (false, false));
    assert_eq!(coloured(&lab, &["validate", "--color", "always"], &[]), (false, true));
    assert_eq!(coloured(&lab, &["validate", "--color", "always", "--log-format", "json"], &[]), (false, false));
}

/// A disk that isn't plugged in is no news for whoever reads the mail of a timer.
#[test]
fn a_run_that_a_preflight_hook_skips_says_nothing_on_stderr() {
    let lab = lab(&[hook("h", &["before"], "kind = \"preflight\"", "fail-on = [\"before\"]")]);
    let finished = run(&lab, &[SUMMARY], &["run", "p"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{finished:?}");
    assert!(finished.stdout.contains("skipped: hook \"h\": told to fail"), "{finished:?}");
}
