//! What a valid file means.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hookward_engine::{EventKind, Limits, Scope};
use hookward_runner::config::{Backoff, Config, Kind, Operations, Password, Retry, Source, TEMPLATE, json_schema};

use crate::{Files, v1};

/// Every key of the format.
const FULL: &str = r#"
version = 1
include = ["conf.d/*.toml"]

[defaults]
timeout = "1m"
fuel = 5_000
memory = "1MiB"
limits = { output = "2kB", handles = 7, table-elements = 8 }

[restic]
binary = "./bin/restic"

[repository.nas]
url = "sftp:backup@nas:${PLACE}"
password-file = "~/nas.pass"

[[repository.nas.hook]]
name = "wake"
component = "wake.wasm"
on = ["before"]
kind = "preflight"

[repository.b2]
url = "b2:bucket"
password-command = "pass show b2 $HOME"

[profile.db]
repository = "nas"
sources = ["dumps", "${PLACE}/x", "~/y", "/abs", "a$$b", "${NONE:-/fallback}"]
tags = ["db", "a,b"]
skip-exit-code = 9
backup = { args = ["--exclude-caches", "", "${PLACE}"] }
forget = { args = ["--prune"] }

[[profile.db.hook]]
name = "stop"
component = "${PLACE}/stop.wasm"
digest = "sha256:00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
on = ["finally", "before", "before"]
operations = ["backup", "forget"]
kind = "optional"
timeout = "30s"
fuel = 1
memory = 65536
limits = { table-elements = 1, instances = 2, handles = 3, output = 4, log-lines = 5, error-length = 6, transfer = "7", component-size = "8B", compile-time = "9ms" }
retry = { attempts = 3, delay = "5s", backoff = "exponential", max-delay = "12s" }
exclusive = "db"
config = { text = "${PLACE}", n = 1, f = 1.0, b = true, d = 2020-01-02, l = [1, "a", 07:32:00], t = { k = "v" }, inf = -inf }

[profile.db.hook.grants]
dirs = [{ host = "data", guest = "/data", write = true }, { host = "${PLACE}" }]
env = ["LANG", "HOME"]

[[hook]]
name = "stop"
component = "./beat.wasm"
on = ["before", "success", "warning", "failure", "cancelled", "skipped", "finally"]
operations = ["check", "*"]
"#;

#[test]
fn every_key_has_its_meaning() {
    let files = Files::new(&[("hookward.toml", FULL)]);
    let config = files.load().unwrap();
    assert_eq!(config.files, [files.path("hookward.toml")]);
    assert_eq!(config.restic.binary, files.path("bin/restic"));

    let nas = &config.repositories["nas"];
    assert_eq!((nas.name.as_str(), nas.url.as_str()), ("nas", "sftp:backup@nas:/mnt/place"));
    assert_eq!(nas.password, Some(Password::File("/home/user/nas.pass".into())));
    assert_eq!(nas.hooks[0].scope, Scope::Repository);
    assert_eq!(nas.hooks[0].kind, Kind::Preflight);
    // A shell's business, not ours.
    let command = Password::Command("pass show b2 $HOME".to_owned());
    assert_eq!(config.repositories["b2"].password, Some(command));

    let db = config.profile("db").unwrap();
    assert_eq!((db.name.as_str(), db.repository.as_str(), db.skip_exit_code), ("db", "nas", 9));
    let sources = [
        files.path("dumps"),
        "/mnt/place/x".into(),
        "/home/user/y".into(),
        "/abs".into(),
        files.path("a$b"),
        "/fallback".into(),
    ];
    assert_eq!(db.sources, sources);
    assert_eq!(db.tags, ["db", "a,b"]);
    let args = [
        ("backup".to_owned(), vec!["--exclude-caches".to_owned(), String::new(), "${PLACE}".to_owned()]),
        ("forget".to_owned(), vec!["--prune".to_owned()]),
    ];
    assert_eq!(db.args, BTreeMap::from(args));
    assert_eq!(db.location.to_string(), format!("{}:28:10", files.path("hookward.toml").display()));
}

