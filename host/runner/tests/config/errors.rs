//! What is said of a wrong file.

use crate::{one, v1};

/// A file with one hook that has one more line, the sixth.
fn hook(line: &str) -> crate::Files {
    v1(&format!("[[hook]]\nname = \"h\"\ncomponent = \"h.wasm\"\non = [\"before\"]\n{line}"))
}

/// The single error of a file.
#[track_caller]
fn check(files: &crate::Files, expected: &str) {
    let errors = files.errors();
    assert_eq!(errors, [format!("hookward.toml:{expected}")]);
    // What is rendered says the same.
    let rendered = files.without_dir(&files.load().unwrap_err().to_string());
    let (place, rest) = expected.split_once(' ').unwrap();
    let (message, help) = rest.split_once(" | ").unwrap();
    assert!(rendered.starts_with(&format!("error: {message}\n")), "{rendered}");
    assert!(rendered.contains(&format!("--> hookward.toml:{place}\n")), "{rendered}");
    assert!(rendered.ends_with(&format!("= help: {help}")), "{rendered}");
}

#[test]
fn version() {
    check(&one(""), "1:1 `version` is missing | add `version = 1` as the first line");
    check(
        &one("unknown = 1\nversion = 2"),
        "2:11 version 2 of the format is not known | this version of hookward reads `version = 1`",
    );
    check(
        &one("version = \"1\""),
        "1:11 expected a whole number, 0 or more, found string \"1\" | write such a number, without quotes",
    );
}

#[test]
fn syntax() {
    check(
        &v1("[hook"),
        "2:6 invalid TOML: unclosed table, expected `]` \
         | correct the TOML here; texts stand in quotes, a table's name in brackets",
    );
    check(
        &v1("include = []\n\"ü\" = [1 2]"),
        "3:8 invalid TOML: string values must be quoted, expected literal string \
         | correct the TOML here; texts stand in quotes, a table's name in brackets",
    );
    check(
        &v1("include = []\ninclude = []"),
        "3:1 invalid TOML: duplicate key | keep one of the two; a table of the same name is written once",
    );
}

#[test]
fn unknown_keys() {
    check(&hook("timeuot = \"1s\""), "6:1 unknown key `timeuot` | did you mean `timeout`?");
    check(
        &hook("  max_delay = 1"),
        "6:3 unknown key `max_delay` | known keys: `name`, `component`, `digest`, `on`, `operations`, `kind`, `timeout`, `fuel`, `memory`, `limits`, `retry`, `exclusive`, `config`, `grants`",
    );
    check(&hook("limits = { log_lines = 1 }"), "6:12 unknown key `log_lines` | did you mean `log-lines`?");
    check(
        &hook("grants.nfs = []"),
        "6:8 unknown key `nfs` | known keys: `dirs`, `env`, `commands`, `http`, `secrets`, `plan`, `state`, `tcp`",
    );
    check(&hook("[hook.grants.command.x]"), "6:14 unknown key `command` | did you mean `commands`?");
    check(
        &v1("[repository.a]\nurl = \"x\"\npassword = \"x\""),
        "4:1 unknown key `password` | did you mean `password-file`?",
    );
    check(&v1("[profile.a]\nsource = \"x\""), "3:1 unknown key `source` | did you mean `sources`?");
    check(&v1("[profile.a.backup]\nargz = 1"), "3:1 unknown key `argz` | did you mean `args`?");
    check(&v1("[[hooks]]"), "2:3 unknown key `hooks` | did you mean `hook`?");
    check(
        &v1("\"a`b\" = 1"),
        "2:1 unknown key `a`b` | known keys: `version`, `include`, `defaults`, `restic`, `journal`, `record-failed`, `components`, `registry`, `repository`, `profile`, `hook`",
    );
}

