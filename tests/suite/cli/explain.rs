//! `hookward explain`: the plan of a run.

use std::path::Path;

use hookward_tests::guest;
use hookward_tests::lab::{Lab, stand_in};

use crate::support::{anything_started, configure, hook, json, lab, run};

/// Hooks of every scope, with grants and limits.
fn planned() -> Lab {
    let lab = lab(&[]);
    let global = Lab::probe("hook", "beat", &["before", "failure"], "kind = \"optional\"\noperations = [\"*\"]", "");
    let repository = Lab::probe("repository.r.hook", "link", &["before", "finally"], "timeout = \"30s\"", "");
    let profile = hook(
        "db",
        &["before", "success", "finally"],
        "exclusive = \"postgres\"\nretry = { attempts = 3, delay = \"5s\", backoff = \"exponential\" }\nmemory = \"16MiB\"",
        "",
    );
    let profile = profile.replace("grants = { dirs", "grants = { env = [\"LANG\"], dirs");
    configure(&lab, &[global, repository, profile].concat());
    lab
}

/// What differs from place to place.
fn plain(lab: &Lab, text: &str) -> String {
    let text = text.replace(lab.path("").to_str().unwrap().trim_end_matches('/'), "LAB");
    let text = text.replace(guest("probe").to_str().unwrap(), "PROBE").replace(stand_in().to_str().unwrap(), "RESTIC");
    text.lines()
        .map(str::trim_end)
        .filter(|line| !line.contains("sha256:"))
        .fold(String::new(), |all, line| all + line + "\n")
}

