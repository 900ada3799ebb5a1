//! `require-path`: files, settings, errors.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use hookward_engine::log::Level;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Case;
use crate::subject::Subject;

const HOUR: Duration = Duration::from_secs(3600);
/// What is said of a path behind its name.
pub(crate) const ABSENT: &str =
    "isn't there: is the disk plugged in and mounted, and does the hook's `dirs` grant show this path?";

fn write(path: &Path, content: &str, age: Duration) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

/// What every case finds at `/data`.
fn ground() -> TempDir {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    write(&at("dump.sql"), "12345", HOUR * 49 + Duration::from_secs(90));
    write(&at("old"), "12345", HOUR * 24 * 500 + Duration::from_secs(90));
    write(&at("empty"), "", HOUR);
    write(&at("grüße ☃/日本"), "x", HOUR);
    fs::create_dir(at("hollow")).unwrap();
    write(&at("tree/old"), "12345", HOUR * 100);
    write(&at("tree/a/b/less-old"), "12345", HOUR * 30 + Duration::from_secs(5));
    fs::create_dir_all(at("dirs-only/a/b")).unwrap();
    write(&at("disk/.disk/id"), "", HOUR);
    std::os::unix::fs::symlink("dump.sql", at("link")).unwrap();
    fs::create_dir(at("links")).unwrap();
    std::os::unix::fs::symlink("../dump.sql", at("links/link")).unwrap();
    let future = File::create(at("future")).unwrap();
    future.set_modified(SystemTime::now() + HOUR).unwrap();
    dir
}

fn told(subject: &Subject, config: Value) -> Option<String> {
    let dir = ground();
    subject.require_path(config).dir(dir.path(), "/data").run().told().map(str::to_owned)
}

