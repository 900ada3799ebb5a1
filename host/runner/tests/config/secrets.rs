//! `grants.secrets`: where a secret comes from, and what can't be said of it.

use hookward_engine::SecretSource;

use crate::v1;

const HOOK: &str = "[[hook]]\nname = \"h\"\ncomponent = \"h.wasm\"\non = [\"before\"]\n";

/// The errors of a hook with this grant; it begins at the column 11 of line 7.
fn errors(secrets: &str) -> Vec<String> {
    v1(&format!("{HOOK}[hook.grants]\nsecrets = {secrets}\n")).errors()
}

#[test]
fn each_source_has_its_meaning() {
    let files = v1(&format!(
        "{HOOK}[hook.grants.secrets]\n\
         relative = {{ file = \"tokens/a\" }}\n\
         expanded = {{ file = \"${{PLACE}}/b\" }}\n\
         home = {{ file = \"~/c\" }}\n\
         env = {{ env = \"TOKEN\" }}\n\
         pass = {{ command = [\"pass\", \"show\", \"${{PLACE}}\", \"\"] }}\n\
         systemd = {{ credential = \"token\" }}\n"
    ));
    let config = files.load().unwrap();
    let granted = &config.hooks[0].grants.secrets;
    let argv = ["pass", "show", "${PLACE}", ""].map(str::to_owned).to_vec();
    for (name, source, line) in [
        ("relative", SecretSource::file(files.path("tokens/a")), 7),
        ("expanded", SecretSource::file("/mnt/place/b".into()), 8),
        ("home", SecretSource::file("/home/user/c".into()), 9),
        ("env", SecretSource::env("TOKEN".to_owned()), 10),
        ("pass", SecretSource::command(argv), 11),
        ("systemd", SecretSource::credential("token".to_owned()), 12),
    ] {
        assert_eq!(granted[name].value, source.unwrap(), "{name}");
        assert_eq!(granted[name].location.line, line, "{name}");
    }
    assert_eq!(granted.len(), 6);
}

#[test]
fn a_source_is_one_and_usable() {
    for (secrets, error) in [
        ("{ t = {} }", "7:17 the secret `t` has no source | write one of `file`, `env`, `command` and `credential`"),
        (
            "{ t = { env = \"A\", file = \"/b\" } }",
            "7:37 the secret `t` has two sources | keep one of `file`, `env`, `command` and `credential`",
        ),
        (
            "{ t = { credential = \"a\", env = \"A\", command = [\"c\"] } }",
            "7:43 the secret `t` has two sources | keep one of `file`, `env`, `command` and `credential`",
        ),
        ("{ t = { file = \"\" } }", "7:26 `file` is empty | give it a value, or remove it"),
        ("{ t = { env = \"\" } }", "7:25 `env` is empty | give it a value, or remove it"),
        ("{ t = { credential = \"\" } }", "7:32 `credential` is empty | give it a value, or remove it"),
        (
            "{ t = { file = \"${NOWHERE}/t\" } }",
            "7:27 the variable `NOWHERE` is not set | set `NOWHERE`, give a default as in `${NOWHERE:-text}`, \
             or write `$$` for a dollar sign",
        ),
        (
            "{ t = { env = \"A=b\" } }",
            "7:25 `A=b` is not the name of a variable | write the name alone: \
             its value is that of hookward's own environment",
        ),
        (
            "{ t = { credential = \"../shadow\" } }",
            "7:32 `../shadow` is not the name of a credential | write the name that `LoadCredential=` gives it",
        ),
        (
            "{ t = { command = [] } }",
            "7:29 the command is empty | write the program's absolute path, or its name alone, \
             and its arguments behind it",
        ),
        (
            "{ t = { command = [\"./pass\", \"show\"] } }",
            "7:29 the program `./pass` is neither an absolute path nor a name | write the program's absolute path, \
             or its name alone, and its arguments behind it",
        ),
        (
            "{ t = { command = [\"pass\", \"a\\u0000\"] } }",
            "7:29 an argument of the command contains the character U+0000 | correct it: no program can be given it",
        ),
        (
            "{ \"a b\" = { env = \"A\" } }",
            "7:13 `a b` is no name for a secret | use ASCII letters, digits, `.`, `_` and `-`, \
             and begin with none of `.` and `-`",
        ),
    ] {
        assert_eq!(errors(secrets), [format!("hookward.toml:{error}")], "{secrets}");
    }
    for (secrets, place) in [("{ t = { value = \"hunter2\" } }", "7:19"), ("{ t = { command = \"pass\" } }", "7:29")] {
        let errors = errors(secrets);
        assert!(errors.len() == 1 && errors[0].starts_with(&format!("hookward.toml:{place} ")), "{errors:?}");
        assert!(!errors[0].contains("hunter2"), "{errors:?}");
    }
}
