//! What `explain`, `validate` and `hook inspect` tell of secrets.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hookward_tests::guest;
use hookward_tests::lab::Lab;

use crate::support::{command, json, lab, run};

fn secretive(secrets: &str) -> Lab {
    let lab = lab(&[format!(
        "[[profile.p.hook]]\nname = \"h\"\ncomponent = \"@secrets@\"\non = [\"before\"]\n\
         config = {{ name = \"token\" }}\n{secrets}\n"
    )]);
    fs::write(lab.path("token"), "hunter2-hunter2").unwrap();
    fs::set_permissions(lab.path("token"), fs::Permissions::from_mode(0o600)).unwrap();
    lab
}

const GRANT: &str = r#"[profile.p.hook.grants.secrets]
token = { file = "token" }
"by.env" = { env = "TOKEN" }
printed = { command = ["printf", "hunter2-hunter2"] }
unit = { credential = "unit" }
"#;

#[test]
fn explain_names_the_source_and_never_the_value() {
    let lab = secretive(GRANT);
    let explained = |args: &[&str]| command(&lab, &[], args).env("TOKEN", "hunter2-hunter2").output().unwrap().into();
    let finished: hookward_tests::lab::Finished = explained(&["explain", "p"]);
    let at = |line| format!("hookward.toml:{line}:");
    for (secret, line) in [
        (format!("    secret token from the file {}  ", lab.path("token").display()), 16),
        ("    secret by.env from the variable TOKEN  ".to_owned(), 17),
        ("    secret printed from the command printf  ".to_owned(), 18),
        ("    secret unit from the credential unit  ".to_owned(), 19),
    ] {
        let shown = finished.stdout.lines().find(|line| line.starts_with(&secret));
        assert!(shown.is_some_and(|shown| shown.contains(&at(line))), "{secret} {line}: {finished:?}");
    }
    assert!(finished.stdout.contains("    read secrets [granted by `secrets`]\n"), "{}", finished.stdout);
    assert!(!finished.stdout.contains("nothing of the host"), "{}", finished.stdout);
    let machine: hookward_tests::lab::Finished = explained(&["explain", "p", "--json"]);
    let plan = json(&machine);
    let secrets = &plan["hooks"][0]["grants"]["secrets"];
    let env = &secrets["by.env"];
    assert_eq!((&env["kind"], &env["from"]), (&"env".into(), &"the variable TOKEN".into()), "{plan:#}");
    assert!(secrets["unit"]["at"].as_str().unwrap().contains(":19:"), "{plan:#}");
    for text in [&finished.stdout, &finished.stderr, &machine.stdout, &machine.stderr] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn validate_warns_of_a_secret_that_cannot_be_read() {
    let lab = secretive(GRANT);
    let finished: hookward_tests::lab::Finished =
        command(&lab, &[], &["validate"]).env("TOKEN", "hunter2-hunter2").output().unwrap().into();
    assert_eq!(finished.code, 0, "{finished:?}");
    // Under systemd it would be there.
    assert!(
        finished.stderr.contains("the secret `unit` can't be read now: there is no credential unit"),
        "{finished:?}"
    );
    assert_eq!(finished.stderr.matches("warning").count(), 1, "{finished:?}");

    fs::set_permissions(lab.path("token"), fs::Permissions::from_mode(0o644)).unwrap();
    let finished = run(&lab, &[], &["validate"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    for part in [
        "hook \"h\": the secret `token` can't be read now: the file ",
        "may be read by others (mode 0644): run `chmod 600 ",
        "hookward.toml:16:",
        "the secret `by.env` can't be read now: the variable TOKEN is not set",
    ] {
        assert!(finished.stderr.contains(part), "{part}: {finished:?}");
    }
    fs::remove_file(lab.path("token")).unwrap();
    let report = json(&run(&lab, &[], &["validate", "--json"]));
    assert!(report["warnings"].to_string().contains("No such file or directory"), "{report:#}");
}

#[test]
fn without_the_grant_nothing_starts() {
    let lab = secretive("");
    let finished = run(&lab, &[], &["run", "p"]);
    assert!(finished.stderr.contains("needs the grant `secrets` [import-not-granted]"), "{finished:?}");
    assert!(!crate::support::anything_started(&lab));
    let finished = run(&lab, &[], &["hook", "inspect", guest("secrets").to_str().unwrap()]);
    assert!(finished.stdout.contains("read secrets (refused without the grant `secrets`)"), "{finished:?}");
}
