//! The library, called by a hook of the test with a command that writes real files.
#![expect(clippy::expect_used, reason = "in helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};

use dump::{Dump, Folder, Verify, Whole};
use hookward_sdk::command::command;
use hookward_sdk::testing::{Call, EventBuilder, Invocation, OutputBuilder, Report, event, output};
use hookward_sdk::{ConfigError, Event, EventKind, Level, PlanChange};
use tempfile::TempDir;

const END: &str = "-- the end";

/// A directory, which the host calls `/srv/dumps`.
struct Lab {
    dir: TempDir,
    keep: bool,
    add: bool,
}

impl Lab {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("there is a temporary directory"), keep: true, add: true }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).expect("the file is written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the file is there")
    }

    /// The names of the files that are there.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).expect("the directory is there");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("it is read").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A command that writes this to the file that it is asked for.
    fn writer(&self, content: &'static str) -> impl FnMut(&Invocation) -> OutputBuilder + 'static {
        let dir = self.dir.path().to_owned();
        move |call| {
            write(&dir, call, content);
            output("")
        }
    }

    fn call(&self, event: EventBuilder) -> Call {
        Call::new(event).plan_grants(&["sources"])
    }

    /// Dumps `app`, by the command `dump`.
    fn run(&self, call: Call) -> Report {
        self.run_all(call, vec![plain("app")])
    }

    fn run_all(&self, call: Call, dumps: Vec<Dump>) -> Report {
        let host = Some(PathBuf::from("/srv/dumps"));
        let folder = Folder::new(self.dir.path().to_owned(), host, self.add, self.keep).expect("the paths will do");
        call.run(move |event: &Event| dump::run(event, &folder, &dumps))
    }
}

fn write(dir: &Path, call: &Invocation, content: &str) {
    let name = call.argument("file").expect("it is told where to");
    fs::write(dir.join(name), content).expect("the file is written");
}

fn plain(name: &str) -> Dump {
    Dump {
        what: format!("database {name}"),
        file: format!("{name}.sql"),
        command: command("dump").arg("database", name),
        whole: Whole::Ends(END, "was the disk full?"),
        min_size: 0,
        verify: None,
        beside: &["-wal"],
    }
}

fn before() -> EventBuilder {
    event(EventKind::Before)
}

fn added(report: &Report) -> Vec<String> {
    match report.plan.as_slice() {
        [] => Vec::new(),
        [PlanChange::AddSources(sources)] => sources.clone(),
        other => vec![format!("{other:?}")],
    }
}

#[test]
fn a_whole_dump_replaces_the_last_one_and_is_backed_up() {
    let lab = Lab::new();
    lab.put("app.sql", "yesterday");
    let report = lab.run(lab.call(before()).command("dump", lab.writer("data\n-- the end of app\n\n\\unrestrict x\n")));
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(report.commands[0].argument("file"), Some("app.sql.partial"));
    assert_eq!(report.commands[0].argument("database"), Some("app"));
    assert_eq!(lab.files(), ["app.sql"]);
    assert!(lab.read("app.sql").starts_with("data"));
    assert_eq!(added(&report), ["/srv/dumps/app.sql"]);
    let told = report.logs.iter().find(|log| log.message == "dumped database app").unwrap();
    assert_eq!((told.field("file"), told.field("bytes")), (Some("/srv/dumps/app.sql"), Some("38")));
}

#[test]
fn what_the_command_says_is_told() {
    let lab = Lab::new();
    let mut writer = lab.writer(END);
    let report = lab.run(lab.call(before()).command("dump", move |call: &Invocation| {
        writer(call).stderr(format!("{}warning: circular keys\n", "\n".repeat(1000)))
    }));
    let warned: Vec<_> = report.logs.iter().filter(|log| log.level == Level::Warn).collect();
    assert_eq!(warned.len(), 1);
    assert_eq!(warned[0].message, "warning: circular keys");
}

