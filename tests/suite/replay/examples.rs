//! Every hook that comes with Hookward: its calls in whole runs, with what stands in for
//! its counterpart, and each of them again with none of it there.

use std::collections::BTreeSet;
use std::fs;

use hookward_tests::counterparts::{Answer, Recorder};
use hookward_tests::lab::Lab;
use hookward_tests::repository::{lab, snapshots};
use hookward_tests::systemd::Systemd;

use crate::page::{example, lab_of};
use crate::support::{calls, elsewhere, end, identical, records, script, secret};

/// Runs the lab's profile with records, and replays all of them, with the lab gone.
/// How many there are, and the functions that they called.
#[track_caller]
fn replayed(lab: Lab, code: i32, hooks: usize) -> BTreeSet<String> {
    let finished = lab.run(["run", "p", "--record", lab.path("records").to_str().unwrap()]);
    assert_eq!(finished.code, code, "{finished:?}");
    let records = records(&lab);
    assert_eq!(records.len(), hooks, "{records:?}: {finished:?}");
    let aside = tempfile::tempdir().unwrap();
    let mut functions = BTreeSet::new();
    let mut kept = Vec::new();
    for record in &records {
        let copy = aside.path().join(record.file_name().unwrap());
        fs::copy(record, &copy).unwrap();
        kept.push(copy);
    }
    drop(lab);
    for record in &kept {
        let report = identical(record);
        assert_eq!(report["report"]["log"], end(record)["log"], "{report:#}");
        assert_eq!(report["report"]["plan"], end(record)["plan"], "{report:#}");
        functions.extend(calls(record).iter().map(|call| call["call"].as_str().unwrap().to_owned()));
    }
    functions
}

fn has(functions: &BTreeSet<String>, name: &str) {
    assert!(functions.iter().any(|function| function.contains(name)), "no {name} in {functions:?}");
}

#[test]
fn command() {
    let lab =
        lab_of(&example("command", "/usr/local/bin/backup-hook", &[("/usr/local/bin/backup-hook", "@lab@/bin/hook")]));
    script(&lab, "hook", "cat >/dev/null; echo \"it is $(date +%N)\"; echo odd >&2");
    has(&replayed(lab, 0, 2), "command#run");
}

#[test]
fn docker_container() {
    let hook = example("docker-container", "stop-db", &[("/var/run/docker.sock", "@lab@/docker.sock")]);
    has(&replayed(lab_of(&hook), 80, 2), "outgoing-handler#handle");
    let server = Recorder::start([
        Answer::new(
            200,
            r#"{"Id":"4711","State":{"Status":"running","Running":true,"StartedAt":"2026-01-01T00:00:00Z"}}"#,
        ),
        Answer::new(204, ""),
        Answer::new(
            200,
            r#"{"Id":"4711","State":{"Status":"exited","Running":false,"StartedAt":"2026-01-01T00:00:00Z"}}"#,
        ),
        Answer::new(
            200,
            r#"{"Id":"4711","State":{"Status":"exited","Running":false,"StartedAt":"2026-01-01T00:00:00Z"}}"#,
        ),
        Answer::new(204, ""),
        Answer::new(
            200,
            r#"{"Id":"4711","State":{"Status":"running","Running":true,"StartedAt":"2026-01-02T00:00:00Z"}}"#,
        ),
    ]);
    // The engine's answers by TCP: where it listens is the grant's to say.
    let url = format!("url = \"{}\"", server.url(""));
    let hook = example(
        "docker-container",
        "stop-db",
        &[
            ("url = \"http://docker\", unix = \"/var/run/docker.sock\"", &url),
            ("containers = [\"db\"]", &format!("containers = [\"db\"], url = \"{}\"", server.url(""))),
        ],
    );
    // Whether this engine is to the hook's taste is not what is tested.
    let lab = lab_of(&hook);
    let finished = lab.run(["run", "p", "--record", lab.path("records").to_str().unwrap()]);
    let kept = records(&lab);
    assert!(!kept.is_empty(), "{finished:?}");
    kept.iter().for_each(|record| drop(identical(record)));
}

