//! The hook, called through the SDK's test door with stand-ins for sqlite3.
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

const COPY: &str = "SQLite format 3\0 and pages";

fn directory() -> TempDir {
    tempfile::tempdir().expect("there is a temporary directory")
}

/// Writes the file that it is asked for, and leaves others beside it.
fn writer(dir: &Path, content: &'static str) -> impl FnMut(&Invocation) -> OutputBuilder + 'static {
    let dir = dir.to_owned();
    move |call| {
        let name = call.argument("file").expect("it is told where to");
        fs::write(dir.join(name), content).expect("the file is written");
        fs::write(dir.join(format!("{name}-journal")), "").expect("the file is written");
        output("")
    }
}

fn call(dir: &Path, kind: EventKind, config: &Value) -> Call {
    let mut config = config.clone();
    config["dir"] = json!(dir);
    config["host-dir"] = json!("/srv/dumps");
    Call::new(event(kind)).config(config).plan_grants(&["sources", "excludes"])
}

fn before(dir: &Path, config: &Value) -> Report {
    call(dir, EventKind::Before, config)
        .command("sqlite-backup", writer(dir, COPY))
        .command("sqlite-check", |_: &Invocation| output("ok\n"))
        .run(sqlite_backup::run)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_good_copy_is_put_in_place_and_backed_up() {
    let dir = directory();
    let report = before(dir.path(), &json!({"database": "/srv/app/app.db"}));
    assert!(report.is_ok(), "{report:?}");
    let asked: Vec<_> = report.commands.iter().map(|call| (&*call.command, call.argument("file"))).collect();
    assert_eq!(asked, [("sqlite-backup", Some("app.db.partial")), ("sqlite-check", Some("app.db.partial"))]);
    assert_eq!(report.plan, [PlanChange::AddSources(texts(&["/srv/dumps/app.db"]))]);
    assert_eq!(fs::read_to_string(dir.path().join("app.db")).unwrap(), COPY);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn the_live_files_can_be_left_out() {
    let dir = directory();
    let report = before(
        dir.path(),
        &json!({"database": "/srv/a[1]*/x.db", "name": "y.db", "exclude-original": true, "add-to-sources": false}),
    );
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(
        report.plan,
        [PlanChange::AddExcludes(texts(&[
            r"/srv/a\[1\]\*/x.db",
            r"/srv/a\[1\]\*/x.db-journal",
            r"/srv/a\[1\]\*/x.db-wal",
            r"/srv/a\[1\]\*/x.db-shm",
        ]))]
    );
    assert!(dir.path().join("y.db").exists());
}

#[test]
fn a_copy_that_fails_leaves_all_as_it_was() {
    let dir = directory();
    fs::write(dir.path().join("app.db"), "yesterday").unwrap();
    let config = json!({"database": "/srv/app/app.db", "exclude-original": true});
    let said = "*** in database main ***\nOn tree page 2 cell 0: Offset 65535 out of range 4092..4092\n";
    for (content, check, why) in [
        (COPY, said, "it was written, and is damaged: the check says *** in database main ***"),
        (COPY, "", "it was written, and is damaged: the check says nothing"),
        (
            "SQLite format",
            "ok",
            "what was written is no such dump: does the `argv` of the command name an SQLite database?",
        ),
        ("", "ok", "it has 0 B, less than 1 B: is this the right database?"),
    ] {
        let report = call(dir.path(), EventKind::Before, &config)
            .command("sqlite-backup", writer(dir.path(), content))
            .command("sqlite-check", move |_: &Invocation| output(check))
            .run(sqlite_backup::run);
        assert_eq!(report.error(), Some(&*format!("no dump of /srv/app/app.db: {why}")));
        assert_eq!(report.plan, []);
        assert_eq!(fs::read_to_string(dir.path().join("app.db")).unwrap(), "yesterday");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_database_that_is_locked_is_told_in_words_of_sqlite() {
    let dir = directory();
    let report = call(dir.path(), EventKind::Before, &json!({"database": "/srv/app/app.db"}))
        .command("sqlite-backup", |_: &Invocation| output("").code(1).stderr("Error: database is locked\n"))
        .run(sqlite_backup::run);
    assert_eq!(
        report.error(),
        Some("no dump of /srv/app/app.db: command `sqlite-backup` ended with exit code 1: Error: database is locked")
    );
}

#[test]
fn excludes_that_are_not_granted_are_an_error() {
    let dir = directory();
    let config = json!({
        "database": "/srv/app/app.db", "dir": dir.path(), "add-to-sources": false, "exclude-original": true,
    });
    let report = Call::new(event(EventKind::Before))
        .config(config)
        .command("sqlite-backup", writer(dir.path(), COPY))
        .command("sqlite-check", |_: &Invocation| output("ok"))
        .run(sqlite_backup::run);
    let message = report.error().unwrap();
    assert!(message.starts_with("the live database can't be left out of the backup: "), "{message}");
    assert!(message.ends_with("(`exclude-original = false` keeps it in)"), "{message}");
}

#[test]
fn the_end_of_the_run_cleans_up_and_changes_no_plan() {
    let dir = directory();
    let config = json!({"database": "/srv/app/app.db", "exclude-original": true});
    for name in ["app.db", "app.db.partial", "app.db.partial-wal", "app.db.partial-shm", "app.db.partial-journal"] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    for _ in 0..2 {
        let report = call(dir.path(), EventKind::Finally, &config).run(sqlite_backup::run);
        assert!(report.is_ok(), "{report:?}");
        assert_eq!(report.plan, []);
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["app.db"]);
    }
}

#[test]
fn settings_that_make_no_sense_are_told() {
    for (config, expected) in [
        (json!({}), "`database` is missing"),
        (json!({"database": "app.db"}), "`database`: has to be the absolute path of the database on the host"),
        (
            json!({"database": "/srv/app/app.db", "name": "it's"}),
            "`name`: `it's` can't be the name of a dump's file: it may not begin with `-` or `.`, nor have quotes, \
             `/`, `\\` or `=` in it",
        ),
        (
            json!({"database": "/srv/app/app.db", "host-dir": "/srv/app/"}),
            "`host-dir`: the copy would replace the database: name another directory",
        ),
    ] {
        let report = Call::new(event(EventKind::Before)).config(&config).run(sqlite_backup::run);
        assert_eq!(report.error(), Some(&*format!("config key {expected}")));
    }
}

#[test]
fn the_readme_configures_this_hook_and_grants_what_it_asks_for() {
    for hook in readme::hooks(include_str!("../README.md")) {
        assert_eq!(hook["component"], json!("sqlite-backup.wasm"));
        let database = hook["config"]["database"].as_str().unwrap();
        let argv = hook["grants"]["commands"]["sqlite-backup"]["argv"].to_string();
        assert!(argv.contains(&format!("\"file:{database}?mode=rw\"")), "{argv}");
        assert!(call(directory().path(), EventKind::Finally, &hook["config"]).run(sqlite_backup::run).is_ok());
        let mut config = hook["config"].clone();
        config["min-size"] = json!(0);
        let dir = directory();
        let report = before(dir.path(), &config);
        assert!(report.is_ok(), "{report:?}");
        report.commands.iter().for_each(|call| granted::check(&hook, call));
        let called: Vec<&str> = report.commands.iter().map(|call| call.command.as_str()).collect();
        assert_eq!(granted::commands(&hook), called);
        let parts = report.plan.iter().map(|change| match change {
            PlanChange::AddSources(_) => "sources",
            PlanChange::AddExcludes(_) => "excludes",
            other => panic!("{other:?}"),
        });
        let granted = hook["grants"]["plan"].as_array().cloned().unwrap_or_default();
        assert_eq!(granted, parts.collect::<Vec<_>>(), "nothing is granted in vain");
    }
}
