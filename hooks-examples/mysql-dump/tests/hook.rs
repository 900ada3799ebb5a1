//! The hook, called through the SDK's test door with stand-ins for mysqldump.
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

const DUMP: &str = "/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;\n\n-- Dump completed on 2026-11-21  3:00:07\n";

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

fn before(dir: &Path, config: &Value) -> Report {
    call(dir, EventKind::Before, config)
        .command("mysql-dump", writer(dir, DUMP))
        .command("mysql-dump-all", writer(dir, DUMP))
        .run(mysql_dump::run)
}

#[test]
fn every_database_is_dumped() {
    let dir = directory();
    let report = before(dir.path(), &json!({"databases": ["app", "wiki"]}));
    assert!(report.is_ok(), "{report:?}");
    let asked: Vec<_> = report.commands.iter().map(|call| (call.argument("database"), call.argument("file"))).collect();
    assert_eq!(asked, [(Some("app"), Some("app.sql.partial")), (Some("wiki"), Some("wiki.sql.partial"))]);
    let sources = ["/srv/dumps/app.sql", "/srv/dumps/wiki.sql"].map(str::to_owned);
    assert_eq!(report.plan, [PlanChange::AddSources(sources.into())]);
    assert_eq!(fs::read_to_string(dir.path().join("wiki.sql")).unwrap(), DUMP);
}

#[test]
fn a_whole_server_is_one_file() {
    let dir = directory();
    let report = before(dir.path(), &json!({"all": true}));
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(report.commands[0].arguments, [("file".to_owned(), "all.sql.partial".to_owned())]);
    assert_eq!(report.plan, [PlanChange::AddSources(vec!["/srv/dumps/all.sql".to_owned()])]);
}

#[test]
fn a_dump_without_its_last_line_is_none() {
    let dir = directory();
    fs::write(dir.path().join("app.sql"), "yesterday").unwrap();
    let report = call(dir.path(), EventKind::Before, &json!({"databases": ["app"], "command": "dump"}))
        .command("dump", writer(dir.path(), "INSERT INTO `t` VALUES (1),(2\n"))
        .run(mysql_dump::run);
    assert_eq!(
        report.error(),
        Some(
            "no dump of database app: it was cut off: none of its last lines is `-- Dump completed`: was the disk \
             full, or does the `argv` of the command have `--compact` or `--skip-comments`, which leave that line out?"
        )
    );
    assert_eq!(fs::read_to_string(dir.path().join("app.sql")).unwrap(), "yesterday");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_server_that_refuses_is_told_in_its_words() {
    let dir = directory();
    let denied = "mysqldump: Got error: 1045: Access denied for user 'backup'@'localhost' when trying to connect\n";
    let report = call(dir.path(), EventKind::Before, &json!({"all": true}))
        .command("mysql-dump-all", move |_: &Invocation| output("").code(2).stderr(denied))
        .run(mysql_dump::run);
    assert_eq!(
        report.error(),
        Some(&*format!(
            "no dump of all databases: command `mysql-dump-all` ended with exit code 2: {}",
            denied.trim_end()
        ))
    );
}

#[test]
fn the_end_of_the_run_cleans_up() {
    let dir = directory();
    for name in ["app.sql", "app.sql.partial"] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    for (keep, left) in [(true, 1), (true, 1), (false, 0), (false, 0)] {
        let config = json!({"databases": ["app"], "keep": keep});
        assert!(call(dir.path(), EventKind::Finally, &config).run(mysql_dump::run).is_ok());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), left);
    }
}

#[test]
fn settings_that_make_no_sense_are_told() {
    for (config, expected) in [
        (json!({}), "`databases`: name one here, or set `all = true`"),
        (json!({"databases": ["a", "a"]}), "`databases[1]`: `a` is named twice"),
        (
            json!({"databases": ["../a"]}),
            "`databases[0]`: `../a` can't be the name of a dump's file: it may not begin with `-` or `.`, nor have \
             quotes, `/`, `\\` or `=` in it",
        ),
        (json!({"databases": ["a"], "all": true}), "`databases`: `all = true` has them all: leave one of the two out"),
        (
            json!({"databases": ["a"], "host-dir": "dumps"}),
            "`host-dir`: has to be an absolute path: the `host` of the hook's `dirs` grant",
        ),
    ] {
        let report = Call::new(event(EventKind::Before)).config(&config).run(mysql_dump::run);
        assert_eq!(report.error(), Some(&*format!("config key {expected}")));
    }
}

#[test]
fn the_readme_configures_this_hook_and_grants_what_it_asks_for() {
    for hook in readme::hooks(include_str!("../README.md")) {
        assert_eq!(hook["component"], json!("mysql-dump.wasm"));
        assert_eq!(hook["config"]["host-dir"], hook["grants"]["dirs"][0]["host"]);
        assert!(call(directory().path(), EventKind::Finally, &hook["config"]).run(mysql_dump::run).is_ok());
        let mut config = hook["config"].clone();
        config["min-size"] = json!(0);
        let dir = directory();
        let report = before(dir.path(), &config);
        assert!(report.is_ok(), "{report:?}");
        report.commands.iter().for_each(|call| granted::check(&hook, call));
        assert_eq!(granted::commands(&hook), [report.commands[0].command.as_str()], "nothing is granted in vain");
    }
}