#[test]
fn healthchecks() {
    let server = Recorder::start([Answer::new(429, "slow down").header("retry-after", "1")]);
    let grant = format!("url = \"{}/*\"", server.url(""));
    let changes = [
        ("url = \"https://hc-ping.com/*\"", grant.as_str()),
        ("/etc/hookward/ping-url", "@lab@/ping-url"),
        ("delay = \"5s\"", "delay = \"50ms\""),
    ];
    let lab = lab_of(&example("healthchecks", "https://hc-ping.com", &changes));
    let check = "9f8e7d6c-5b4a-4c3d-8e2f-1a0b9c8d7e6f";
    secret(&lab, "ping-url", &format!("{}/{check}\n", server.url("")));
    let finished = lab.run(["run", "p", "--record", lab.path("records").to_str().unwrap()]);
    assert_eq!(finished.code, 0, "{finished:?}");
    drop(server);
    let all = records(&lab);
    assert!(all.len() >= 2, "{finished:?}");
    for record in &all {
        identical(record);
        assert!(!fs::read_to_string(record).unwrap().contains(check));
    }
}

#[test]
fn metrics_textfile() {
    let changes = [("/var/lib/prometheus/node-exporter", "@lab@/metrics")];
    let lab = lab_of(&example("metrics-textfile", "node-exporter", &changes));
    fs::create_dir(lab.path("metrics")).unwrap();
    has(&replayed(lab, 0, 1), "output-stream.");
}

/// A program that writes the file of `--file=` or `--result-file=`.
const DUMPER: &str = "for word; do case \"$word\" in --file=*|--result-file=*) file=\"${word#*=}\" ;; esac; done\n\
                      [ \"$file\" = /dev/null ] || printf 'PGDMP of something\\n-- Dump completed on now\\n-- PostgreSQL database cluster dump complete\\n' >\"$file\"";

#[test]
fn postgres_dump() {
    let changes = [
        ("/srv/dumps", "@lab@/dumps"),
        ("user = \"postgres\"\n", ""),
        ("[\"pg_dump\"", "[\"@lab@/bin/dumper\""),
        ("[\"pg_restore\"", "[\"@lab@/bin/dumper\""),
        ("[\"pg_dumpall\"", "[\"@lab@/bin/dumper\""),
    ];
    let lab = lab_of(&example("postgres-dump", "globals = true", &changes));
    fs::create_dir(lab.path("dumps")).unwrap();
    script(&lab, "dumper", DUMPER);
    has(&replayed(lab, 0, 2), "plan#add-sources");
}

#[test]
fn mysql_dump() {
    let changes = [
        ("/srv/dumps", "@lab@/dumps"),
        ("\"mariadb-dump\", ", "\"@lab@/bin/dumper\", "),
        ("/etc/hookward/my.cnf", "@lab@/my.cnf"),
    ];
    let lab = lab_of(&example("mysql-dump", "my.cnf", &changes));
    fs::create_dir(lab.path("dumps")).unwrap();
    script(&lab, "dumper", DUMPER);
    has(&replayed(lab, 0, 2), "descriptor.rename-at");
}

#[test]
fn notify() {
    let server = Recorder::start([Answer::new(500, "broken"), Answer::new(204, "")]);
    let grant = server.url("/api/webhooks/*");
    let changes = [
        ("https://discord.com/api/webhooks/*", grant.as_str()),
        ("/etc/hookward/discord-webhook", "@lab@/discord"),
        ("delay = \"10s\"", "delay = \"50ms\""),
    ];
    let lab = lab_of(&example("notify", "https://discord.com", &changes));
    let token = "aBcDeFgHiJkLmNoPqRsT";
    secret(&lab, "discord", &server.url(&format!("/api/webhooks/4711/{token}")));
    // The backup can't but fail.
    fs::remove_dir_all(lab.path("repo/keys")).unwrap();
    let finished = lab.run(["run", "p", "--record", lab.path("records").to_str().unwrap()]);
    assert_eq!((finished.code, server.requests().len()), (1, 2), "{finished:?}");
    drop(server);
    let all = records(&lab);
    let [refused, taken] = all.as_slice() else { panic!("{finished:?}") };
    for record in &all {
        assert!(!fs::read_to_string(record).unwrap().contains(token));
    }
    identical(taken);
    // The hook looks for the secret URL in what the server says, and how long that takes
    // is the URL's affair: another text takes other fuel, and nothing else is different.
    let (_, report) = elsewhere(refused, &[]);
    assert!(report["divergence"].is_null(), "{report:#}");
    let differences = report["differences"].as_array().unwrap();
    assert!(differences.iter().all(|difference| difference["what"] == "fuel"), "{report:#}");
    let fuel = |value: &serde_json::Value| value["fuel"].as_u64().unwrap();
    assert!(fuel(&report["report"]).abs_diff(fuel(&end(refused))) < 1000, "{report:#}");
}