#[test]
fn wrong_types() {
    check(&hook("timeout = 5"), "6:11 expected a string, found integer `5` | write a text in quotes");
    check(
        &hook("memory = true"),
        "6:10 expected a size, found boolean `true` | write a number of bytes, or a size such as \"64MiB\"",
    );
    check(
        &hook("memory = -1"),
        "6:10 expected a size, found integer `-1` | write a number of bytes, or a size such as \"64MiB\"",
    );
    check(
        &hook("fuel = 1.5"),
        "6:8 expected a whole number, 0 or more, found number `1.5` | write such a number, without quotes",
    );
    check(
        &hook("limits.instances = 5_000_000_000"),
        "6:20 expected a whole number from 0 to 4294967295, found integer `5000000000` | write such a number, without quotes",
    );
    check(
        &hook("operations = \"backup\""),
        "6:14 expected an array, found string \"backup\" | write a list in brackets, such as `[\"a\", \"b\"]`",
    );
    check(
        &hook("config = [\"a\"]"),
        "6:10 expected a table, found an array | write a table, such as `{ key = \"value\" }`",
    );
    check(&hook("retry = 3"), "6:9 expected a table, found integer `3` | write a table, such as `{ key = \"value\" }`");
    check(
        &hook("grants.dirs = [{ host = \"a\", write = \"yes\" }]"),
        "6:38 expected a boolean, found string \"yes\" | write `true` or `false`, without quotes",
    );
    check(
        &v1("[profile.a]\nskip-exit-code = 256"),
        "3:18 expected a whole number from 0 to 255, found integer `256` | write a smaller number, without quotes",
    );
    check(
        &v1("[hook]\nname = \"x\""),
        "2:1 expected an array, found a table | write the header of a list of tables in two brackets, such as `[[hook]]`",
    );
}

#[test]
fn missing_keys() {
    check(&v1("\n[[hook]]\nname = \"a\"\non = []"), "3:1 `component` is missing | add `component = \"my-hook.wasm\"`");
    check(
        &v1("[[hook]]\nname = \"a\"\ncomponent = \"a\""),
        "2:1 `on` is missing | add `on = [\"before\", \"finally\"]`",
    );
    check(&v1("[repository.a]"), "2:1 `url` is missing | add `url = \"sftp:user@host:/srv/restic\"`");
    check(&hook("retry = { delay = \"1s\" }"), "6:9 `attempts` is missing | add `attempts = 3`");
    check(&hook("grants.dirs = [{ guest = \"/\" }]"), "6:16 `host` is missing | add `host = \"/srv/data\"`");
}

#[test]
fn durations() {
    let help = "write a number and a unit, such as `30s`, `5m` or `1h 30m`";
    check(
        &hook("timeout = \"5 minutess\""),
        &format!("6:11 `5 minutess` is not a duration: unknown unit `minutess` | {help}"),
    );
    check(
        &hook("timeout = \"5\""),
        &format!("6:11 `5` is not a duration: time unit needed, for example 5sec or 5ms | {help}"),
    );
    check(&hook("timeout = \"\""), &format!("6:11 `` is not a duration: value was empty | {help}"));
    check(&hook("timeout = \"2 years\""), &format!("6:11 `timeout` is longer than a year | {help}"));
    check(
        &v1("[defaults.limits]\ncompile-time = \"x\""),
        &format!("3:16 `x` is not a duration: expected number at 0 | {help}"),
    );
    check(
        &hook("retry = { attempts = 2, delay = \"x\" }"),
        &format!("6:33 `x` is not a duration: expected number at 0 | {help}"),
    );
    check(
        &hook("retry = { attempts = 2, delay = \"10s\", max-delay = \"5s\" }"),
        "6:52 `max-delay` is shorter than `delay`, which is 10s | make it longer, or remove it",
    );
}

#[test]
fn sizes_and_zeros() {
    let zero = "a hook with none could never succeed; remove the key for the default";
    let help = "write a number of bytes, or a size such as `64MiB` or `512kB`";
    check(&hook("memory = \"64MeB\""), &format!("6:10 `64MeB` is not a size | {help}"));
    check(&hook("limits.output = \"-1\""), &format!("6:17 `-1` is not a size | {help}"));
    check(&hook("timeout = \"0s\""), &format!("6:11 `timeout` is zero | {zero}"));
    check(&hook("fuel = 0"), &format!("6:8 `fuel` is zero | {zero}"));
    check(&hook("memory = \"0 MiB\""), &format!("6:10 `memory` is zero | {zero}"));
    check(&hook("limits.instances = 0"), &format!("6:20 `instances` is zero | {zero}"));
    check(&v1("[defaults]\nmemory = 0"), &format!("3:10 `memory` is zero | {zero}"));
    hook("limits = { output = 0, log-lines = 0 }").load().unwrap();
}

