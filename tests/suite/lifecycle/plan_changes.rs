//! Hooks that change what restic is about to do.

use hookward_engine::event::Event;
use hookward_tests::lab::{Finished, Lab, hookward};
use hookward_tests::pty::Terminal;
use serde_json::json;

use super::support::{BASE, assert_order, command, hook_with, lab, lab_with, only_run, report, run, text, warnings};

const PARTS: &str = r#"["sources", "tags", "excludes", "env"]"#;

/// A hook that asks for these changes, with more keys and settings.
fn changing(name: &str, changes: &str, more: &str, config: &str) -> String {
    let comma = if config.is_empty() { "" } else { "," };
    format!(
        "[[profile.p.hook]]\nname = \"{name}\"\ncomponent = \"@plan@\"\non = [\"before\"]\n{more}\n\
         config = {{ changes = [{changes}]{comma} {config} }}\ngrants = {{ plan = {PARTS} }}\n"
    )
}

/// A lab with one hook that asks for these changes, and a directory `snap` beside the
/// sources.
fn changed(changes: &str) -> Lab {
    with_snap(lab(&[changing("h", changes, "", "")]))
}

fn with_snap(lab: Lab) -> Lab {
    for dir in ["snap", "other"] {
        std::fs::create_dir(lab.path(dir)).unwrap();
    }
    lab
}

/// What restic was started with.
fn arguments(lab: &Lab) -> String {
    let journal = lab.journal();
    let line = journal.iter().rfind(|line| line.starts_with("started")).unwrap_or_else(|| panic!("{journal:?}"));
    let line = line.split(" pid=").next().unwrap().trim_start_matches("started ");
    line.replace(lab.path("").to_str().unwrap(), "LAB/")
}

/// The same, of a run that ends well.
#[track_caller]
fn arguments_of(lab: &Lab, args: &[&str]) -> String {
    let finished = run(lab, &[], args);
    assert_eq!(finished.code, 0, "{finished:?}");
    arguments(lab)
}

/// The event that the probe `witness` has written.
fn told(lab: &Lab) -> Event {
    serde_json::from_str(&text(lab, "notes/told-before.json")).unwrap()
}

/// A probe that writes its events down.
fn witness(on: &[&str]) -> String {
    hook_with("witness", on, "", "dump = \"/notes/told-{kind}.json\"")
}