#[test]
fn require_path() {
    let changes = [("host = \"/mnt/usb\"", "host = \"@lab@/usb\""), ("/var/lib/postgresql-dumps", "@lab@/dumps")];
    let hooks = example(
        "require-path",
        "usb-disk",
        &[&changes[..], &[("min-size = \"1MiB\"", "min-size = \"1KiB\"")]].concat(),
    );
    let lab = lab_of(&hooks);
    for dir in ["usb", "usb/.backup-disk", "dumps"] {
        fs::create_dir(lab.path(dir)).unwrap();
    }
    fs::write(lab.path("dumps/db.sql"), vec![b'x'; 2048]).unwrap();
    has(&replayed(lab, 0, 2), "stat");
    // A directory that isn't there keeps the call from beginning.
    replayed(lab_of(&hooks), 0, 1);
}

#[test]
fn size_guard() {
    let lab = lab_of(&example("size-guard", "max-shrink", &[("min-files = 100\n", "")]));
    assert_eq!((lab.run(["run", "p"]).code, snapshots(&lab).len()), (0, 1));
    let functions = replayed(lab, 0, 1);
    has(&functions, "store#open");
    has(&functions, "store#commit");
}

#[test]
fn sqlite_backup() {
    let changes = [
        ("/srv/app/app.db", "@lab@/source/app.db"),
        ("/srv/dumps", "@lab@/dumps"),
        ("user = \"app\"\n", ""),
        ("[\"sqlite3\"", "[\"@lab@/bin/sqlite3\""),
    ];
    let lab = lab_of(&example("sqlite-backup", "/srv/app/app.db", &changes));
    fs::create_dir(lab.path("dumps")).unwrap();
    fs::write(lab.path("source/app.db"), "rows\n").unwrap();
    // The real program is tested elsewhere.
    script(
        &lab,
        "sqlite3",
        "case \"$*\" in *.backup*) printf 'SQLite format 3\\0 and rows' >\"@lab@/dumps/app.db.partial\" ;; *) echo ok ;; esac",
    );
    has(&replayed(lab, 0, 2), "command#run");
}

#[test]
fn systemd_unit() {
    let program = [("\"systemctl\", ", "\"@lab@/systemd/systemctl\", ")];
    let lab = lab(&[example("systemd-unit", "stop-app", &program)]);
    let systemd = Systemd::stand_in(&lab);
    systemd.running("app.socket", "");
    // Waited for: time passes in the record alone.
    systemd.running("app.service", "stop-takes=300");
    has(&replayed(lab, 0, 2), "command#run");
}

#[test]
fn time_window() {
    let functions = replayed(lab_of(&example("time-window", "at-night", &[])), 0, 1);
    has(&functions, "wall-clock#now");
}

#[test]
fn volume_snapshot() {
    let changes = [
        ("\"btrfs\", \"subvolume\"", "\"@lab@/bin/btrfs\", \"subvolume\""),
        ("\"/srv", "\"@lab@/source"),
        ("hookward-db", "hookward-p"),
    ];
    let lab = lab_of(&example("volume-snapshot", "\"btrfs\"", &changes));
    script(
        &lab,
        "btrfs",
        "case $2 in snapshot) cp -r \"$4\" \"@lab@/copy\"; mkdir -p \"$5\" ;; delete) rm -rf \"$3\" ;; esac",
    );
    let finished = lab.run(["run", "p", "--record", lab.path("records").to_str().unwrap()]);
    let all = records(&lab);
    assert!(!all.is_empty(), "{finished:?}");
    all.iter().for_each(|record| drop(identical(record)));
}