#[test]
fn names_of_things_that_are_known() {
    let hook_on = |on: &str| v1(&format!("[[hook]]\nname = \"h\"\ncomponent = \"h.wasm\"\non = {on}"));
    check(&hook_on("[\"before\", \"sucess\"]"), "5:17 no event `sucess` | did you mean `success`?");
    check(
        &hook_on("[\"xyz\"]"),
        "5:7 no event `xyz` | known events: `before`, `success`, `warning`, `failure`, `cancelled`, `skipped`, `finally`",
    );
    check(
        &hook_on("[]"),
        "5:6 the hook is for no event: `on` is empty | name the events that it is for, such as `on = [\"before\", \"finally\"]`",
    );
    check(&hook("kind = \"requird\""), "6:8 `requird` is no value of `kind` | did you mean `required`?");
    check(&hook("kind = \"x\""), "6:8 `x` is no value of `kind` | known values: `required`, `preflight`, `optional`");
    check(
        &hook("retry = { attempts = 2, backoff = \"linear\" }"),
        "6:35 `linear` is no value of `backoff` | known values: `fixed`, `exponential`",
    );
    check(
        &hook("operations = [\"*\", \"backups\"]"),
        "6:20 restic has no subcommand `backups` | did you mean `backup`?",
    );
    check(
        &hook("operations = []"),
        "6:14 the hook is for no operation: `operations` is empty | name subcommands of restic, or `*` for every one; without the key it is `backup`",
    );
    for operation in [
        "init",
        "cat",
        "key",
        "list",
        "mount",
        "migrate",
        "self-update",
        "version",
        "cache",
        "generate",
        "recover",
        "features",
        "options",
    ] {
        hook(&format!("operations = [\"{operation}\"]")).load().unwrap();
    }
}

#[test]
fn digests() {
    let help = "write `sha256:` and 64 hexadecimal digits, as `hookward hook inspect` shows";
    check(&hook("digest = \"sha256:...\""), &format!("6:10 `sha256:...` is not a digest | {help}"));
    let short = "0".repeat(63);
    check(&hook(&format!("digest = \"sha256:{short}\"")), &format!("6:10 `sha256:{short}` is not a digest | {help}"));
    let bare = "0".repeat(64);
    check(&hook(&format!("digest = \"{bare}\"")), &format!("6:10 `{bare}` is not a digest | {help}"));
    check(&hook(&format!("digest = \"sha256:{bare}00\"")), &format!("6:10 `sha256:{bare}00` is not a digest | {help}"));
    hook(&format!("digest = \"sha256:{bare}\"")).load().unwrap();
}

#[test]
fn components() {
    let component = |text: &str| v1(&format!("[[hook]]\nname = \"h\"\ncomponent = \"{text}\"\non = [\"before\"]"));
    check(
        &component("https://x/y.wasm"),
        "4:13 `https://x/y.wasm` is neither the path of a file nor a reference to a registry \
         | name a file, or a registry: `oci://ghcr.io/acme/hook:1.2.0`",
    );
    let help = "write `oci://HOST/NAME:TAG`, `oci://HOST/NAME@sha256:...`, or both";
    for (reference, why) in [
        ("oci://ghcr.io/a/b", "it ends with a tag or a digest: `:1.2.0`, or `@sha256:...`"),
        ("oci://localhost:5000/a", "it ends with a tag or a digest: `:1.2.0`, or `@sha256:...`"),
        ("oci://ghcr.io/a/b@sha256:00", "behind the `@` stands `sha256:` and 64 hexadecimal digits"),
        ("oci://acme/hook:1", "it begins with the registry's host, such as `ghcr.io`"),
        ("oci://ghcr.io", "it has a host and a name: `oci://host/name:tag`"),
        ("oci://ghcr.io/A/b:1", "its name or its tag has a character that registries don't know"),
        ("oci://ghcr.io/a/b:1 2", "its name or its tag has a character that registries don't know"),
    ] {
        check(&component(reference), &format!("4:13 `{reference}` is no reference to a registry: {why} | {help}"));
    }
    check(&component(""), "4:13 `component` is empty | give it a value, or remove it");
    // Whether it is there is for the step that compiles it.
    component("nonexistent.wasm").load().unwrap();
}