/// Config, and what is told.
fn rows() -> Vec<(&'static str, Value, Option<String>)> {
    let row = |name, config, expected: &str| (name, config, Some(expected.to_owned()));
    let fine = |name, config| (name, config, None);
    let key = |name, config, key: &str, message: &str| (name, config, Some(format!("config key `{key}`: {message}")));
    vec![
        fine("a directory is there", json!({"path": "/data"})),
        fine("a file is there", json!({"path": "/data/dump.sql", "kind": "file", "not-empty": true})),
        fine("several are there", json!({"paths": ["/data/dump.sql", "/data/tree"]})),
        fine("names that aren't ASCII", json!({"path": "/data/grüße ☃/日本", "not-empty": true})),
        fine("no path needs a dot less", json!({"path": "/data/./tree/../tree", "kind": "dir"})),
        row(
            "everything that is missing is told",
            json!({"path": "/data/a", "paths": ["/data", "/data/ü"]}),
            &format!("/data/a {ABSENT}; /data/ü {ABSENT}"),
        ),
        row("what is not granted isn't there", json!({"path": "/etc"}), &format!("/etc {ABSENT}")),
        row("nor is what is beside it", json!({"path": "/database"}), &format!("/database {ABSENT}")),
        row(
            "a file instead of a directory",
            json!({"path": "/data/dump.sql", "kind": "dir"}),
            "/data/dump.sql is a file, and has to be a directory",
        ),
        row(
            "a directory instead of a file",
            json!({"path": "/data", "kind": "file"}),
            "/data is a directory, and has to be a file",
        ),
        fine("a sentinel", json!({"path": "/data/disk", "sentinel": ".disk/id"})),
        row(
            "no sentinel",
            json!({"path": "/data/tree", "sentinel": ".disk"}),
            "/data/tree is there without .disk in it: either nothing is mounted there or it is another disk than expected",
        ),
        row(
            "a sentinel in a file",
            json!({"path": "/data/dump.sql", "sentinel": "id"}),
            "/data/dump.sql is a file, and has to be a directory with id in it",
        ),
        row(
            "an empty directory",
            json!({"path": "/data/hollow", "not-empty": true}),
            "/data/hollow is an empty directory: is the disk mounted there?",
        ),
        row(
            "an empty file",
            json!({"path": "/data/empty", "not-empty": true}),
            "/data/empty is an empty file: look at what writes it",
        ),
        fine("a file that is young enough", json!({"path": "/data/dump.sql", "newer-than": "2days 2h"})),
        row(
            "a file that is too old",
            json!({"path": "/data/dump.sql", "newer-than": "25h"}),
            "/data/dump.sql was last written 2days 1h 1m ago, longer than 1day 1h: look at what should write it",
        ),
        row(
            "a file that is much too old",
            json!({"path": "/data/old", "newer-than": "1w"}),
            "/data/old was last written 1year 4months 12days 23h 46m 36s ago, longer than 7days: look at what should write it",
        ),
        fine("a file of the future", json!({"path": "/data/future", "newer-than": "1s"})),
        fine("a directory as young as its youngest file", json!({"path": "/data/tree", "newer-than": "31h"})),
        row(
            "a directory with old files",
            json!({"path": "/data/tree", "newer-than": "25h"}),
            "/data/tree holds nothing newer than a/b/less-old of 1day 6h ago, longer than 1day 1h: look at what should write it",
        ),
        row(
            "a directory without files",
            json!({"path": "/data/dirs-only", "newer-than": "25h"}),
            "/data/dirs-only holds no file at all: look at what should write there",
        ),
        fine("a link is followed to its path", json!({"path": "/data/link", "kind": "file", "min-size": 5})),
        row(
            "links in a directory are not followed",
            json!({"path": "/data/links", "newer-than": "100d"}),
            "/data/links holds no file at all: look at what should write there",
        ),
        fine("a file that is large enough", json!({"path": "/data/dump.sql", "min-size": "5B"})),
        row(
            "a file that is too small",
            json!({"path": "/data/dump.sql", "min-size": "1.5 KiB"}),
            "/data/dump.sql holds 5 B, less than 1.5 KiB: look at what writes it",
        ),
        fine("a directory as large as its files", json!({"path": "/data/tree", "min-size": 10})),
        row(
            "a directory that is too small",
            json!({"path": "/data/tree", "min-size": "2MB"}),
            "/data/tree holds 10 B, less than 1.9 MiB: look at what writes it",
        ),
        fine(
            "durations in all forms",
            json!({"path": "/data/dump.sql", "newer-than": "1week 1.5 days 3hours 4min 5 s"}),
        ),
        key("no path at all", json!({}), "path", "name a path here, or several in `paths`"),
        key(
            "a path that isn't absolute",
            json!({"path": "usb"}),
            "path",
            "`usb` has to be one absolute path; several stand in `paths`",
        ),
        key(
            "a list in the place of a path",
            json!({"path": ["/a", "/b"]}),
            "path",
            "`[\"/a\",\"/b\"]` has to be one absolute path; several stand in `paths`",
        ),
        key(
            "a sentinel of a file",
            json!({"path": "/a", "kind": "file", "sentinel": "x"}),
            "sentinel",
            "only a directory can hold one, and `kind` is `file`",
        ),
        key(
            "a sentinel outside",
            json!({"path": "/a", "sentinel": "../x"}),
            "sentinel",
            "has to be a name or path below the directory",
        ),
        key(
            "a kind that is none",
            json!({"path": "/a", "kind": "disk"}),
            "kind",
            "unknown variant `disk`, expected one of `any`, `file`, `dir`",
        ),
        key(
            "a flag that is none",
            json!({"path": "/a", "not-empty": "yes"}),
            "not-empty",
            "invalid type: string \"yes\", expected a boolean",
        ),
        key("a list that is none", json!({"paths": "/a"}), "paths", "invalid type: string \"/a\", expected a sequence"),
        key(
            "a duration that is none",
            json!({"path": "/a", "newer-than": "soon"}),
            "newer-than",
            "invalid value: string \"soon\", expected a duration",
        ),
        key(
            "a duration without a unit",
            json!({"path": "/a", "newer-than": "5x"}),
            "newer-than",
            "invalid value: string \"5x\", expected a duration",
        ),
        key(
            "a size that is none",
            json!({"path": "/a", "min-size": "lots"}),
            "min-size",
            "invalid value: string \"lots\", expected parsable string",
        ),
        row(
            "a key that isn't known",
            json!({"path": "/a", "newer": "1h"}),
            "config key `newer` is not known, the known ones are `path`, `paths`, `kind`, `not-empty`, `sentinel`, \
             `newer-than`, `min-size`",
        ),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    let rows = rows().into_iter().map(|(name, config, expected)| {
        Case::new(format!("require-path: {name}"), move |subject| assert_eq!(told(subject, config.clone()), expected))
    });
    let more = [
        Case::new("require-path: what is there is logged", |subject| {
            let dir = ground();
            let call = subject.require_path(json!({"paths": ["/data/dump.sql", "/data/grüße ☃"]}));
            let outcome = call.dir(dir.path(), "/data").run();
            let line = |path| (Level::Debug, "as it should be", vec![("path", path)]);
            assert_eq!(outcome.log(), [line("/data/dump.sql"), line("/data/grüße ☃")]);
        }),
        Case::new("require-path: nothing granted at all", |subject| {
            let outcome = subject.require_path(json!({"path": "/data"})).run();
            assert_eq!(outcome.told(), Some(format!("/data {ABSENT}").as_str()));
        }),
        Case::new("require-path: of several directories the one that holds the path", |subject| {
            let (outer, inner) = (ground(), ground());
            fs::write(inner.path().join("here"), "").unwrap();
            let call = subject.require_path(json!({"paths": ["/data/tree", "/data/inner/here"]}));
            call.dir(outer.path(), "/data").dir(inner.path(), "/data/inner").run().ok();
        }),
        Case::new("require-path: a long error is cut", |subject| {
            let paths: Vec<String> = (0..200).map(|n| format!("/data/missing-{n}")).collect();
            let outcome = subject.require_path(json!({ "paths": paths })).run();
            let failure = outcome.failed(hookward_engine::Reason::Error);
            assert!(failure.truncated && failure.message.starts_with("/data/missing-0 isn't there"), "{failure:?}");
        }),
    ];
    rows.chain(more).collect()
}
