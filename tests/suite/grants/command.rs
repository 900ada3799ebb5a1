//! `hookward:hook/command`: what a hook may choose about a command, and what it gets.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use hookward_engine::{Options, Reason};
use serde_json::{Value, json};

use crate::command_support::{Call, grant, load, script};
use crate::secrets_support::SecretFile;
use crate::supervisor::{alive, line};

/// A command that says which arguments it has got.
fn says(argument: &str, pattern: &str) -> Call {
    Call::granting(grant(&["printf", "%s|", "first", argument], &[("x", pattern)]))
}

fn x(value: &str) -> Value {
    json!({ "args": [["x", value]] })
}

#[tokio::test]
async fn nothing_is_run_without_a_grant() {
    let component = load(Options::default()).await;
    let failure = component.hook(Call::new().limits, Call::new().grants).unwrap_err();
    assert_eq!(failure.reason, Reason::ImportNotGranted);
    assert!(failure.message.contains("`commands`"), "{failure}");
    // Granted, by a host that can't.
    let granted = Call::granting(script("exit 0")).grants;
    let failure = component.hook(Call::new().limits, granted).unwrap_err();
    assert_eq!(failure.reason, Reason::Host);
    assert!(failure.message.contains("supervisor"), "{failure}");
}

#[tokio::test]
async fn a_command_gets_its_arguments_and_the_hook_its_output() {
    let told = says("--file=/dumps/{x}.sql", "[a-z]+").runs(x("orders")).told_once().await;
    assert_eq!(
        told,
        json!({
            "code": 0, "stdout": "first|--file=/dumps/orders.sql|", "stdout-truncated": false,
            "stderr": "", "stderr-truncated": false,
        })
    );
    // No shell is there to read it, braces are braces, and a place may be empty.
    let told = says("{{{x}}}", ".*").runs(x("$HOME; `id` 'x' *")).runs(x("")).told().await;
    assert_eq!([&told[0]["stdout"], &told[1]["stdout"]], ["first|{$HOME; `id` 'x' *}|", "first|{}|"]);
    let told = Call::granting(script("kill -9 $$")).runs(json!({})).told_once().await;
    assert_eq!((&told["signal"], &told["code"]), (&json!(9), &Value::Null));
    let told = Call::granting(script("echo no >&2; exit 3")).runs(json!({})).told_once().await;
    assert_eq!((&told["code"], &told["stderr"]), (&json!(3), &json!("no\n")));
}

#[tokio::test]
async fn another_command_is_unknown() {
    let told = Call::granting(script("exit 0")).runs(json!({ "command": "sh" })).told_once().await;
    assert_eq!(told, json!({ "unknown": "no command `sh` is granted to this hook" }));
    let told =
        Call::granting(script("exit 0")).runs(json!({ "command": "\u{1b}[31m\n".repeat(1000) })).told_once().await;
    let message = told["unknown"].as_str().unwrap();
    assert!(message.len() < 300 && !message.contains(char::is_control), "{message:?}");
}

#[tokio::test]
async fn a_value_must_match_as_a_whole() {
    for value in ["stopx", "xstart", "", "stop|start", "start ", "STOP"] {
        let message = says("{x}", "stop|start").runs(x(value)).refused().await;
        assert_eq!(message, "command `c`: the value of `x` does not match its pattern `stop|start`");
    }
    for value in ["stop", "start"] {
        assert_eq!(says("{x}", "stop|start").runs(x(value)).told_once().await["code"], 0);
    }
    // What looks like anchors of its own changes nothing.
    says("{x}", "(?m)^a$").runs(x("b")).refused().await;
}

#[tokio::test]
async fn control_characters_are_refused_whatever_the_pattern() {
    for value in ["a\nb", "a\0b", "\t", "\r", "\u{1b}[31m", "\u{7f}", "\u{9b}"] {
        let message = says("{x}", "(?s).*").runs(x(value)).refused().await;
        assert_eq!(message, "command `c`: the value of `x` has a control character");
    }
}

#[tokio::test]
async fn a_value_cannot_become_an_option() {
    for (argument, value) in [("{x}", "-rf"), ("{x}", "-"), ("{x}", "--help"), ("-{x}", "-help"), ("{x}.sql", "-x")] {
        let message = says(argument, ".*").runs(x(value)).refused().await;
        assert!(message.contains("begins with `-`") && message.contains(argument), "{message}");
    }
    let two = || Call::granting(grant(&["echo", "{a}{b}"], &[("a", ".*"), ("b", ".*")]));
    two().runs(json!({ "args": [["a", ""], ["b", "-n"]] })).refused().await;
    // Behind something else it is none, and an option may be the operator's.
    assert_eq!(says("a{x}", ".*").runs(x("-b")).told_once().await["stdout"], "first|a-b|");
    assert_eq!(says("-{x}", "[a-z]").runs(x("v")).told_once().await["stdout"], "first|-v|");
}

