//! What it all began with: the page `docs/stop-dump-backup-start.md`, as it stands.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use hookward_tests::counterparts::Postgres;
use hookward_tests::lab::{Finished, Lab};
use hookward_tests::repository::{code_alone, lab, restic, snapshots};
use hookward_tests::systemd::{Systemd, timed};
use serde_json::{Value, json};

use crate::page::{WRAPPED, changed, wrap_restic, write_program};
use crate::server::Server;

const SOCKET: &str = "app.socket";
const SERVICE: &str = "app.service";

/// The page's configuration in a lab.
struct Story {
    lab: Lab,
    systemd: Systemd,
    ntfy: Server,
}

impl Story {
    /// With this for pg_dump, its server in the directory `pg_host`, and an ntfy that
    /// answers so.
    fn new(pg_dump: &Path, pg_host: &Path, ntfy: u16, changes: &[(&str, &str)]) -> Self {
        let lab = lab(&[]);
        let (systemd, ntfy) = (Systemd::stand_in(&lab), Server::on_port(move |_| (ntfy, "{}".to_owned())));
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/stop-dump-backup-start.md");
        let page = fs::read_to_string(page).unwrap();
        let config = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let [notify, unit, dump] =
            ["notify", "systemd-unit", "postgres-dump"].map(|hook| hookward_tests::example(hook).display().to_string());
        let config = changed(config, changes);
        let config = changed(
            &config,
            &[
                ("version = 1\n", &format!("version = 1\n{WRAPPED}")),
                ("sftp:backup@nas:/srv/restic", "@lab@/repo"),
                ("/etc/hookward/nas.pass", "@lab@/password"),
                ("/etc/hookward/ntfy-topic", "@lab@/topic"),
                ("https://ntfy.example.org", &ntfy.url),
                ("\"/srv/app\"", "\"@lab@/source\""),
                ("/srv/dumps", "@lab@/dumps"),
                ("\"systemctl\"", "\"@lab@/systemd/systemctl\""),
                ("\"pg_dump\"", &format!("\"{}\"", pg_dump.display())),
                ("\"/run/postgresql\"", &format!("\"{}\", PGUSER = \"postgres\"", pg_host.display())),
                // Only root could.
                ("user = \"postgres\"\n", ""),
                ("notify.wasm", &notify),
                ("systemd-unit.wasm", &unit),
                ("postgres-dump.wasm", &dump),
            ],
        );
        lab.configure(&config);
        fs::create_dir(lab.path("dumps")).unwrap();
        fs::write(lab.path("topic"), "backups-7hK2\n").unwrap();
        fs::set_permissions(lab.path("topic"), fs::Permissions::from_mode(0o600)).unwrap();
        wrap_restic(&lab, "");
        systemd.running(SOCKET, "");
        systemd.running(SERVICE, "stop-takes=200");
        Self { lab, systemd, ntfy }
    }

    fn on(server: &Postgres, changes: &[(&str, &str)]) -> Self {
        Self::new(&server.bin().join("pg_dump"), server.socket(), 200, changes)
    }

    fn run(&self) -> Finished {
        self.lab.run(["run", "app"])
    }

    #[track_caller]
    fn service_runs(&self) {
        assert_eq!([SOCKET, SERVICE].map(|unit| self.systemd.state(unit)), ["active", "active"]);
    }

    #[track_caller]
    fn restic_was_not_started(&self, finished: &Finished) {
        assert_eq!((finished.code, snapshots(&self.lab).len()), (80, 0), "{finished:?}");
        assert!(self.lab.lines("restic-journal").is_empty(), "{finished:?}");
    }