#[test]
fn every_key_of_a_hook_has_its_meaning() {
    let files = Files::new(&[("hookward.toml", FULL)]);
    let config = files.load().unwrap();
    let hook = &config.profiles["db"].hooks[0];
    let place = |line, column| (files.path("hookward.toml"), line, column);
    let of = |at: &hookward_runner::config::Location| (at.file.clone(), at.line, at.column);

    assert_eq!((hook.name.as_str(), hook.scope), ("stop", Scope::Profile));
    assert_eq!(hook.component, Source::File("/mnt/place/stop.wasm".into()));
    assert_eq!(of(&hook.component_location), place(38, 13));
    assert_eq!(
        hook.digest.unwrap().to_string(),
        "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
    );
    assert_eq!(of(hook.digest_location.as_ref().unwrap()), place(39, 10));
    assert_eq!(Vec::from_iter(hook.on.clone()), [EventKind::Before, EventKind::Finally]);
    assert!(hook.operations.contains("forget") && !hook.operations.contains("check"));
    assert_eq!(hook.kind, Kind::Optional);
    assert_eq!(hook.exclusive.as_deref(), Some("db"));
    assert_eq!(of(&hook.location), place(36, 1));

    let mut limits = Limits::default();
    limits.timeout = Duration::from_secs(30);
    limits.fuel = 1;
    limits.memory = 65536;
    limits.table_elements = 1;
    limits.instances = 2;
    limits.handles = 3;
    limits.output = 4;
    limits.log_lines = 5;
    limits.error_length = 6;
    limits.transfer = 7;
    limits.component_size = 8;
    limits.compile_time = Duration::from_millis(9);
    assert_eq!(hook.limits, limits);

    let config: Vec<_> = hook.config.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let expected = [
        ("b", "true"),
        ("d", "2020-01-02"),
        ("f", "1.0"),
        ("inf", "-inf"),
        ("l", r#"[1,"a","07:32:00"]"#),
        ("n", "1"),
        ("t", r#"{"k":"v"}"#),
        ("text", "${PLACE}"),
    ];
    assert_eq!(config, expected);

    let dirs: Vec<_> = hook.grants.dirs.iter().map(|dir| (dir.host.clone(), dir.guest.as_str(), dir.write)).collect();
    assert_eq!(dirs, [(files.path("data"), "/data", true), ("/mnt/place".into(), "/mnt/place", false)]);
    assert_eq!(of(&hook.grants.dirs[1].location), place(52, 59));
    let env: Vec<_> = hook.grants.env.iter().map(|env| env.value.as_str()).collect();
    assert_eq!(env, ["LANG", "HOME"]);
    assert_eq!(of(&hook.grants.env[1].location), place(53, 16));
}

#[test]
fn defaults_stand_below_the_hook_and_above_the_table() {
    let files = Files::new(&[("hookward.toml", FULL)]);
    let hook = &files.load().unwrap().hooks[0];
    let mut limits = Limits::default();
    limits.timeout = Duration::from_secs(60);
    limits.fuel = 5000;
    limits.memory = 1 << 20;
    limits.output = 2000;
    limits.handles = 7;
    limits.table_elements = 8;
    assert_eq!(hook.limits, limits);
    assert_eq!(hook.operations, Operations::All);
    assert_eq!(hook.component, Source::File(files.path("beat.wasm")));
}

#[test]
fn what_a_short_hook_gets() {
    let files = v1("[[hook]]\nname = \"a\"\ncomponent = \"a.wasm\"\non = [\"before\"]\nretry.attempts = 2\n");
    let config = files.load().unwrap();
    let hook = &config.hooks[0];
    assert_eq!(hook.limits, Limits::default());
    assert_eq!(hook.kind, Kind::Required);
    assert_eq!(hook.operations, Operations::default());
    assert!(hook.operations.contains("backup") && !hook.operations.contains("forget"));
    assert_eq!(hook.retry, Retry { attempts: 2, ..Retry::default() });
    assert_eq!((&hook.digest, &hook.exclusive, hook.config.len()), (&None, &None, 0));
    assert_eq!(config.restic.binary, Path::new("restic"));
}

#[test]
fn the_pause_grows_up_to_its_longest() {
    let retry = Retry {
        attempts: 5,
        delay: Duration::from_secs(5),
        backoff: Backoff::Exponential,
        max_delay: Duration::from_secs(12),
    };
    let pauses: Vec<_> = (1..=5).map(|attempt| retry.pause(attempt).map(|pause| pause.as_secs())).collect();
    assert_eq!(pauses, [Some(5), Some(10), Some(12), Some(12), None]);
    let endless = Retry { attempts: u32::MAX, ..retry };
    assert_eq!(endless.pause(4_000_000_000), Some(Duration::from_secs(12)));
    assert_eq!(Retry::default().pause(1), None);
}

#[test]
fn a_long_delay_needs_no_longest() {
    let files =
        v1("[[hook]]\nname = \"a\"\ncomponent = \"a\"\non = [\"before\"]\nretry = { attempts = 2, delay = \"1h\" }\n");
    let retry = &files.load().unwrap().hooks[0].retry;
    assert_eq!(retry.pause(1), Some(Duration::from_secs(3600)));
}

#[test]
fn a_byte_order_mark_is_no_column() {
    let files = crate::one("\u{feff}versoin = 1");
    assert_eq!(files.errors(), ["hookward.toml:1:1 `version` is missing | add `version = 1` as the first line"]);
    crate::one("\u{feff}version = 1").load().unwrap();
}

#[test]
fn unknown_profile() {
    let files =
        v1("[repository.r]\nurl = \"/r\"\n[profile.home]\nrepository = \"r\"\n[profile.db]\nrepository = \"r\"\n");
    let config = files.load().unwrap();
    assert_eq!(
        config.profile("hoem").unwrap_err().to_string(),
        "no profile `hoem` in the configuration; did you mean `home`?"
    );
    assert_eq!(
        config.profile("xyz").unwrap_err().to_string(),
        "no profile `xyz` in the configuration; known profiles: db, home"
    );
    assert_eq!(
        v1("").load().unwrap().profile("xyz").unwrap_err().to_string(),
        "no profile `xyz` in the configuration; add a `[profile.NAME]` table"
    );
}

#[test]
fn the_template_is_valid() {
    let files = crate::one(TEMPLATE);
    let config = files.load().unwrap();
    assert_eq!(config.profiles["home"].sources, [PathBuf::from("/home")]);
    assert!(config.hooks.is_empty());
}

/// Without its comments, too: an example that is wrong is worse than none.
#[test]
fn the_template_is_valid_with_all_that_is_commented_out() {
    let files = Files::new(&[("hookward.toml", &full_template()), ("conf.d/a.toml", "version = 1")]);
    let config = files.load().unwrap();
    assert_eq!(config.files.len(), 2);
    assert_eq!(config.restic.binary, Path::new("/usr/local/bin/restic"));
    let hook = &config.profiles["home"].hooks[0];
    assert_eq!(hook.name, "home-is-mounted");
    assert_eq!(hook.retry.attempts, 3);
    assert_eq!(hook.grants.dirs.len(), 1);
}

/// The template with every commented line of TOML, alternatives left out.
fn full_template() -> String {
    let is_toml = |line: &str| {
        let key = line.split([' ', '=']).next().unwrap_or_default();
        line.starts_with('[') && line.ends_with(']')
            || line.contains(" = ") && key.chars().all(|c| c.is_ascii_lowercase())
    };
    let lines = TEMPLATE.lines().map(|line| match line.strip_prefix("# ") {
        Some(toml) if is_toml(toml) => toml,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn validate(schema: &serde_json::Value, text: &str) -> Result<(), String> {
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("schema.json", schema.clone()).unwrap();
    let index = compiler.compile("schema.json", &mut schemas).unwrap();
    let value = toml::from_str::<serde_json::Value>(text).unwrap();
    schemas.validate(&value, index).map_err(|error| error.to_string())
}

#[test]
fn the_schema_accepts_what_is_valid() {
    let schema = json_schema();
    // Dates have no form in JSON.
    let full = FULL.replace("d = 2020-01-02, ", "").replace(", 07:32:00", "").replace(", inf = -inf", "");
    for text in [TEMPLATE, &full_template(), &full] {
        assert_eq!(validate(&schema, text), Ok(()));
    }
}

#[test]
fn the_schema_refuses_what_is_not() {
    let schema = json_schema();
    for text in [
        "",
        "version = 2",
        "version = 1\nfoo = 1",
        "version = 1\n[profile.a]\nrepository = \"x\"\nsources = []",
        "version = 1\n[profile.a]",
        "version = 1\n[defaults]\nmemory = true",
        "version = 1\n[[hook]]\nname = \"a\"\ncomponent = \"a\"\non = [\"befor\"]",
        "version = 1\n[[hook]]\nname = \"a\"\ncomponent = \"a\"\non = [\"before\"]\nkind = \"x\"",
    ] {
        assert!(validate(&schema, text).is_err(), "{text}");
    }
}

#[test]
fn the_schema_describes_its_keys() {
    let schema = json_schema();
    let text = schema.to_string();
    assert!(text.contains("Limits of every hook that says nothing."));
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["$defs"]["Hook"]["properties"]["kind"]["enum"][1], "preflight");
    assert_eq!(schema["$defs"]["Hook"]["properties"]["kind"]["description"], "What its failure means.");
    assert_eq!(schema["$defs"]["Hook"]["properties"]["on"]["items"]["enum"][6], "finally");
}

#[test]
fn the_environment_of_the_process_is_the_default() {
    let files = v1("[restic]\nbinary = \"${PATH}\"");
    let config = Config::load(&files.path("hookward.toml")).unwrap();
    assert!(config.restic.binary.is_absolute());
}
