//! What a hook asks the host for by its language's helpers: secrets, state, commands, and
//! changes of the backup. Each is asked for in a whole run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hookward_tests::lab::{Lab, stand_in};
use serde_json::{Value, json};

use crate::Case;
use crate::subject::Subject;

const SECRET: &str = "open sesame";

/// A lab whose required hook is granted a secret, state, three commands and parts of the
/// plan, and a restic that notes how it was started.
fn lab() -> Lab {
    let lab = Lab::new();
    fs::write(lab.path("token"), format!("{SECRET}\n")).unwrap();
    fs::set_permissions(lab.path("token"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(lab.path("more")).unwrap();
    lab
}

/// Runs a backup before which the hook asks for this; the run's report.
fn ask(subject: &Subject, lab: &Lab, ask: &str, name: &str, value: &str) -> Value {
    let command = |name: &str, script: &str| {
        format!(
            "[profile.p.hook.grants.commands.{name}]\nargv = [\"/bin/sh\", \"-c\", '{script}', \"{{what}}\"]\n\
             args = {{ what = \"[a-z]*\" }}\nhook-env = [\"GREETING\"]\nstdin = true\n"
        )
    };
    lab.configure(&format!(
        "version = 1\n[restic]\nbinary = \"{}\"\n[repository.r]\nurl = \"/srv/repo\"\npassword-file = \"@lab@/password\"\n\
         [profile.p]\nrepository = \"r\"\nsources = [\"@lab@/source\"]\n\
         [[profile.p.hook]]\nname = \"services\"\ncomponent = \"{}\"\non = [\"before\"]\n\
         config = {{ ask = \"{ask}\", name = \"{name}\", value = \"{value}\" }}\n\
         [profile.p.hook.grants]\nplan = [\"tags\", \"excludes\", \"env:RESTIC_COMPRESSION\"{}]\n\
         state = {{ max-bytes = \"1KiB\" }}\nsecrets = {{ token = {{ file = \"@lab@/token\" }} }}\n{}{}{}",
        stand_in().display(),
        fs::canonicalize(&subject.services).unwrap().display(),
        if ask == "plan" { ", \"sources\"" } else { "" },
        command("tell", r#"echo "$(cat), $GREETING and $0"; echo"#),
        command("fail", "cat > /dev/null; for word in one two three four; do echo \"$word \" >&2; echo >&2; done; exit 3"),
        command("die", "kill -9 $$"),
    ));
    let words = ["stderr=the backup is made", "env=RESTIC_COMPRESSION"].join("\u{1f}");
    let mut command = lab.hookward(["run", "p", "--json"]);
    let output = command.env("STAND_IN", words).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    report["runs"][0].clone()
}

/// What the hook logged: message and fields.
fn said(run: &Value) -> (&Value, &Value) {
    assert_eq!((&run["hooks"][0]["failure"], &run["status"]), (&Value::Null, &"success".into()), "{run:#}");
    (&run["hooks"][0]["log"][0]["message"], &run["hooks"][0]["log"][0]["fields"])
}

/// The hook's own error, which has kept the gate shut.
#[track_caller]
fn refused(lab: &Lab, run: &Value, says: &str) {
    let failure = &run["hooks"][0]["failure"];
    assert_eq!((&failure["reason"], &failure["message"]), (&"error".into(), &says.into()), "{run:#}");
    assert_eq!((run["restic"].is_null(), lab.lines("notes/restic").len()), (true, 0), "{run:#}");
}

fn refusal(name: &str, asked: [&'static str; 3], says: &'static str) -> Case {
    Case::new(format!("services: {name}"), move |subject| {
        let lab = lab();
        let [what, name, value] = asked;
        refused(&lab, &ask(subject, &lab, what, name, value), says);
    })
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("services: a secret", |subject| {
            let run = ask(subject, &lab(), "secret", "token", "");
            assert_eq!(said(&run), (&"read".into(), &json!([["length", SECRET.len().to_string()]])));
            assert!(!run.to_string().contains(SECRET), "{run:#}");
        }),
        refusal("a secret that isn't granted", ["secret", "other", ""], "no secret `other` is granted to this hook"),
        Case::new("services: state is kept from run to run", |subject| {
            let lab = lab();
            for (runs, name, last) in [("1", "größe", "nobody"), ("2", "x", "größe"), ("3", "y", "x")] {
                let run = ask(subject, &lab, "state", name, "");
                let fields = json!([["runs", runs], ["last", last], ["keys", "last runs"], ["gone", "true"]]);
                assert_eq!(said(&run), (&"kept".into(), &fields));
            }
        }),
        refusal("state without a key", ["no-key", "", ""], "state: the key is empty"),
        Case::new("services: a command", |subject| {
            let run = ask(subject, &lab(), "command", "tell", "you");
            assert_eq!(said(&run), (&"ran".into(), &json!([["said", "from stdin, hello and you"]])));
        }),
        refusal(
            "a command that isn't granted",
            ["command", "other", "you"],
            "no command `other` is granted to this hook",
        ),
        refusal(
            "a place that isn't filled as it should be",
            ["any-end", "tell", "YOU"],
            "command `tell`: the value of `what` does not match its pattern `[a-z]*`",
        ),
        refusal(
            "a command that fails",
            ["command", "fail", "you"],
            "command `fail` ended with exit code 3: two / three / four",
        ),
        refusal("a command that is killed", ["command", "die", "you"], "command `die` was killed by signal 9"),
        Case::new("services: a command may end as it likes", |subject| {
            let run = ask(subject, &lab(), "any-end", "die", "");
            assert_eq!(said(&run), (&"ended".into(), &json!([["success", "false"], ["said", ""]])));
        }),
        Case::new("services: changes of the backup", |subject| {
            let lab = lab();
            let run = ask(subject, &lab, "plan", "", lab.path("more").to_str().unwrap());
            assert_eq!(run["status"], "success", "{run:#}");
            let [started, variable, ..] = &lab.lines("notes/restic")[..] else { panic!("{run:#}") };
            for part in [" --tag=frozen --tag=größe --exclude=*.tmp ", "/source ", "/more "] {
                assert!(started.contains(part), "no {part:?} in {started}");
            }
            assert_eq!(variable, "env RESTIC_COMPRESSION=max");
        }),
        refusal(
            "a part of the plan that isn't granted",
            ["sources", "", "/srv"],
            "this hook may not change the `sources` of the plan: grant it in `grants.plan`",
        ),
    ]
}