#[test]
fn a_failed_command_leaves_the_last_dump_and_no_partial_one() {
    let lab = Lab::new();
    lab.put("app.sql", "yesterday");
    let dir = lab.dir.path().to_owned();
    let report = lab.run(lab.call(before()).command("dump", move |call: &Invocation| {
        write(&dir, call, "half");
        fs::write(dir.join("app.sql.partial-wal"), "").expect("the file is written");
        output("").code(1).stderr("pg_dump: error: no such database\n")
    }));
    assert_eq!(
        report.error(),
        Some("no dump of database app: command `dump` ended with exit code 1: pg_dump: error: no such database")
    );
    assert_eq!(lab.files(), ["app.sql"]);
    assert_eq!(lab.read("app.sql"), "yesterday");
    assert_eq!(report.plan, []);
}

#[test]
fn a_dump_that_was_cut_off_is_none() {
    let lab = Lab::new();
    lab.put("app.sql", "yesterday");
    for (content, why) in [
        ("", "it has 0 B, less than 1 B: is this the right database?"),
        ("data\n-- the en", "it was cut off: none of its last lines is `-- the end`: was the disk full?"),
        ("data that says -- the end", "it was cut off: none of its last lines is `-- the end`: was the disk full?"),
    ] {
        let report = lab.run(lab.call(before()).command("dump", lab.writer(content)));
        assert_eq!(report.error(), Some(&*format!("no dump of database app: {why}")));
        assert_eq!(lab.files(), ["app.sql"]);
        assert_eq!(lab.read("app.sql"), "yesterday");
    }
}

#[test]
fn the_last_line_is_looked_for_at_the_end_of_a_large_file() {
    let lab = Lab::new();
    let with = |content: &str| {
        let content: &'static str = content.to_owned().leak();
        lab.run(lab.call(before()).command("dump", lab.writer(content))).is_ok()
    };
    let data = "data\n".repeat(10_000);
    assert!(with(&format!("{data}{END}\n")));
    assert!(!with(&format!("{END}\n{data}")));
}

#[test]
fn a_dump_may_be_known_by_its_beginning() {
    let lab = Lab::new();
    let archive =
        || vec![Dump { whole: Whole::Begins(b"PGDMP", "is it `--format=custom`?"), min_size: 8, ..plain("app") }];
    let report = lab.run_all(lab.call(before()).command("dump", lab.writer("PGDMP123")), archive());
    assert!(report.is_ok(), "{report:?}");
    for (content, why) in [
        ("--\n-- PGDMP", "what was written is no such dump: is it `--format=custom`?"),
        ("PGD", "it has 3 B, less than 8 B: is this the right database?"),
        ("PGDMP12", "it has 7 B, less than 8 B: is this the right database?"),
    ] {
        let report = lab.run_all(lab.call(before()).command("dump", lab.writer(content)), archive());
        assert_eq!(report.error(), Some(&*format!("no dump of database app: {why}")));
    }
}

#[test]
fn a_dump_is_looked_at_before_it_replaces_the_last_one() {
    let lab = Lab::new();
    lab.put("app.sql", "yesterday");
    let run = |says, answer: OutputBuilder| {
        let verify = Some(Verify { command: command("check"), says });
        let call = lab.call(before()).command("dump", lab.writer(END)).command("check", move |call: &Invocation| {
            assert_eq!(call.argument("file"), Some("app.sql.partial"));
            answer.clone()
        });
        lab.run_all(call, vec![Dump { verify, ..plain("app") }]).error().map(str::to_owned)
    };
    let damaged = "no dump of database app: it was written, and is damaged: ";
    assert_eq!(
        run(None, output("").code(1).stderr("end of file")),
        Some(format!("{damaged}command `check` ended with exit code 1: end of file"))
    );
    assert_eq!(
        run(Some("ok"), output("\nrow 1 missing\nrow 2\n")),
        Some(format!("{damaged}the check says row 1 missing"))
    );
    assert_eq!(run(Some("ok"), output("")), Some(format!("{damaged}the check says nothing")));
    assert_eq!(lab.read("app.sql"), "yesterday");
    assert_eq!(run(Some("ok"), output("ok\n")), None);
    assert_eq!(lab.read("app.sql"), END);
}