#[tokio::test]
async fn each_place_is_given_once() {
    let two = || Call::granting(grant(&["echo", "{a}", "{b}{a}"], &[("a", ".*"), ("b", ".*")]));
    for (args, message) in [
        (json!([["a", "1"]]), "the place `b` is not given"),
        (json!([]), "the place `a` is not given"),
        (json!([["a", "1"], ["b", "2"], ["a", "3"]]), "the place `a` is given twice"),
        (json!([["a", "1"], ["b", "2"], ["c", "3"]]), "it has no place `c`"),
        (json!([["a", "1"], ["b", "2"], ["", ""]]), "it has no place ``"),
    ] {
        assert_eq!(two().runs(json!({ "args": args })).refused().await, format!("command `c`: {message}"));
    }
    assert_eq!(two().runs(json!({ "args": [["b", "2"], ["a", "1"]] })).told_once().await["stdout"], "1 21\n");
}

#[tokio::test]
async fn the_environment_is_what_is_documented() {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap();
    let mut env = grant(&["env"], &[]);
    env.set_env("PGHOST", "/run/postgresql").unwrap();
    env.set_env("LEVEL", "fixed").unwrap();
    env.allow_env("LEVEL").unwrap();
    env.allow_env("ERROR").unwrap();
    let call = Call::granting(env).runs(json!({})).runs(json!({ "env": [["ERROR", "two\nlines"], ["LEVEL", "own"]] }));
    let told = call.told().await;
    let base = |level: &str| {
        vec![
            format!("HOME={}", user.dir.display()),
            "LANG=C.UTF-8".to_owned(),
            format!("LEVEL={level}"),
            format!("LOGNAME={}", user.name),
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            "PGHOST=/run/postgresql".to_owned(),
            format!("SHELL={}", user.shell.display()),
            format!("USER={}", user.name),
        ]
    };
    let lines = |told: &Value| {
        let mut lines: Vec<_> = told["stdout"].as_str().unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&told[0]), base("fixed"));
    let mut with = base("own");
    with.extend(["ERROR=two".to_owned(), "lines".to_owned()]);
    with.sort();
    assert_eq!(lines(&told[1]), with);
}

#[tokio::test]
async fn variables_that_are_not_left_to_the_hook_are_refused() {
    let mut env = grant(&["env"], &[]);
    env.set_env("PGHOST", "here").unwrap();
    env.allow_env("ERROR").unwrap();
    for (given, message) in [
        (json!([["PGHOST", "there"]]), "the variable `PGHOST` is not in `hook-env` of its grant"),
        (json!([["PATH", "/tmp"]]), "the variable `PATH` is not in `hook-env` of its grant"),
        (json!([["LD_PRELOAD", "/tmp/x.so"]]), "the variable `LD_PRELOAD` is not in `hook-env` of its grant"),
        (json!([["ERROR=x", "y"]]), "the variable `ERROR=x` is not in `hook-env` of its grant"),
        (json!([["ERROR", "a\0b"]]), "the value of the variable `ERROR` contains the character U+0000"),
        (json!([["ERROR", "a"], ["ERROR", "b"]]), "the variable `ERROR` is given twice"),
    ] {
        let refused = Call::granting(env.clone()).runs(json!({ "env": given })).refused().await;
        assert_eq!(refused, format!("command `c`: {message}"));
    }
}

#[tokio::test]
async fn stdin_is_only_where_it_is_granted() {
    let given = || json!({ "stdin": "a text" });
    let refused = Call::granting(grant(&["cat"], &[])).runs(given()).refused().await;
    assert_eq!(refused, "command `c`: its grant has no `stdin = true`");
    Call::granting(grant(&["cat"], &[])).runs(json!({ "stdin": "" })).refused().await;
    let mut cat = grant(&["cat"], &[]);
    cat.stdin = true;
    assert_eq!(Call::granting(cat.clone()).runs(given()).told_once().await["stdout"], "a text");
    assert_eq!(Call::granting(cat).runs(json!({})).told_once().await["stdout"], "");
}