#[test]
fn the_order_the_gate_and_the_grants_are_shown() {
    let lab = planned();
    let finished = run(&lab, &[], &["explain", "p"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{finished:?}");
    let text = plain(&lab, &finished.stdout);
    let head = text.split("\nhook ").next().unwrap();
    assert_eq!(
        head,
        "\
profile p, operation backup, repository /srv/repo

order
  before      beat, link, db
  -- gate --  RESTIC backup --json LAB/source
              with RESTIC_REPOSITORY and RESTIC_PASSWORD_FILE in the environment
  success     db
  failure     beat
  finally     db, link
  locks       profile `p`
  locks       exclusive name `postgres`
"
    );
    for part in [
        "hook \"beat\" (global, optional)  hookward.toml:10:1\n  component   PROBE\n",
        "hook \"link\" (repository, required)  hookward.toml:18:1",
        "hook \"db\" (profile, required)  hookward.toml:25:1",
        "    read and write files [granted by `dirs`]\n",
        "    read environment variables [nothing behind it without `env`]\n",
        "    LAB/notes as /notes, read and write  hookward.toml:24:20\n",
        "    variable LANG  hookward.toml:33:19\n",
        "    its settings: journal, name\n",
        "  limits      timeout 30s, fuel 10000000000, memory 64.0 MiB\n",
        "  limits      timeout 5m, fuel 10000000000, memory 16.0 MiB\n",
        "  retry       3 attempts, exponential pauses from 5s\n",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    assert!(!anything_started(&lab));
}

#[test]
fn another_operation_has_other_hooks() {
    let lab = planned();
    let text = plain(&lab, &run(&lab, &[], &["explain", "p", "check"]).stdout);
    assert!(text.contains("  before      beat\n  -- gate --  RESTIC check\n"), "{text}");
    let dry = plain(&lab, &run(&lab, &[], &["explain", "p", "--dry-run"]).stdout);
    assert!(dry.contains("RESTIC backup --dry-run --json"), "{dry}");
    let none = lab_without_hooks();
    assert!(none.contains("order\n  -- gate --  RESTIC check\n"), "{none}");
}

fn lab_without_hooks() -> String {
    let lab = lab(&[]);
    plain(&lab, &run(&lab, &[], &["explain", "p", "check"]).stdout)
}

#[test]
fn the_plan_is_there_for_machines_too() {
    let lab = planned();
    let plan = json(&run(&lab, &[], &["explain", "p", "--json"]));
    assert_eq!(plan["order"]["before"], serde_json::json!(["beat", "link", "db"]), "{plan:#}");
    assert_eq!(plan["order"]["finally"], serde_json::json!(["db", "link"]), "{plan:#}");
    assert_eq!(plan["restic"]["command"][1], "backup");
    assert_eq!(plan["hooks"][2]["grants"]["env"][0]["at"], "hookward.toml:33:19", "{plan:#}");
    assert_eq!(plan["hooks"][2]["limits"]["memory"], 16 << 20);
    assert_eq!(plan["hooks"][1]["limits"]["timeout-ms"], 30_000);
    assert!(plan["hooks"][0]["digest"].as_str().unwrap().starts_with("sha256:"), "{plan:#}");
}

#[test]
fn no_password_is_ever_shown() {
    let lab = lab(&[hook("h", &["before"], "", "token = \"hunter2\"")]);
    let config = std::fs::read_to_string(lab.path("hookward.toml")).unwrap();
    let config = config.replace("url = \"/srv/repo\"", "url = \"rest:https://me:hunter2@host/repo?key=hunter2\"");
    let config = config.lines().map(|line| match line.starts_with("password-file") {
        true => "password-command = \"echo hunter2\"\n".to_owned(),
        false => format!("{line}\n"),
    });
    std::fs::write(lab.path("hookward.toml"), config.collect::<String>()).unwrap();
    for args in
        [&["explain", "p"] as &[&str], &["explain", "p", "--json"], &["run", "p"], &["run", "p", "--json", "-vv"]]
    {
        let finished = run(&lab, &[], args);
        let all = format!("{}{}", finished.stdout, finished.stderr);
        assert!(all.contains("rest:https://host/repo"), "{all}");
        // The hook itself fails on a setting that it doesn't know, without its value.
        assert!(!all.contains("hunter2"), "{args:?}: {all}");
    }
    assert!(!Path::new("hunter2").exists());
}

#[test]
fn a_hook_that_cannot_be_used_is_told_in_its_place() {
    let lab = lab(&[hook("odd", &["before"], "", "").replace("@probe@", "nowhere.wasm")]);
    let finished = run(&lab, &[], &["explain", "p"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.stdout.contains("  UNUSABLE    cannot read "), "{}", finished.stdout);
    let plan = json(&run(&lab, &[], &["explain", "p", "--json"]));
    assert_eq!(plan["hooks"][0]["failure"]["reason"], "unreadable", "{plan:#}");
}

#[test]
fn what_a_hook_keeps_and_where_it_connects_are_shown() {
    let hooks = "\
[[profile.p.hook]]
name = \"keeps\"
component = \"@state@\"
on = [\"before\"]
grants = { state = { max-bytes = \"64KiB\" } }
[[profile.p.hook]]
name = \"connects\"
component = \"@tcp@\"
on = [\"before\"]
grants = { tcp = [\"DB.internal:5432\", \"[::1]:5432\"] }
[[profile.p.hook]]
name = \"neither\"
component = \"@tcp@\"
on = [\"before\"]
";
    let lab = lab(&[hooks.to_owned()]);
    let text = run(&lab, &[], &["explain", "p"]).stdout;
    let parts: Vec<_> = text.split("\nhook ").collect();
    for (part, lines) in [
        (
            parts[1],
            &[
                "keep state from run to run [granted by `state`]",
                "state of its own, at most 64.0 KiB  hookward.toml:14:12",
            ][..],
        ),
        (
            parts[2],
            &[
                "open TCP connections [granted by `tcp`]",
                "TCP to db.internal:5432  hookward.toml:19:19",
                "TCP to [::1]:5432  hookward.toml:19:39",
            ],
        ),
        (parts[3], &["open TCP connections [nothing behind it without `tcp`]", "nothing of the host"]),
    ] {
        assert!(lines.iter().all(|line| part.contains(&format!("    {line}\n"))), "no {lines:#?} in\n{part}");
        assert_eq!(part.contains("nothing of the host"), lines.contains(&"nothing of the host"), "{part}");
    }
    let plan = json(&run(&lab, &[], &["--json", "explain", "p"]));
    let state = &plan["hooks"][0]["grants"]["state"];
    assert_eq!((state["max-bytes"].as_u64(), state["at"].as_str()), (Some(65536), Some("hookward.toml:14:12")));
    let tcp = &plan["hooks"][1]["grants"]["tcp"][1];
    assert_eq!((tcp["address"].as_str(), tcp["at"].as_str()), (Some("[::1]:5432"), Some("hookward.toml:19:39")));
    assert!(plan["hooks"][2]["grants"]["state"].is_null(), "{plan:#}");
}

#[test]
fn commands_are_shown_with_what_is_left_to_the_hook() {
    let lab = lab(&[]);
    let hook = "[[profile.p.hook]]\nname = \"stop\"\ncomponent = \"@command@\"\non = [\"before\"]\n\
                [profile.p.hook.grants.commands.unit]\nargv = [\"systemctl\", \"{verb}\", \"my app\"]\n\
                args = { verb = \"stop|start\" }\nuser = \"root\"\ntimeout = \"30s\"\n\
                env = { TOKEN = \"hush\" }\nhook-env = [\"ERROR\"]\nstdin = true\n";
    configure(&lab, hook);
    let finished = run(&lab, &[], &["explain", "p"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    for part in [
        "    run commands of the host [granted by `commands`]\n",
        "    command unit: systemctl {verb} 'my app', verb = /stop|start/, as root, within 30s, with TOKEN, \
         the hook may set ERROR, the hook may write to its stdin, output 1.0 MiB  hookward.toml:14:33\n",
        "1000 commands\n",
    ] {
        assert!(finished.stdout.contains(part), "no {part:?} in\n{}", finished.stdout);
    }
    assert!(!finished.stdout.contains("hush"), "{finished:?}");
    let report = json(&run(&lab, &[], &["--json", "explain", "p"]));
    let unit = &report["hooks"][0]["grants"]["commands"]["unit"];
    assert_eq!(unit["argv"][1], "{verb}", "{report:#}");
    assert_eq!((&unit["args"]["verb"], &unit["at"]), (&"stop|start".into(), &"hookward.toml:14:33".into()));
    assert_eq!(report["hooks"][0]["limits"]["commands"], 1000);
    // Without the grant the hook can't be used, and that is said.
    configure(&lab, hook.split("[profile.p.hook.grants").next().unwrap());
    let finished = run(&lab, &[], &["explain", "p"]);
    assert!(finished.stdout.contains("UNUSABLE"), "{finished:?}");
}