#[test]
fn a_check_that_is_not_granted_is_no_damage() {
    let lab = Lab::new();
    let dumps = vec![Dump { verify: Some(Verify { command: command("check"), says: None }), ..plain("app") }];
    let report = lab.run_all(lab.call(before()).command("dump", lab.writer(END)), dumps);
    assert_eq!(
        report.error(),
        Some(
            "no dump of database app: it was written, and can't be checked: no command `check` is granted: grant it \
             in `grants.commands.check`"
        )
    );
}

#[test]
fn the_others_are_dumped_when_one_fails() {
    let lab = Lab::new();
    let mut writer = lab.writer(END);
    let call = lab.call(before()).command("dump", move |call: &Invocation| match call.argument("database") {
        Some("b") => output("").code(1),
        _ => writer(call),
    });
    let report = lab.run_all(call, ["a", "b", "c"].map(plain).into());
    assert_eq!(report.error(), Some("no dump of database b: command `dump` ended with exit code 1"));
    assert_eq!(lab.files(), ["a.sql", "c.sql"]);
}

#[test]
fn a_file_that_landed_elsewhere_is_told() {
    let lab = Lab::new();
    let report = lab.run(lab.call(before()).command("dump", |_: &Invocation| output("")));
    let message = report.error().unwrap().replace(&lab.dir.path().display().to_string(), "DIR");
    assert_eq!(
        message,
        "no dump of database app: the command ended well, and /srv/dumps/app.sql.partial isn't there: does the \
         `argv` of the command write to the directory that the hook's `dirs` grant shows as DIR?"
    );
}

#[test]
fn a_directory_that_is_missing_is_told_before_anything_is_started() {
    let lab = Lab::new();
    fs::remove_dir(lab.dir.path()).unwrap();
    let report = lab.run(lab.call(before()).command("dump", |_: &Invocation| output("")));
    let message = report.error().unwrap();
    assert!(message.starts_with("the directory of the dumps can't be looked at: "), "{message}");
    assert_eq!(report.commands, []);
}

#[test]
fn a_leftover_that_cannot_be_removed_stops_the_dump() {
    let lab = Lab::new();
    fs::create_dir(lab.path("app.sql.partial")).unwrap();
    let report = lab.run(lab.call(before()).command("dump", lab.writer(END)));
    let message = report.error().unwrap();
    assert!(message.starts_with("no dump of database app: /srv/dumps/app.sql.partial can't be removed: "), "{message}");
    assert!(message.contains("`write = true`"), "{message}");
    assert_eq!(report.commands, []);
}

#[test]
fn what_is_backed_up_already_is_not_added() {
    let lab = Lab::new();
    let add = |sources: &[&str]| {
        let call = Call::new(before().sources(sources.iter().copied())).plan_grants(&["sources"]);
        let report = lab.run_all(call.command("dump", lab.writer(END)), ["a", "b"].map(plain).into());
        assert!(report.is_ok(), "{report:?}");
        added(&report)
    };
    assert_eq!(add(&["/home"]), ["/srv/dumps/a.sql", "/srv/dumps/b.sql"]);
    assert_eq!(add(&["/home", "/srv/"]), [""; 0]);
    assert_eq!(add(&["/srv/dumps"]), [""; 0]);
    assert_eq!(add(&["/srv/dumps/a.sql"]), ["/srv/dumps/b.sql"]);
    // Names that only begin alike, and what isn't a path of the host.
    assert_eq!(add(&["/srv/dump", "/srv/dumps/a", "", "srv"]).len(), 2);
}