#[tokio::test]
async fn output_is_cut_and_flagged() {
    let mut flood = script("head -c 20000000 /dev/zero & head -c 20000000 /dev/zero >&2; wait");
    flood.output = 5000;
    let told = Call::granting(flood).runs(json!({ "brief": true })).told_once().await;
    assert_eq!(
        told,
        json!({ "code": 0, "stdout": 5000, "stdout-truncated": true, "stderr": 5000, "stderr-truncated": true })
    );
}

#[tokio::test]
async fn what_cannot_be_started_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    fs::write(&plain, "no program").unwrap();
    let plain = plain.to_str().unwrap();
    for (program, word) in
        [("/nowhere/program", "/nowhere/program"), (plain, "denied"), ("no-such-program", "no program")]
    {
        let told = Call::granting(grant(&[program], &[])).runs(json!({})).told_once().await;
        let message = told["not-started"].as_str().unwrap_or_else(|| panic!("{told}"));
        assert!(message.starts_with("command `c`: ") && message.contains(word), "{message}");
    }
    let told = says("{x}", ".*").runs(x(&"x".repeat(3 << 20))).told_once().await;
    assert!(told["not-started"].as_str().unwrap().contains("too long"), "{told}");
    let mut nowhere = grant(&["true"], &[]);
    nowhere.cwd = "/nowhere".to_owned();
    let told = Call::granting(nowhere).runs(json!({})).told_once().await;
    assert!(told["not-started"].as_str().unwrap().contains("cannot enter /nowhere"), "{told}");
    let mut nobody = grant(&["true"], &[]);
    nobody.user = Some("no-such-user".to_owned());
    let told = Call::granting(nobody).runs(json!({})).told_once().await;
    assert!(told["not-started"].as_str().unwrap().contains("no user `no-such-user`"), "{told}");
}

#[tokio::test]
async fn a_command_runs_in_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    assert_eq!(Call::granting(script("pwd")).runs(json!({})).told_once().await["stdout"], "/\n");
    let mut there = script("pwd");
    there.cwd = dir.to_str().unwrap().to_owned();
    assert_eq!(Call::granting(there).runs(json!({})).told_once().await["stdout"], format!("{}\n", dir.display()));
}

#[tokio::test]
async fn a_command_runs_as_its_user() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("not tested: only root can change the user");
        let mut other = grant(&["true"], &[]);
        other.user = Some("root".to_owned());
        let told = Call::granting(other).runs(json!({})).told_once().await;
        assert!(told["not-started"].as_str().unwrap().contains("only root"), "{told}");
        return;
    }
    let nobody = nix::unistd::User::from_name("nobody").unwrap().expect("every system has it");
    let mut grant = script("id -u; id -G; id -un; echo $HOME $USER $PWD; sleep 1000 & exit 4");
    grant.user = Some("nobody".to_owned());
    grant.cwd = "/usr".to_owned();
    let told = Call::granting(grant).runs(json!({})).told_once().await;
    assert_eq!(told["code"], 4, "{told}");
    let said: Vec<_> = told["stdout"].as_str().unwrap().lines().collect();
    assert_eq!(
        said,
        [
            nobody.uid.to_string(),
            nobody.gid.to_string(),
            "nobody".to_owned(),
            format!("{} nobody /usr", nobody.dir.display()),
        ]
    );
    // It is the user who can't.
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let program = dir.path().join("program");
    fs::copy("/bin/true", &program).unwrap();
    let mut hidden = crate::command_support::grant(&[program.to_str().unwrap()], &[]);
    assert_eq!(Call::granting(hidden.clone()).runs(json!({})).told_once().await["code"], 0);
    hidden.user = Some("nobody".to_owned());
    let told = Call::granting(hidden.clone()).runs(json!({})).told_once().await;
    assert!(told["not-started"].as_str().unwrap().contains("denied"), "{told}");
    hidden.cwd = dir.path().to_str().unwrap().to_owned();
    let told = Call::granting(hidden).runs(json!({})).told_once().await;
    assert!(told["not-started"].as_str().unwrap().contains("cannot enter"), "{told}");
}

#[tokio::test]
async fn the_grants_timeout_ends_the_command_not_the_hook() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let mut slow =
        script(&format!("setsid sh -c 'trap \"\" TERM; echo $$ >{}; while :; do sleep 1; done'", pid.display()));
    slow.timeout = Some(Duration::from_millis(700));
    let call = Call::granting(slow).and("after", script("echo still here")).runs(json!({}));
    let told = call.runs(json!({ "command": "after" })).told().await;
    assert_eq!(told[0], json!({ "timed-out": "command `c`: was still running after 700ms and was killed" }));
    assert_eq!(told[1]["stdout"], "still here\n");
    assert!(!alive(&line(&pid).await));
}