#[test]
fn retry() {
    check(
        &hook("retry.attempts = 0"),
        "6:18 `attempts` is zero | it counts the first call too: write 1 or more, or remove `retry`",
    );
}

#[test]
fn repositories_of_profiles() {
    let files = |repository: &str| {
        v1(&format!("[repository.nas]\nurl = \"/r\"\n[repository.cloud]\nurl = \"/r\"\n[profile.p]\n{repository}"))
    };
    check(&files("repository = \"nsa\""), "7:14 no repository `nsa` | did you mean `nas`?");
    check(&files("repository = \"xyz\""), "7:14 no repository `xyz` | known repositories: `cloud`, `nas`");
    check(
        &files(""),
        "6:10 profile `p` has no repository | add `repository = \"NAME\"`; known repositories: `cloud`, `nas`",
    );
    check(
        &v1("[profile.p]\nrepository = \"a\""),
        "3:14 no repository `a` | there is none: add `[repository.NAME]` with its `url`",
    );
}

#[test]
fn sources() {
    let files =
        |sources: &str| v1(&format!("[repository.nas]\nurl = \"/r\"\n[profile.p]\nrepository = \"nas\"\n{sources}"));
    check(
        &files("sources = []"),
        "6:11 profile `p` has an empty list of sources | name what to back up, or remove `sources`",
    );
    check(&files("sources = [\"a\", \"\"]"), "6:17 a source is empty | give it a value, or remove it");
    check(
        &files("sources = [\"${EMPTY}\"]"),
        "6:12 a source is empty once its variables are expanded | give it a value, or remove it",
    );
    check(&files("tags = [\"\"]"), "6:9 a tag is empty | give it a value, or remove it");
    check(
        &files("backup.args = [\"a\\u0000\"]"),
        "6:16 a text contains the character U+0000 | remove it: no program can be given it",
    );
}

#[test]
fn names() {
    let help = "use ASCII letters, digits, `.`, `_` and `-`, and begin with none of `.` and `-`";
    let hook = |name: &str| v1(&format!("[[hook]]\nname = \"{name}\"\ncomponent = \"a\"\non = [\"before\"]"));
    check(&hook(""), &format!("3:8 the name of a hook is empty | {help}"));
    check(&hook("a/b"), &format!("3:8 `a/b` is no name for a hook | {help}"));
    check(&hook("ü"), &format!("3:8 `ü` is no name for a hook | {help}"));
    check(&hook(".."), &format!("3:8 the name of a hook begins with `.` | {help}"));
    check(&hook(&"a".repeat(101)), &format!("3:8 the name of a hook is longer than 100 characters | {help}"));
    check(&v1("[repository.-x]\nurl = \"a\""), &format!("2:13 the name of a repository begins with `-` | {help}"));
    check(
        &v1("[repository.r]\nurl = \"a\"\n[profile.\"a b\"]\nrepository = \"r\""),
        &format!("4:10 `a b` is no name for a profile | {help}"),
    );
    check(&self::hook("exclusive = \"a/b\""), &format!("6:13 `a/b` is no name for a thing in `exclusive` | {help}"));
    hook("Az09._-").load().unwrap();
}

#[test]
fn passwords() {
    check(
        &v1("[repository.r]\nurl = \"a\"\npassword-command = \"x\"\npassword-file = \"y\""),
        "4:20 repository `r` has two sources of its password | keep one of `password-file` and `password-command`",
    );
    check(
        &v1("[repository.r]\nurl = \"a\"\npassword-command = \"\""),
        "4:20 `password-command` is empty | give it a value, or remove it",
    );
    check(&v1("[repository.r]\nurl = \"\""), "3:7 `url` is empty | give it a value, or remove it");
}

#[test]
fn grants() {
    check(
        &hook("grants.env = [\"A=b\"]"),
        "6:15 `A=b` is not the name of a variable | write the name alone: its value is that of hookward's own environment",
    );
    check(&hook("grants.env = [\"\"]"), "6:15 a name in `env` is empty | give it a value, or remove it");
    check(
        &hook("grants.dirs = [{ host = \"a\", guest = \"\" }]"),
        "6:38 `guest` is empty | give it a value, or remove it",
    );
    check(
        &hook("grants.dirs = [\n{ host = \"a\", guest = \"/x\" },\n{ host = \"b\", guest = \"/x/\" }]"),
        "8:23 two directories are granted at `/x/` | give each its own `guest`",
    );
    check(
        &hook("grants.dirs = [\n{ host = \"/a\" },\n{ host = \"/b\", guest = \"/a\" }]"),
        "8:24 two directories are granted at `/a` | give each its own `guest`",
    );
}

