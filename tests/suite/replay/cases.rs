//! `hook test`: cases on a stage.

use std::fs;
use std::path::Path;

use hookward_tests::lab::{Finished, Lab};
use hookward_tests::{example, guest};
use serde_json::Value;

use crate::support::recorded;

/// A project of a hook with these cases.
fn project(component: &Path, cases: &[(&str, &str)]) -> Lab {
    let lab = Lab::new();
    fs::create_dir(lab.path("tests")).unwrap();
    let manifest = format!("name = \"it\"\nlanguage = \"rust\"\ncomponent = \"{}\"\n", component.display());
    fs::write(lab.path("hook.toml"), manifest).unwrap();
    for (name, text) in cases {
        let file = lab.path("tests").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    lab
}

fn test(lab: &Lab, args: &[&str]) -> Finished {
    lab.run([&["hook", "test"], args].concat())
}

const PING: &str = r#"
time = "2026-03-01T03:00:00Z"

[config]
url-secret = "ping-url"

[grants]
http = [{ url = "https://hc-ping.com/*", methods = ["POST"] }]

[secrets]
ping-url = "https://hc-ping.com/0000-dummy"

[[http]]
url = "https://hc-ping.com/*"
body = "OK"
"#;

#[test]
fn requests_are_answered_by_the_case() {
    let good = format!(
        "{PING}\n[expect]\nrequests = [{{ method = \"POST\", url = \"https://hc-ping.com/0000-dummy/start?rid=00000000-0000-7000-8000-000000000000\" }}]\n"
    );
    let refused = PING.replace("body = \"OK\"", "error = \"refused\"")
        + "\n[expect]\nerror-matches = \"the connection was refused\"\n";
    let lab = project(&example("healthchecks"), &[("good.toml", &good), ("refused.toml", &refused)]);
    let finished = test(&lab, &[]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(finished.stdout, "ok      good\nok      refused\n2 passed, 0 failed\n");
    let finished = test(&lab, &["--filter", "refu", "--json"]);
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(
        (finished.code, report["passed"].as_u64(), report["cases"][0]["name"].as_str()),
        (0, Some(1), Some("refused"))
    );
    // What nothing answers is named, whatever the hook makes of it.
    let silent = PING.split("[[http]]").next().unwrap().to_owned() + "[expect]\nerror-matches = \".\"\n";
    let lab = project(&example("healthchecks"), &[("silent.toml", &silent)]);
    let finished = test(&lab, &[]);
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(
        finished.stdout.contains("- an [[http]] that answers POST https://hc-ping.com/0000-dummy/start"),
        "{finished:?}"
    );
}

#[test]
fn a_difference_is_shown_and_can_be_taken_over() {
    let wrong = format!("{PING}\n[expect]\nlog = [\"info: pinged\"]\nrequests = []\n");
    let lab = project(&example("healthchecks"), &[("wrong.toml", &wrong)]);
    let finished = test(&lab, &[]);
    assert_eq!(finished.code, 1, "{finished:?}");
    for part in ["FAILED  wrong: ", "    requests\n", "      + {\"method\":\"POST\"", "0 passed, 1 failed"] {
        assert!(finished.stdout.contains(part), "no {part:?} in {finished:?}");
    }
    let finished = test(&lab, &["--update"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let text = fs::read_to_string(lab.path("tests/wrong.toml")).unwrap();
    assert!(text.starts_with(PING.trim_end()) && text.contains("/0000-dummy/start?rid="), "{text}");
    assert_eq!(test(&lab, &[]).code, 0, "{text}");
    assert_eq!(fs::read_to_string(lab.path("tests/wrong.toml")).unwrap(), text);
}

#[test]
fn files_state_and_commands_are_those_of_the_case() {
    let case = r#"
[config]
name = "probe"
journal = "/notes/journal"

[grants]
dirs = [{ host = "notes", guest = "/notes", write = true }]

[expect.files]
"/notes/journal" = "earlier\nprobe before attempt=1\n"
"/notes/dump" = false
"#;
    let lab = project(&guest("probe"), &[("notes/case.toml", case), ("notes/notes/journal", "earlier\n")]);
    let finished = test(&lab, &[]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(
        fs::read_to_string(lab.path("tests/notes/notes/journal")).unwrap(),
        "earlier\n",
        "only a copy is written to"
    );

    let case = r#"
config = { calls = [{ command = "tell", args = [["what", "news"]] }, { command = "tell", args = [["what", "more"]] }] }

[grants.commands.tell]
argv = ["/usr/bin/tell", "{what}"]
args = { what = "news|more" }

[[command]]
name = "tell"
stdout = "nothing new\n"

[[command]]
name = "tell"
exit = 3

[expect]
commands = [
  { name = "tell", argv = ["/usr/bin/tell", "news"] },
  { name = "tell", argv = ["/usr/bin/tell", "more"] },
]
log-matches = ["nothing new"]
"#;
    let finished = test(&project(&guest("command"), &[("tell.toml", case)]), &[]);
    assert_eq!(finished.code, 0, "{finished:?}");

    let case = "config = { steps = [\"get a\", \"set a 2\"] }\n[state]\na = \"1\"\n[expect.state]\na = \"2\"\n";
    let finished = test(&project(&guest("state"), &[("state.toml", case)]), &[]);
    assert_eq!(finished.code, 0, "{finished:?}");
}

#[test]
fn waiting_takes_no_time_and_the_clock_is_the_cases() {
    let case = "config = { sleep = { before = 3600000 } }\n";
    let lab = project(&guest("probe"), &[("sleep.toml", case)]);
    let began = std::time::Instant::now();
    let finished = test(&lab, &[]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(began.elapsed().as_secs() < 300, "an hour of the case is none of ours");
    let window = |time: &str| {
        format!(
            "time = \"{time}\"\n[config]\ntime-zone = \"Europe/Berlin\"\nwindows = [{{ from = \"22:00\", to = \"06:00\" }}]\n"
        )
    };
    let open = window("2026-01-05T23:00:00Z");
    let next = "outside of every window: the next one opens Mon 2026-01-05 22:00 CET";
    let shut = format!("{}[expect]\nerror-matches = \"{next}\"\n", window("2026-01-05T12:00:00Z"));
    let lab = project(&example("time-window"), &[("open.toml", &open), ("shut.toml", &shut)]);
    let finished = test(&lab, &[]);
    assert_eq!(finished.code, 0, "{finished:?}");
}

#[test]
fn a_record_is_a_case() {
    let lab = project(&guest("probe"), &[("replayed.toml", "record = \"call.rec\"\n")]);
    let (_, record) = recorded(&lab, &guest("probe"), "call", &["--event", "before", "--set", "log=hello"]);
    fs::copy(&record, lab.path("tests/call.rec")).unwrap();
    let finished = test(&lab, &[]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let finished = test(&lab, &["--component", guest("hello").to_str().unwrap()]);
    assert_eq!(finished.code, 1, "{finished:?}");
}

#[test]
fn what_cannot_be_used_is_said() {
    let lab = project(&guest("probe"), &[("odd.toml", "[config]\nname = \"x\"\n[[htpp]]\nurl = \"x\"\n")]);
    for (args, says) in [
        (&[][..], "unknown field `htpp`"),
        (&["--filter", "nothing"], "no case with `nothing` in its name"),
        (&["--component", "/nowhere.wasm"], "/nowhere.wasm"),
        (&["source"], "hook.toml"),
    ] {
        let finished = test(&lab, args);
        assert_eq!(finished.code, 78, "{args:?}: {finished:?}");
        assert!(finished.stderr.contains(says), "{args:?}: {finished:?}");
    }
    fs::write(lab.path("hook.toml"), "name = \"it\"\nlanguage = \"c\"\ncomponent = \"target/it.wasm\"\n").unwrap();
    let finished = test(&lab, &[]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(finished.stderr.contains("`hookward hook build` makes it"), "{finished:?}");
    // A bad grant is shown where it stands.
    let lab = project(&guest("probe"), &[("odd.toml", "[grants]\ndirs = [{ hots = \"x\" }]\n")]);
    let finished = test(&lab, &[]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(finished.stderr.contains("odd.toml:2:11"), "{finished:?}");
}
