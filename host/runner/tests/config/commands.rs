//! `grants.commands`: what it means, and what is said of a wrong one.

use std::time::Duration;

use hookward_runner::config::grants_from_text;

use crate::{Files, v1};

/// A file whose hook has the command `app`; these lines of it begin with the seventh.
fn command(lines: &str) -> Files {
    v1(&format!(
        "[[hook]]\nname = \"h\"\ncomponent = \"h.wasm\"\non = [\"before\"]\n[hook.grants.commands.app]\n{lines}"
    ))
}

/// The single error of a file.
#[track_caller]
fn check(lines: &str, expected: &str) {
    assert_eq!(command(lines).errors(), [format!("hookward.toml:{expected}")]);
}

#[test]
fn every_key_has_its_meaning() {
    let files = command(
        r#"argv = ["systemctl", "{verb}", "--root={{x}}", "app.service"]
           args = { verb = "is-active|stop|start" }
           timeout = "30s"
           user = "postgres"
           cwd = "/var"
           env = { PGHOST = "/run/postgresql" }
           hook-env = ["ERROR", "ERROR_MESSAGE"]
           stdin = true
           output = "2MiB""#,
    );
    let config = files.load().unwrap();
    let grant = &config.hooks[0].grants.commands["app"];
    assert_eq!(grant.location.line, 6);
    assert_eq!(grant.argv().collect::<Vec<_>>(), ["systemctl", "{verb}", "--root={{x}}", "app.service"]);
    assert_eq!(grant.patterns().collect::<Vec<_>>(), [("verb", "is-active|stop|start")]);
    assert_eq!((grant.timeout, grant.user.as_deref()), (Some(Duration::from_secs(30)), Some("postgres")));
    assert_eq!((grant.cwd.as_str(), grant.stdin, grant.output), ("/var", true, 2 << 20));
    assert_eq!(grant.env().collect::<Vec<_>>(), ["PGHOST"]);
    assert_eq!(grant.hook_env().collect::<Vec<_>>(), ["ERROR", "ERROR_MESSAGE"]);
}

#[test]
fn defaults_give_the_least() {
    let config = command("argv = [\"/usr/bin/true\"]").load().unwrap();
    let grant = &config.hooks[0].grants.commands["app"];
    assert_eq!((grant.timeout, grant.user.as_deref(), grant.cwd.as_str()), (None, None, "/"));
    assert_eq!((grant.stdin, grant.output), (false, 1 << 20));
    assert_eq!(grant.patterns().count() + grant.env().count() + grant.hook_env().count(), 0);
}

#[test]
fn programs() {
    let help = "write an absolute path, or the name of a program in \
                /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    check("argv = [\"./run\"]", &format!("7:9 `./run` is no program: it is a relative path | {help}"));
    check("argv = [\"bin/run\", \"x\"]", &format!("7:9 `bin/run` is no program: it is a relative path | {help}"));
    check("argv = [\"\"]", &format!("7:9 `` is no program: it is empty | {help}"));
    check("argv = [\"..\"]", &format!("7:9 `..` is no program: it is a directory | {help}"));
    check("argv = [\"{x}\"]", &format!("7:9 `{{x}}` is no program: an open place can't stand in it | {help}"));
    check(
        "argv = []",
        "7:8 the command has no program: `argv` is empty \
         | write the program and its arguments, such as `[\"systemctl\", \"stop\", \"app\"]`",
    );
    check("stdin = true", "6:1 `argv` is missing | add `argv = [\"systemctl\", \"stop\", \"app.service\"]`");
}

#[test]
fn places_and_patterns() {
    let braces = "write `{name}` for an open place, `{{` and `}}` for braces";
    for open in ["{x", "x}", "a{", "}", "{{x}"] {
        let expected = format!("7:15 a brace is not closed, or not opened | {braces}");
        check(&format!("argv = [\"ls\", \"{open}\"]"), &expected);
    }
    check("argv = [\"ls\", \"{}\"]", &format!("7:15 `{{}}` is no open place | {braces}"));
    check("argv = [\"ls\", \"{a b}\"]", &format!("7:15 `{{a b}}` is no open place | {braces}"));
    check(
        "argv = [\"ls\", \"-l\", \"{dir}\"]",
        "7:21 the place `{dir}` has no pattern \
         | add what may stand there, such as `args = { dir = \"[a-z0-9-]+\" }`",
    );
    check(
        "argv = [\"ls\", \"{{dir}}\"]\nargs = { dir = \"x\" }",
        "8:10 no argument has a place `{dir}` | remove the pattern, or write the place into an argument",
    );
    for pattern in ["(", "a)|(?:b", "(?x)a # b"] {
        let errors = command(&format!("argv = [\"ls\", \"{{d}}\"]\nargs = {{ d = \"{pattern}\" }}")).errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(
            errors[0].starts_with("hookward.toml:8:14 the pattern of `d` is no regular expression: "),
            "{pattern}: {errors:?}"
        );
    }
}