/// What a hook leaves behind is gone when its call returns, whatever ends it.
#[tokio::test]
async fn nothing_runs_on_when_the_call_has_ended() {
    for cancelled in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let deaf = script(&format!(
            "setsid sh -c 'trap \"\" TERM; echo $$ >{}; while :; do sleep 1; done' & sleep 1000",
            pid.display()
        ));
        let mut call = Call::granting(deaf).runs(json!({}));
        if !cancelled {
            call.limits.timeout = Duration::from_secs(2);
        }
        let cancel = call.cancel.clone();
        let begun = Instant::now();
        let (called, pid) = tokio::join!(call.call(), async {
            let pid = line(&pid).await;
            assert!(alive(&pid));
            if cancelled {
                cancel.cancel();
            }
            pid
        });
        assert!(!alive(&pid));
        called.failed(if cancelled { Reason::Cancelled } else { Reason::Timeout });
        // The grace for who ignores a polite word counts, too.
        assert!(called.report.wall > Duration::from_secs(2) && begun.elapsed() < Duration::from_secs(10), "{called:?}");
    }
}

#[tokio::test]
async fn a_hook_may_ask_for_so_many_commands() {
    let mut call = Call::granting(grant(&["true"], &[]))
        .runs(json!({ "times": 3 }))
        .runs(json!({ "command": "other", "times": 5 }));
    call.limits.commands = 4;
    let called = call.call().await;
    assert_eq!(called.failed(Reason::Commands).message, "asked for more than 4 commands (limit `commands`)");
    assert_eq!(called.told().len(), 4);
}

/// A supervisor that is killed has nothing to tell, and the hook can't go on as if it
/// had.
#[tokio::test]
async fn a_lost_supervisor_ends_the_hook() {
    let called = Call::granting(script("kill -9 $PPID; sleep 0.3")).runs(json!({})).call().await;
    let failure = called.failed(Reason::Host);
    assert!(failure.message.starts_with("command `c`: its supervisor ended before"), "{failure}");
}

/// Nothing of the host's environment is there for a command to find in its parent.
#[tokio::test]
async fn the_supervisor_has_no_environment() {
    let told = Call::granting(script("cat /proc/$PPID/environ")).runs(json!({})).told_once().await;
    assert_eq!((&told["code"], &told["stdout"]), (&json!(0), &json!("")), "{told}");
}

/// The kernel's own marks of a process that stands apart.
#[tokio::test]
async fn a_command_dumps_no_core_and_has_its_own_group() {
    let told =
        Call::granting(script("ulimit -c; ps -o pgid= -p $$ | tr -d ' '; echo $$")).runs(json!({})).told_once().await;
    let said: Vec<_> = told["stdout"].as_str().unwrap().lines().collect();
    assert_eq!(said[0], "0");
    assert_eq!(said[1], said[2]);
}

#[tokio::test]
async fn a_secret_in_a_variable_is_the_commands_alone() {
    let file = SecretFile::new("correct horse battery\n", 0o600);
    let mut grant = script("printf %s \"$TOKEN\" | wc -c; echo \"$TOKEN\" >&2");
    grant.set_secret_env("TOKEN", file.source()).unwrap();
    let called = Call::granting(grant).runs(json!({})).call().await;
    assert_eq!(called.report.result, Ok(()));
    let told = called.told().remove(0);
    assert_eq!(told["stdout"], "21\n", "{told}");
    // The hook could see it only in what the command prints; the log doesn't show it.
    assert_eq!(told["stderr"], "***\n", "{told}");
}

#[tokio::test]
async fn a_command_whose_secret_cannot_be_read_is_not_started() {
    let file = SecretFile::new("correct horse battery\n", 0o644);
    let ran = tempfile::tempdir().unwrap();
    let mark = ran.path().join("ran");
    let mut grant = script(&format!("touch {}", mark.display()));
    grant.set_secret_env("TOKEN", file.source()).unwrap();
    let told = Call::granting(grant).runs(json!({})).told_once().await;
    let why = told["not-started"].as_str().unwrap_or_else(|| panic!("{told}"));
    assert!(why.contains("`TOKEN`") && why.contains("chmod 600"), "{why}");
    assert!(!mark.exists());
}