#[test]
fn two_hooks_of_one_name() {
    let two = |scope: &str| {
        let hook = format!("[[{scope}]]\nname = \"x\"\ncomponent = \"a\"\non = [\"before\"]\n");
        v1(&format!("[repository.r]\nurl = \"a\"\n[profile.p]\nrepository = \"r\"\n{hook}{hook}"))
    };
    for scope in ["hook", "repository.r.hook", "profile.p.hook"] {
        let help = "rename one; the first is at hookward.toml:7:8";
        assert_eq!(two(scope).errors(), [format!("hookward.toml:11:8 two hooks of this scope are named `x` | {help}")]);
    }
}

#[test]
fn variables() {
    let help = "set `NOPE`, give a default as in `${NOPE:-text}`, or write `$$` for a dollar sign";
    let message = "the variable `NOPE` is not set";
    check(&v1("[repository.r]\nurl = \"sftp:${PLACE}${NOPE}\""), &format!("3:21 {message} | {help}"));
    check(&v1("[repository.r]\nurl = \"$NOPE\""), &format!("3:8 {message} | {help}"));
    check(&v1("[repository.r]\nurl = \"a\"\npassword-file = \"${NOPE}\""), &format!("4:18 {message} | {help}"));
    check(&v1("[restic]\nbinary = \"${NOPE}\""), &format!("3:11 {message} | {help}"));
    check(
        &v1("[repository.r]\nurl = \"a\"\n[profile.p]\nrepository = \"r\"\nsources = [\"${NOPE}\"]"),
        &format!("6:13 {message} | {help}"),
    );
    check(&hook("grants.dirs = [{ host = \"${NOPE}\" }]"), &format!("6:26 {message} | {help}"));
    // Written with an escape, the variable is not in the text as it stands.
    check(&v1("[repository.r]\nurl = \"\\u0024NOPE\""), &format!("3:7 {message} | {help}"));
    check(
        &v1("[repository.r]\nurl = \"${BAD}\""),
        "3:8 the variable `BAD` is not UTF-8 | set `BAD`, give a default as in `${BAD:-text}`, or write `$$` for a dollar sign",
    );
    check(
        &v1("[repository.r]\nurl = \"${PLACE}/${PLACE\""),
        "3:7 `${` is not closed | write `${NAME}`, or `$$` for a dollar sign",
    );
}

#[test]
fn a_home_that_is_not_set() {
    let files = v1("[repository.r]\nurl = \"a\"\npassword-file = \"~/x\"");
    let error = hookward_runner::config::Config::load_with_env(&files.path("hookward.toml"), &|_| None).unwrap_err();
    assert_eq!(error.diagnostics()[0].message(), "`~` needs the variable `HOME`, which is not set");
    assert_eq!(error.diagnostics()[0].location().unwrap().column, 17);
}

#[test]
fn all_errors_in_the_order_of_the_file() {
    let files = v1(
        "[profile.p]\nsources = []\n[[hook]]\nname = \"a b\"\ncomponent = \"oci://x\"\non = [\"x\"]\ntimeout = \"0s\"\nmemory = \"x\"\nkind = \"x\"\n[restic]\nbinary = \"\"",
    );
    let lines: Vec<_> =
        files.load().unwrap_err().diagnostics().iter().map(|error| error.location().unwrap().line).collect();
    assert_eq!(lines, [2, 3, 5, 6, 7, 8, 9, 10, 12]);
}

#[test]
fn columns_count_characters() {
    check(
        &v1("[profile.p]\ntags = [\"äöü\", 1]"),
        "3:16 expected a string, found integer `1` | write a text in quotes",
    );
}

#[test]
fn a_name_from_the_file_does_not_drive_the_terminal() {
    let files = hook("kind = \"\\u001b[31m\"");
    let error = files.load().unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'));
    assert!(error.render(true).contains('\u{1b}'));
}