#[test]
fn variables() {
    let fixed = "remove it; `env` can give it a fixed value";
    for name in ["PATH", "LD_PRELOAD", "DYLD_X", "BASH_ENV", "ENV", "IFS", "PYTHONPATH", "PERL5LIB", "HOME", "GIT_SSH"]
    {
        check(
            &format!("argv = [\"ls\"]\nhook-env = [\"{name}\"]"),
            &format!("8:13 no hook may set `{name}`, which decides what a program loads, runs or reads | {fixed}"),
        );
    }
    for name in ["", "A=B", "1A", "A B", "Ä"] {
        let expected = format!("`{name}` is not the name of a variable");
        let alone = "write the name alone: its value is the hook's to give";
        check(&format!("argv = [\"ls\"]\nhook-env = [\"{name}\"]"), &format!("8:13 {expected} | {alone}"));
        let text = "write the name of a variable, and a text or a secret as its value";
        check(&format!("argv = [\"ls\"]\nenv = {{ \"{name}\" = \"x\" }}"), &format!("8:9 {expected} | {text}"));
    }
    // The operator may.
    command("argv = [\"ls\"]\nenv = { LD_PRELOAD = \"/x.so\", PATH = \"/opt\" }").load().unwrap();
}

#[test]
fn the_rest() {
    check("argv = [\"ls\"]\ncwd = \"srv\"", "8:7 `srv` is a relative path | write the whole path, from `/` on");
    check("argv = [\"ls\"]\nuser = \"\"", "8:8 `user` is empty | give it a value, or remove it");
    check(
        "argv = [\"ls\"]\ntimeout = \"0s\"",
        "8:11 `timeout` is zero | a hook with none could never succeed; remove the key for the default",
    );
    check(
        "argv = [\"ls\"]\nshell = true",
        "8:1 unknown key `shell` | known keys: `argv`, `args`, `timeout`, `user`, `cwd`, `env`, `hook-env`, `stdin`, `output`",
    );
    let named = v1(
        "[[hook]]\nname = \"h\"\ncomponent = \"h.wasm\"\non = [\"before\"]\n[hook.grants.commands.\"a b\"]\nargv = [\"ls\"]",
    );
    assert!(named.errors()[0].starts_with("hookward.toml:6:23 `a b` is no name for a command"), "{:?}", named.errors());
}

/// One wrong thing hides no other.
#[test]
fn all_errors_are_told() {
    let files = command("argv = [\"./ls\", \"{a}\", \"{\"]\nhook-env = [\"PATH\"]\ncwd = \"x\"");
    assert_eq!(files.errors().len(), 5, "{:?}", files.errors());
}

#[test]
fn grants_may_stand_alone() {
    let dir = tempfile::tempdir().unwrap();
    let text = "dirs = [{ host = \"x\" }]\ncommands.app.argv = [\"ls\"]";
    let granted = grants_from_text("some.toml".as_ref(), text, dir.path()).unwrap();
    assert_eq!(granted.dirs[0].host, dir.path().join("x"));
    assert_eq!(granted.commands["app"].location.to_string(), "some.toml:2:10");
    let error =
        grants_from_text("some.toml".as_ref(), "env = [\"A=B\"]\ncommands.app.argv = []", dir.path()).unwrap_err();
    let places: Vec<_> = error.diagnostics().iter().map(|error| error.location().unwrap().to_string()).collect();
    assert_eq!(places, ["some.toml:1:8", "some.toml:2:21"]);
}

#[test]
fn a_variable_is_a_text_or_a_secret() {
    let argv = "argv = [\"pg_dump\"]";
    let files = command(&format!("{argv}\nenv = {{ PGHOST = \"/run\", PGPASSWORD = {{ file = \"/etc/pg\" }} }}"));
    let config = files.load().unwrap();
    let app = &config.hooks[0].grants.commands["app"].value;
    assert_eq!(app.env().collect::<Vec<_>>(), ["PGHOST", "PGPASSWORD"]);
    check(
        &format!("{argv}\nenv = {{ A = {{ file = \"/a\", env = \"B\" }} }}"),
        "8:34 the secret `A` has two sources | keep one of `file`, `env`, `command` and `credential`",
    );
    let wrong = command(&format!("{argv}\nenv = {{ A = 5 }}")).errors();
    assert!(wrong[0].starts_with("hookward.toml:8:13 ") && wrong[0].contains("a text, or the source"), "{wrong:?}");
}

#[test]
fn a_grant_may_be_empty() {
    let files = v1("[[hook]]\nname = \"h\"\ncomponent = \"h.wasm\"\non = [\"before\"]\n[hook.grants]\n\
                    commands = {}\nhttp = []\nsecrets = {}\nplan = []");
    let config = files.load().unwrap();
    let grants = &config.hooks[0].grants;
    assert_eq!(grants.empty.iter().collect::<Vec<_>>(), ["commands", "http", "plan", "secrets"]);
    assert!(["commands", "http", "plan", "secrets"].iter().all(|grant| !grants.has(grant)));
}