#[test]
fn sources_that_may_not_be_added_are_an_error() {
    let mut lab = Lab::new();
    let call = |lab: &Lab| Call::new(before()).command("dump", lab.writer(END));
    let report = lab.run(call(&lab));
    let message = report.error().unwrap();
    assert!(message.starts_with("the dumps can't be added to the backup: "), "{message}");
    assert!(message.ends_with("(`add-to-sources = false` leaves them out)"), "{message}");
    lab.add = false;
    let report = lab.run(call(&lab));
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(report.plan, []);
}

#[test]
fn a_dry_run_changes_no_file() {
    let mut lab = Lab::new();
    lab.keep = false;
    lab.put("a.sql", "yesterday");
    lab.put("b.sql.partial", "half");
    let call = lab.call(before().dry_run(true)).command("dump", lab.writer(END));
    let report = lab.run_all(call, ["a", "b"].map(plain).into());
    assert!(report.is_ok());
    assert_eq!(report.commands, []);
    assert!(report.logged("dry run: no dump of database b"));
    // Only what exists can be shown.
    assert_eq!(added(&report), ["/srv/dumps/a.sql"]);
    let report = lab.run_all(lab.call(event(EventKind::Finally).dry_run(true)), ["a", "b"].map(plain).into());
    assert!(report.is_ok());
    assert_eq!(lab.files(), ["a.sql", "b.sql.partial"]);
}

#[test]
fn leftovers_are_removed_at_the_end_and_dumps_only_when_asked() {
    let mut lab = Lab::new();
    for name in ["app.sql", "app.sql.partial", "app.sql.partial-wal", "other.sql", "other.sql.partial"] {
        lab.put(name, "");
    }
    // The second time as the first, as after a crash of the host.
    for recovered in [false, true] {
        let report = lab.run(lab.call(event(EventKind::Finally).recovered(recovered)));
        assert!(report.is_ok(), "{report:?}");
        assert_eq!(lab.files(), ["app.sql", "other.sql", "other.sql.partial"]);
    }
    lab.keep = false;
    for _ in 0..2 {
        let report = lab.run(lab.call(event(EventKind::Finally)));
        assert!(report.is_ok(), "{report:?}");
        assert_eq!(lab.files(), ["other.sql", "other.sql.partial"]);
    }
}

#[test]
fn elsewhere_there_is_nothing_to_dump() {
    let mut lab = Lab::new();
    lab.keep = false;
    lab.put("app.sql", "");
    for misplaced in
        [event(EventKind::Success), before().operation("check"), event(EventKind::Finally).operation("forget")]
    {
        let report = lab.run(lab.call(misplaced).command("dump", lab.writer(END)));
        assert!(report.is_ok());
        assert!(report.warnings[0].starts_with("nothing to dump in `"), "{:?}", report.warnings);
        assert_eq!(report.commands, []);
    }
    assert_eq!(lab.files(), ["app.sql"]);
}

#[test]
fn paths_and_names_that_make_no_sense_are_told() {
    let folder = |dir: &str, host: Option<&str>, add| {
        Folder::new(dir.into(), host.map(Into::into), add, true)
            .err()
            .and_then(|error: ConfigError| error.key().map(str::to_owned))
    };
    assert_eq!(folder("/dumps", Some("/srv"), true), None);
    assert_eq!(folder("/dumps", None, false), None);
    assert_eq!(folder("/dumps", None, true).as_deref(), Some("host-dir"));
    assert_eq!(folder("/dumps", Some("srv"), false).as_deref(), Some("host-dir"));
    assert_eq!(folder("dumps", Some("/srv"), true).as_deref(), Some("dir"));
    for name in ["app", "my app", "größe", "a.b-c"] {
        assert_eq!(dump::check_name("name", name), Ok(()), "{name}");
    }
    for name in ["", ".", "..", "-x", "a/b", "a\\b", "dbname=app", "it's", "a\"b", "a\nb"] {
        assert!(dump::check_name("name", name).is_err(), "{name}");
    }
}