#[test]
fn sources_are_added_to_those_of_the_profile() {
    let lab = changed(r#"{ add-sources = ["@lab@/snap", "@lab@/other"] }"#);
    assert_eq!(arguments_of(&lab, &["run", "p"]), "backup --json LAB/source LAB/snap LAB/other");
    assert_eq!(
        arguments_of(&lab, &["backup", "p", "--", "-v", "--tag", "x"]),
        "backup --json LAB/source LAB/snap LAB/other -v --tag x"
    );
}

#[test]
fn sources_take_the_place_of_those_of_the_profile() {
    let lab = changed(r#"{ add-sources = ["@lab@/other"] }, { set-sources = ["@lab@/snap"] }"#);
    assert_eq!(arguments_of(&lab, &["run", "p"]), "backup --json LAB/snap");
    assert_eq!(arguments_of(&lab, &["--dry-run", "run", "p"]), "backup --dry-run --json LAB/snap");
}

#[test]
fn a_command_line_as_given_is_changed_in_its_places_alone() {
    let changes = r#"{ add-tags = ["snap shot"] }, { add-excludes = ["*.tmp", "-x"] }, "#;
    let options = "--tag=snap shot --exclude=*.tmp --exclude=-x";
    let set = changed(&format!(r#"{changes}{{ set-sources = ["@lab@/snap"] }}"#));
    let add = changed(&format!(r#"{changes}{{ add-sources = ["@lab@/snap"] }}"#));
    for (line, replaced, added) in [
        ("backup /a", "backup OPTIONS LAB/snap", "backup OPTIONS /a LAB/snap"),
        (
            "--repo /r -v backup --json /a --tag t -e b /b -n",
            "--repo /r -v backup OPTIONS --json --tag t -e b LAB/snap -n",
            "--repo /r -v backup OPTIONS --json /a --tag t -e b /b LAB/snap -n",
        ),
        (
            "backup --tag=t /a -- /b --c",
            "backup OPTIONS --tag=t -- LAB/snap",
            "backup OPTIONS --tag=t /a -- /b --c LAB/snap",
        ),
        ("backup --host me", "backup OPTIONS LAB/snap --host me", "backup OPTIONS LAB/snap --host me"),
    ] {
        let mut args = vec!["exec", "--profile", "p", "--", "restic"];
        args.extend(line.split(' '));
        assert_eq!(arguments_of(&set, &args), replaced.replace("OPTIONS", options), "{line}");
        assert_eq!(arguments_of(&add, &args), added.replace("OPTIONS", options), "{line}");
    }
}

#[test]
fn what_is_there_already_is_not_added_again() {
    let lab = with_snap(lab_with(
        &BASE.replacen("sources", "tags = [\"t\"]\nbackup = { args = [\"--exclude\", \"x\"] }\nsources", 1),
        &[
            changing("h", r#"{ add-sources = ["@lab@/source/", "@lab@/snap", "@lab@/snap"] }"#, "", ""),
            changing("i", r#"{ add-sources = ["@lab@/snap"] }, { add-tags = ["t", "u", "u"] }"#, "", ""),
            changing("j", r#"{ add-tags = ["u"] }, { add-excludes = ["x", "y", "y"] }"#, "", ""),
        ],
    ));
    assert_eq!(
        arguments_of(&lab, &["run", "p"]),
        "backup --exclude=y --tag=u --json --tag=t LAB/source LAB/snap --exclude x"
    );
}

#[test]
fn variables_reach_restic_and_nobody_else() {
    let changes = r#"{ set-env = ["RESTIC_PASSWORD", "hunter2"] }, { set-env = ["RESTIC_COMPRESSION", "max"] }"#;
    let base = BASE.replacen("url = \"/srv/repo\"", "url = \"/srv/repo\"\npassword-file = \"/nowhere\"", 1);
    let lab = lab_with(&base, &[changing("h", changes, "", "")]);
    let names = ["RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND", "RESTIC_COMPRESSION"];
    let words: Vec<_> = names.iter().map(|name| format!("env={name}")).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    for args in [
        &["run", "p"][..],
        &["run", "p", "--json"],
        &["run", "p", "--dry-run", "-vv"],
        &["run", "p", "--log-format", "json", "-vv"],
        &["explain", "p"],
        &["explain", "p", "--json"],
        &["exec", "--profile", "p", "-vv", "--", "restic", "backup", "/a"],
    ] {
        let finished: Finished =
            command(&lab, &words, args).env("RESTIC_PASSWORD_COMMAND", "false").output().unwrap().into();
        assert_eq!(finished.code, 0, "{finished:?}");
        assert!(!format!("{finished:?}").contains("hunter2"), "{finished:?}");
    }
    let journal = lab.journal();
    let noted: Vec<_> = journal.iter().filter(|line| line.starts_with("env ")).map(String::as_str).collect();
    let expected = [
        "env RESTIC_PASSWORD=hunter2",
        "env RESTIC_PASSWORD_FILE is not set",
        "env RESTIC_PASSWORD_COMMAND is not set",
        "env RESTIC_COMPRESSION=max",
    ];
    assert_eq!(noted, expected.repeat(5));
}

#[test]
fn restic_that_is_given_the_password_is_read_on_a_terminal_too() {
    const ERROR: &str = r#"stderr={"message_type":"error","error":{"message":"denied"},"during":"scan","item":"/x"}"#;
    let lab = lab(&[changing("h", r#"{ set-env = ["RESTIC_PASSWORD", "hunter2"] }"#, "", "")]);
    let plain = command(&lab, &[ERROR], &["run", "p"]);
    let mut command = lab.on_terminal(hookward());
    command.args(["run", "p"]).envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut terminal = Terminal::start(command);
    assert_eq!(terminal.wait(), 0, "{}", terminal.shown());
    assert!(terminal.shown().contains("/x: denied"), "{}", terminal.shown());
    assert!(!terminal.shown().contains("message_type"), "{}", terminal.shown());
}

#[test]
fn hooks_behind_it_are_told() {
    let changes = r#"{ set-sources = ["@lab@/snap"] }, { add-tags = ["late"] }"#;
    let lab = with_snap(lab(&[
        changing("h", changes, "", ""),
        witness(&["before", "success", "finally"]),
        changing("i", r#"{ add-tags = ["later"] }"#, "", ""),
    ]));
    let (code, run) = report(&lab, &[]);
    assert_eq!(code, 0, "{run:#}");
    let snap = lab.path("snap").to_str().unwrap().to_owned();
    let event = told(&lab);
    assert_eq!((event.sources, event.tags), (vec![snap.clone()], vec!["late".to_owned()]));
    for kind in ["success", "finally"] {
        let event: Event = serde_json::from_str(&text(&lab, format!("notes/told-{kind}.json"))).unwrap();
        assert_eq!(event.sources, std::slice::from_ref(&snap));
        assert_eq!(event.tags.len(), 2, "{event:?}");
    }
    assert_eq!(run["sources"], json!([snap]), "{run:#}");
    assert_eq!(run["tags"], json!(["later", "late"]), "{run:#}");
    assert_eq!(run["hooks"][0]["plan"], json!([{ "set-sources": [snap] }, { "add-tags": ["late"] }]), "{run:#}");
    assert_eq!(run["hooks"][1].get("plan"), None, "{run:#}");
    assert_eq!(run["hooks"][2]["plan"], json!([{ "add-tags": ["later"] }]), "{run:#}");
}

#[test]
fn the_report_names_variables_without_their_values() {
    let lab = changed(r#"{ set-env = ["RESTIC_PASSWORD", "hunter2"] }"#);
    let (code, run) = report(&lab, &[]);
    assert_eq!(code, 0, "{run:#}");
    assert_eq!(run["hooks"][0]["plan"], json!([{ "set-env": "RESTIC_PASSWORD" }]), "{run:#}");
}

#[test]
fn a_hook_that_fails_changes_nothing() {
    let change = r#"{ set-sources = ["@lab@/snap"] }"#;
    let optional = changing("h", change, "kind = \"optional\"", "fail-attempts = 9");
    let lab = with_snap(lab(&[optional, witness(&["before"])]));
    assert_eq!(arguments_of(&lab, &["run", "p"]), "backup --json LAB/source");
    assert_eq!(told(&lab).sources, [lab.path("source").to_str().unwrap()]);

    let required = changing("h", change, "", "fail-attempts = 9");
    let lab = with_snap(super::support::lab(&[required, witness(&["failure"])]));
    let (code, run) = report(&lab, &[]);
    assert_eq!(code, 80, "{run:#}");
    assert_eq!(run["sources"], json!([lab.path("source").to_str().unwrap()]), "{run:#}");
    assert_eq!(run["hooks"][0].get("plan"), None, "{run:#}");
    assert_order(&lab, &["witness failure"]);
}

#[test]
fn of_several_attempts_the_last_counts() {
    let changes = r#"{ add-tags = ["attempt-{attempt}"] }"#;
    let lab = lab(&[changing("h", changes, "retry = { attempts = 3, delay = \"1ms\" }", "fail-attempts = 2")]);
    let (code, run) = report(&lab, &[]);
    assert_eq!((code, arguments(&lab).as_str()), (0, "backup --tag=attempt-3 --json LAB/source"), "{run:#}");
    let plans: Vec<_> = run["hooks"].as_array().unwrap().iter().map(|call| call.get("plan").cloned()).collect();
    assert_eq!(plans, [None, None, Some(json!([{ "add-tags": ["attempt-3"] }]))]);
}

#[test]
fn a_run_that_is_skipped_starts_nothing_whatever_was_changed() {
    let lab = with_snap(lab(&[
        changing("h", r#"{ add-sources = ["@lab@/snap"] }"#, "", "skip = true"),
        witness(&["skipped"]),
    ]));
    let (code, run) = report(&lab, &[]);
    assert_eq!((code, &run["status"]), (0, &json!("skipped")), "{run:#}");
    assert_eq!(run["sources"].as_array().unwrap().len(), 2, "{run:#}");
    assert_order(&lab, &["witness skipped"]);
}

#[test]
fn sources_that_are_no_operands_stay() {
    let change = r#"{ set-sources = ["@lab@/snap"] }, { add-sources = ["@lab@/snap"] }, { add-tags = ["t"] }"#;
    let lab = with_snap(lab(&[changing("h", change, "", "go-on = true")]));
    for (line, expected, why) in [
        ("backup --files-from list", "backup --tag=t --files-from list", "`--files-from`"),
        ("backup --stdin", "backup --tag=t --stdin", "stdin"),
        ("backup --stdin-from-command -- pg_dump /a", "backup --tag=t --stdin-from-command -- pg_dump /a", "a command"),
        ("backup --coming later /a", "backup --tag=t --coming later /a", "`--coming`"),
    ] {
        let mut args = vec!["--json", "exec", "--profile", "p", "--", "restic"];
        args.extend(line.split(' '));
        let finished = run(&lab, &[], &args);
        let run = only_run(&finished);
        assert_eq!((finished.code, arguments(&lab).as_str()), (0, expected), "{finished:?}");
        for refused in [0, 1] {
            let message = run["hooks"][0]["log"][refused]["message"].as_str().unwrap();
            assert!(message.starts_with("invalid: the sources can't be changed: "), "{message}");
            assert!(message.contains(why), "{message}");
        }
    }
    // A hook that takes no for an end keeps the gate shut.
    let lab = changed(change);
    let finished = run(&lab, &[], &["backup", "p", "--", "--files-from", "list"]);
    assert_eq!((finished.code, lab.journal().len()), (80, 0), "{finished:?}");
}

#[test]
fn a_rehearsal_shows_every_change() {
    let changes = r#"{ set-sources = ["@lab@/snap"] }, { add-sources = ["/"] }, { add-tags = ["a", "b"] },
        { add-excludes = ["*.tmp"] }, { set-env = ["RESTIC_PASSWORD", "hunter2"] }"#
        .replace('\n', " ");
    let lab = changed(&changes);
    let lines = format!(
        "\n  sources = {}\n  sources + /\n  tags + a, b\n  excludes + *.tmp\n  env + RESTIC_PASSWORD\n",
        lab.path("snap").display()
    );
    for args in [&["run", "p", "--dry-run"][..], &["run", "p", "-v"]] {
        let finished = run(&lab, &[], args);
        assert!(finished.code == 0 && finished.stdout.contains(&lines), "{finished:?}");
    }
    for args in [&["run", "p"][..], &["run", "p", "--dry-run", "--quiet"]] {
        let finished = run(&lab, &[], args);
        assert!(finished.code == 0 && !finished.stdout.contains("tags +"), "{finished:?}");
    }
    // Amid restic's own output only who asks for it gets it, and is told whose it is.
    let exec = |verbose: &[&str]| {
        run(&lab, &[], &[verbose, &["exec", "--profile", "p", "--", "restic", "backup", "-n", "/a"]].concat())
    };
    assert!(exec(&["-v"]).stderr.contains("hookward: tags + a, b\n"), "{:?}", exec(&["-v"]));
    assert!(!exec(&[]).stderr.contains("tags"), "{:?}", exec(&[]));
    let log = run(&lab, &[], &["run", "p", "--log-format", "json"]).stderr;
    let line = log.lines().find(|line| line.contains("plan-changed")).unwrap_or_else(|| panic!("{log}"));
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["hook"], &line["changes"][2]), (&json!("h"), &json!({ "add-tags": ["a", "b"] })));
}

#[test]
fn explain_says_which_parts_may_be_changed_and_from_which_line() {
    let hook = changing("h", "", "", "").replace(PARTS, "[\"sources\", \"env:TMPDIR\"]");
    let lab = lab(&[hook]);
    let shown = run(&lab, &[], &["explain", "p"]).stdout;
    for part in [
        "    change what is backed up [granted by `plan`]\n",
        "    may change what is backed up  hookward.toml:18:20\n",
        "    may set TMPDIR for restic  hookward.toml:18:31\n",
    ] {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
    assert!(!shown.contains("nothing of the host"), "{shown}");
    let plan: serde_json::Value = serde_json::from_str(&run(&lab, &[], &["explain", "p", "--json"]).stdout).unwrap();
    let parts = &plan["hooks"][0]["grants"]["plan"];
    assert_eq!(parts[1], json!({ "part": "env:TMPDIR", "at": "hookward.toml:18:31" }), "{plan:#}");
}

#[test]
fn without_the_grant_nothing_starts() {
    let lab = lab(&[changing("h", "", "", "").replace(&format!("plan = {PARTS}"), "")]);
    let finished = run(&lab, &[], &["run", "p"]);
    assert_eq!((finished.code, lab.journal().len()), (78, 0), "{finished:?}");
    assert!(finished.stderr.contains("needs the grant `plan`"), "{finished:?}");
}

#[test]
fn a_hook_that_wants_more_than_its_part_fails() {
    let hook = changing("h", r#"{ add-tags = ["t"] }"#, "kind = \"optional\"", "");
    let lab = lab(&[hook.replace(PARTS, "[\"sources\"]")]);
    let (code, run) = report(&lab, &[]);
    assert_eq!((code, arguments(&lab).as_str()), (0, "backup --json LAB/source"), "{run:#}");
    let expected = "hook \"h\" failed in `before`: not-granted: this hook may not change the `tags` of the plan: grant it in `grants.plan`";
    assert_eq!(warnings(&run)[0], expected);
}