    /// Exactly one was sent, with all of these in its text.
    #[track_caller]
    fn one_message(&self, parts: &[&str]) {
        let asked = self.ntfy.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert_eq!(asked[0].line, "POST /");
        let body: Value = serde_json::from_str(&asked[0].body).unwrap();
        assert_eq!(body["topic"], "backups-7hK2");
        let text = format!("{}\n{}", body["title"].as_str().unwrap(), body["message"].as_str().unwrap());
        for part in parts {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
    }
}

fn database() -> Option<Postgres> {
    let server = Postgres::start()?;
    drop(server.sql("postgres", "CREATE DATABASE app"));
    drop(
        server.sql("app", "CREATE TABLE orders (id int, what text); INSERT INTO orders VALUES (1, 'tea'), (2, 'käse')"),
    );
    Some(server)
}

/// What the table holds.
const ROWS: &str = "SELECT id, what FROM orders ORDER BY id";

/// A stand-in for a pg_dump that must not be called.
fn no_pg_dump() -> Story {
    Story::new(Path::new("/nowhere/pg_dump"), Path::new("/nowhere"), 200, &[])
}

#[test]
fn story_all_goes_well() {
    let Some(server) = database() else { return };
    let story = Story::on(&server, &[]);
    let lab = &story.lab;
    let finished = story.run();
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(story.ntfy.asked().is_empty(), "{:?}", story.ntfy.asked());

    // Stopped, dumped, backed up, started.
    let dump = lab.path("dumps/app.dump");
    let dumped = fs::metadata(&dump).unwrap().modified().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut events = story.systemd.journal();
    events.extend(timed(&lab.path("restic-journal")));
    events.push((dumped.as_nanos(), "dumped".to_owned()));
    events.sort();
    let order: Vec<_> = events.iter().map(|(_, event)| event.as_str()).collect();
    let expected = ["stop app.socket", "stop app.service", "dumped", "restic", "start app.service", "start app.socket"];
    assert_eq!(order, expected);
    story.service_runs();

    // And back again.
    let made = snapshots(lab);
    let mut paths = [json!(dump), json!(lab.path("source"))];
    paths.sort_by_key(ToString::to_string);
    assert_eq!((made.len(), &made[0]["paths"]), (1, &json!(paths)));
    let target = lab.path("restored");
    let output = restic(lab, &["restore", "latest", "--target", target.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let in_target = |path: &Path| target.join(path.strip_prefix("/").unwrap());
    assert_eq!(fs::read_to_string(in_target(&lab.path("source/file.txt"))).unwrap(), "precious\n");
    drop(server.sql("postgres", "CREATE DATABASE again"));
    let mut restore = Command::new(server.bin().join("pg_restore"));
    restore.arg("-h").arg(server.socket()).args(["-U", "postgres", "--exit-on-error", "--dbname=again"]);
    let output = restore.arg(in_target(&dump)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(server.sql("again", ROWS), "1|tea\n2|käse");
    assert_eq!(server.sql("again", ROWS), server.sql("app", ROWS));
}

#[test]
fn story_the_stop_fails() {
    let story = no_pg_dump();
    story.systemd.running(SERVICE, "denies=stop");
    let finished = story.run();
    story.restic_was_not_started(&finished);
    story.service_runs();
    story.one_message(&["stop-app", "app.service did not go down", "Access denied"]);
}

#[test]
fn story_the_dump_hangs() {
    let tools = Lab::new();
    let (pg_dump, pids) = (tools.path("pg_dump"), tools.path("pids"));
    // With a child that doesn't care for signals, and one that has left the group.
    let script = format!(
        "#!/bin/sh\n(trap '' TERM INT HUP; sleep 300) & echo $! >> {0}\nsetsid sleep 300 & echo $! >> {0}\n\
         echo $$ >> {0}\nsleep 300\n",
        pids.display()
    );
    write_program(&pg_dump, &script);
    let story = Story::new(&pg_dump, Path::new("/nowhere"), 200, &[("timeout = \"1h\"", "timeout = \"1s\"")]);
    fs::write(story.lab.path("dumps/app.dump"), "the last good one").unwrap();
    let finished = story.run();
    story.restic_was_not_started(&finished);
    story.service_runs();
    story.one_message(&["no dump of database app", "`pg-dump`", "1s"]);
    let pids = tools.lines("pids");
    assert_eq!(pids.len(), 3);
    let left: Vec<_> = pids.iter().filter(|pid| Path::new("/proc").join(pid).exists()).collect();
    assert!(left.is_empty(), "{left:?} are still there");
    assert_eq!(story.lab.lines("dumps/app.dump"), ["the last good one"]);
}

#[test]
fn story_restic_fails() {
    let Some(server) = database() else { return };
    let wrong_password = |lab: &Lab| fs::write(lab.path("password"), "wrong").unwrap();
    let no_repository = |lab: &Lab| fs::remove_file(lab.path("repo/config")).unwrap();
    let cases: [(fn(&Lab), &str); 2] =
        [(wrong_password, "wrong password"), (no_repository, "unable to open config file")];
    for (spoil, why) in cases {
        let story = Story::on(&server, &[]);
        spoil(&story.lab);
        let finished = story.run();
        // Its codes have changed over time.
        let alone = code_alone(restic(&story.lab, &["backup", "--no-cache", "/dev/null"]));
        assert!(finished.code == alone && alone != 0, "not {alone}: {finished:?}");
        assert_eq!(timed(&story.lab.path("restic-journal")).len(), 1, "it was started, once");
        story.service_runs();
        story.one_message(&[why]);
    }
}

#[test]
fn story_the_service_does_not_come_up() {
    let Some(server) = database() else { return };
    let story = Story::on(&server, &[]);
    story.systemd.running(SERVICE, "breaks=start");
    let finished = story.run();
    assert_eq!((finished.code, snapshots(&story.lab).len()), (81, 1), "{finished:?}");
    assert_eq!(story.systemd.state(SERVICE), "failed");
    story.one_message(&["stop-app", "app.service did not come up"]);
}

#[test]
fn story_the_message_can_not_be_sent() {
    let changes = [("delay = \"10s\"", "delay = \"10ms\"")];
    let story = Story::new(Path::new("/nowhere/pg_dump"), Path::new("/nowhere"), 503, &changes);
    let finished = story.run();
    story.restic_was_not_started(&finished);
    story.service_runs();
    assert_eq!(story.ntfy.asked().len(), 3, "it is tried again");
    assert!(finished.stderr.contains("warning: hook \"tell\" failed in `finally`"), "{finished:?}");
}
