//! The hook, called through the SDK's test door with stand-ins for PostgreSQL's programs.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "in helpers of tests")]

use std::fs;
use std::path::Path;

use hookward_sdk::testing::{Call, Invocation, OutputBuilder, Report, event, output};
use hookward_sdk::{EventKind, PlanChange};
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "../../granted.rs"]
mod granted;
#[path = "../../readme.rs"]
mod readme;

/// As PostgreSQL 15 ends them: the token comes after the last words.
const PLAIN: &str = "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict W1o3C7d6SspDq6kdt4kJc2\n\n";
const CLUSTER: &str = "\\unrestrict QEmipHZyNrd\n\n--\n-- PostgreSQL database cluster dump complete\n--\n\n";
const CUSTOM: &str = "PGDMP\u{1}\u{e}";

fn directory() -> TempDir {
    tempfile::tempdir().expect("there is a temporary directory")
}

/// Writes the file that it is asked for.
fn writer(dir: &Path, content: &'static str) -> impl FnMut(&Invocation) -> OutputBuilder + 'static {
    let dir = dir.to_owned();
    move |call| {
        let name = call.argument("file").expect("it is told where to");
        fs::write(dir.join(name), content).expect("the file is written");
        output("")
    }
}

fn call(dir: &Path, kind: EventKind, config: &Value) -> Call {
    let mut config = config.clone();
    config["dir"] = json!(dir);
    config["host-dir"] = json!("/srv/dumps");
    Call::new(event(kind)).config(config).plan_grants(&["sources"])
}

/// Every command that the hook's page grants, with an answer of its kind.
fn before(dir: &Path, config: &Value) -> Report {
    call(dir, EventKind::Before, config)
        .command("pg-dump", writer(dir, if config["format"] == "plain" { PLAIN } else { CUSTOM }))
        .command("pg-dumpall", writer(dir, CLUSTER))
        .command("pg-globals", writer(dir, CLUSTER))
        .command("pg-restore-check", |_: &Invocation| output(""))
        .run(postgres_dump::run)
}

fn asked(report: &Report) -> Vec<String> {
    let shown = |call: &Invocation| {
        let values: Vec<&str> = call.arguments.iter().map(|(_, value)| value.as_str()).collect();
        format!("{} {}", call.command, values.join(" "))
    };
    report.commands.iter().map(shown).collect()
}

fn sources(report: &Report) -> &[String] {
    match report.plan.as_slice() {
        [PlanChange::AddSources(sources)] => sources,
        _ => &[],
    }
}

#[test]
fn every_database_is_dumped_after_the_roles() {
    let dir = directory();
    let report = before(
        dir.path(),
        &json!({"databases": ["app", "wiki"], "globals": true, "check-command": "pg-restore-check", "min-size": 7}),
    );
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(
        asked(&report),
        [
            "pg-globals globals.sql.partial",
            "pg-dump app app.dump.partial",
            "pg-restore-check app.dump.partial",
            "pg-dump wiki wiki.dump.partial",
            "pg-restore-check wiki.dump.partial",
        ]
    );
    assert_eq!(sources(&report), ["/srv/dumps/globals.sql", "/srv/dumps/app.dump", "/srv/dumps/wiki.dump"]);
    assert_eq!(fs::read_to_string(dir.path().join("app.dump")).unwrap(), CUSTOM);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn plain_dumps_and_whole_clusters_end_in_their_own_words() {
    let dir = directory();
    let report = before(dir.path(), &json!({"databases": ["app"], "format": "plain"}));
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(sources(&report), ["/srv/dumps/app.sql"]);
    let report = before(dir.path(), &json!({"all": true}));
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(asked(&report), ["pg-dumpall all.sql.partial"]);
    assert_eq!(sources(&report), ["/srv/dumps/all.sql"]);

    // The end of one database isn't that of the cluster.
    let report = call(dir.path(), EventKind::Before, &json!({"all": true, "command": "x"}))
        .command("x", writer(dir.path(), PLAIN))
        .run(postgres_dump::run);
    assert_eq!(
        report.error(),
        Some(
            "no dump of all databases: it was cut off: none of its last lines is `-- PostgreSQL database cluster \
             dump complete`: is it pg_dumpall that runs?"
        )
    );
}

#[test]
fn a_format_that_the_command_does_not_write_is_told() {
    let dir = directory();
    for (format, content, why) in [
        ("custom", PLAIN, "what was written is no such dump: does the `argv` of the command say `--format=custom`"),
        ("plain", CUSTOM, "it was cut off: none of its last lines is `-- PostgreSQL database dump complete`"),
    ] {
        let report = call(dir.path(), EventKind::Before, &json!({"databases": ["app"], "format": format}))
            .command("pg-dump", writer(dir.path(), content))
            .run(postgres_dump::run);
        let message = report.error().unwrap();
        assert!(message.starts_with(&format!("no dump of database app: {why}")), "{message}");
    }
}

#[test]
fn a_dump_that_cannot_be_read_is_none() {
    let dir = directory();
    fs::write(dir.path().join("app.dump"), "yesterday").unwrap();
    let config = json!({"databases": ["app"], "check-command": "check"});
    let report = call(dir.path(), EventKind::Before, &config)
        .command("pg-dump", writer(dir.path(), CUSTOM))
        .command("check", |_: &Invocation| {
            output("").code(1).stderr("pg_restore: error: could not read from input file: end of file\n")
        })
        .run(postgres_dump::run);
    assert_eq!(
        report.error(),
        Some(
            "no dump of database app: it was written, and is damaged: command `check` ended with exit code 1: \
             pg_restore: error: could not read from input file: end of file"
        )
    );
    assert_eq!(fs::read_to_string(dir.path().join("app.dump")).unwrap(), "yesterday");
}

#[test]
fn a_server_that_is_away_is_told_in_its_words() {
    let dir = directory();
    let report = call(dir.path(), EventKind::Before, &json!({"databases": ["app"]}))
        .command("pg-dump", |_: &Invocation| output("").code(1).stderr("pg_dump: error: connection refused\n"))
        .run(postgres_dump::run);
    assert_eq!(
        report.error(),
        Some("no dump of database app: command `pg-dump` ended with exit code 1: pg_dump: error: connection refused")
    );
    assert_eq!(report.plan, []);
}

#[test]
fn the_end_of_the_run_cleans_up() {
    let dir = directory();
    let config = json!({"databases": ["app"], "globals": true, "keep": false});
    for name in ["app.dump", "app.dump.partial", "globals.sql", "globals.sql.partial", "app.sql"] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    for _ in 0..2 {
        assert!(call(dir.path(), EventKind::Finally, &config).run(postgres_dump::run).is_ok());
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["app.sql"]);
    }
}

#[test]
fn settings_that_make_no_sense_are_told() {
    for (config, expected) in [
        (json!({}), "`databases`: name one here, or set `all = true`"),
        (json!({"databases": ["a", "b", "a"]}), "`databases[2]`: `a` is named twice"),
        (
            json!({"databases": ["dbname=x"]}),
            "`databases[0]`: `dbname=x` can't be the name of a dump's file: it may not begin with `-` or `.`, nor \
             have quotes, `/`, `\\` or `=` in it",
        ),
        (
            json!({"databases": ["globals"], "globals": true, "format": "plain"}),
            "`databases[0]`: its dump would be `globals.sql`, as that of `globals = true`",
        ),
        (json!({"databases": ["a"], "all": true}), "`databases`: `all = true` has them all: leave one of the two out"),
        (json!({"all": true, "globals": true}), "`globals`: `all = true` has the roles too: leave one of the two out"),
        (
            json!({"all": true, "format": "custom"}),
            "`format`: pg_dumpall, which `all = true` is for, writes `plain` only",
        ),
        (
            json!({"all": true, "check-command": "l"}),
            "`check-command`: pg_restore reads dumps of `format = \"custom\"` only",
        ),
        (
            json!({"databases": ["a"]}),
            "`host-dir`: is missing: the `host` of the hook's `dirs` grant, so that the dumps can be added to the \
             backup; `add-to-sources = false` does without",
        ),
    ] {
        let report = Call::new(event(EventKind::Before)).config(&config).run(postgres_dump::run);
        assert_eq!(report.error(), Some(&*format!("config key {expected}")));
    }
}

#[test]
fn the_readme_configures_this_hook_and_grants_what_it_asks_for() {
    for hook in readme::hooks(include_str!("../README.md")) {
        assert_eq!(hook["component"], json!("postgres-dump.wasm"));
        assert_eq!(hook["config"]["host-dir"], hook["grants"]["dirs"][0]["host"]);
        assert!(call(directory().path(), EventKind::Finally, &hook["config"]).run(postgres_dump::run).is_ok());
        let mut config = hook["config"].clone();
        config["min-size"] = json!(0);
        let dir = directory();
        let report = before(dir.path(), &config);
        assert!(report.is_ok(), "{report:?}");
        let mut called: Vec<String> = report.commands.iter().map(|call| call.command.clone()).collect();
        report.commands.iter().for_each(|call| granted::check(&hook, call));
        called.sort();
        called.dedup();
        assert_eq!(called, granted::commands(&hook), "nothing is granted in vain");
    }
}
