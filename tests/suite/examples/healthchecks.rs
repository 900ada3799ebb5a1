use std::fs;

use hookward_tests::counterparts::{Answer, Recorder};
use hookward_tests::lab::{Finished, Lab};
use hookward_tests::repository::run;
use serde_json::Value;

use crate::authority::Authority;
use crate::ground::{backed_up, secret};
use crate::page::{example, lab_of};

/// What nobody may learn.
const CHECK: &str = "9f8e7d6c-5b4a-4c3d-8e2f-1a0b9c8d7e6f";

/// The page's first example, told of this server.
fn lab_for(server: &str, changes: &[(&str, &str)]) -> Lab {
    let grant = format!("url = \"{server}/*\"");
    let own = [
        ("url = \"https://hc-ping.com/*\"", grant.as_str()),
        ("/etc/hookward/ping-url", "@lab@/ping-url"),
        ("delay = \"5s\"", "delay = \"50ms\""),
    ];
    let lab = lab_of(&example("healthchecks", "https://hc-ping.com", &[&own, changes].concat()));
    secret(&lab, "ping-url", &format!("{server}/{CHECK}\n"));
    lab
}

/// Runs the profile, and gives what became of it. The URL is in none of it.
#[track_caller]
fn run_quietly(lab: &Lab) -> (Finished, Value) {
    let (finished, run) = run(lab, &["run", "p"]);
    kept_secret(&finished);
    (finished, run)
}

#[track_caller]
fn kept_secret(finished: &Finished) {
    assert!(!format!("{finished:?}").contains(CHECK), "{finished:?}");
}

/// `PATH?QUERY` of what the server was sent, without the check, and with `RUN` in the
/// place of the run's id.
fn pings(server: &Recorder, run: &Value) -> Vec<String> {
    let id = run["run-id"].as_str().unwrap();
    let told = |target: &str| target.replace(CHECK, "CHECK").replace(id, "RUN");
    server.requests().iter().map(|request| format!("{} {}", request.method, told(&request.target))).collect()
}

/// What the last attempts of both calls have failed with.
fn failure(run: &Value) -> String {
    let hooks = run["hooks"].as_array().unwrap().iter();
    let last = hooks.filter(|hook| hook["attempt"] == 3);
    last.filter_map(|hook| hook["failure"]["message"].as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn healthchecks_tells_of_the_start_and_of_the_end() {
    let server = Recorder::start([]);
    let lab = lab_for(&server.url(""), &[]);
    let (finished, run) = run_quietly(&lab);
    backed_up(&lab, &finished, 1);
    assert_eq!(pings(&server, &run), ["POST /CHECK/start?rid=RUN", "POST /CHECK?rid=RUN"]);
    let [start, end] = &server.requests()[..] else { panic!() };
    assert!(start.body.starts_with("backup of p on ") && start.body.ends_with(" begins"), "{start:?}");
    let snapshot = run["restic"]["snapshot-id"].as_str().unwrap();
    for part in [": success after ", &format!("\nsnapshot {}\n", &snapshot[..8]), "1 files with "] {
        assert!(end.body.contains(part), "{part}: {end:?}");
    }
    kept_secret(&lab.run(["run", "p"]));
}

#[test]
fn healthchecks_tells_of_a_failure_and_why() {
    let server = Recorder::start([]);
    let lab = lab_for(&server.url(""), &[]);
    fs::remove_dir_all(lab.path("repo/keys")).unwrap();
    let (finished, run) = run_quietly(&lab);
    assert_eq!((finished.code, run["status"].as_str()), (1, Some("failure")), "{run:#}");
    assert_eq!(pings(&server, &run), ["POST /CHECK/start?rid=RUN", "POST /CHECK/fail?rid=RUN"]);
    let body = &server.requests()[1].body;
    assert!(body.contains(": failure after ") && body.contains("\n\nrestic's last words:\n"), "{body}");
    assert!(body.contains(run["error"].as_str().unwrap()), "{body}");
}

#[test]
fn healthchecks_pings_again_when_it_was_too_often() {
    let server = Recorder::start([Answer::new(429, "slow down").header("retry-after", "1")]);
    let lab = lab_for(&server.url(""), &[]);
    let (finished, run) = run_quietly(&lab);
    backed_up(&lab, &finished, 1);
    let start = "POST /CHECK/start?rid=RUN";
    assert_eq!(pings(&server, &run), [start, start, "POST /CHECK?rid=RUN"]);
    assert_eq!((run["warnings"].as_array().map(Vec::len), failure(&run)), (Some(0), String::new()), "{run:#}");
}

#[test]
fn healthchecks_keeps_no_backup_from_starting() {
    // Nobody is there any more.
    let server = Recorder::start([]).url("");
    let lab = lab_for(&server, &[]);
    let (finished, run) = run_quietly(&lab);
    backed_up(&lab, &finished, 1);
    assert_eq!(failure(&run), ["start", "success"].map(refused).join("\n"));
    assert!(run["warnings"].to_string().contains("heartbeat"), "{run:#}");
    let finished = lab.run(["run", "p"]);
    kept_secret(&finished);
    assert!(format!("{finished:?}").contains(&refused("success")), "{finished:?}");
}

fn refused(ping: &str) -> String {
    format!("the ping `{ping}` was not taken: the connection was refused")
}

#[test]
fn healthchecks_tells_what_the_server_answers_but_for_the_url() {
    let repeats = format!("no such check: /{CHECK}/start");
    let server = Recorder::start([
        Answer::new(404, &repeats),
        Answer::new(404, &repeats),
        Answer::new(404, &repeats),
        Answer::new(503, "we are moving"),
        Answer::new(503, "we are moving"),
        Answer::new(503, "we are moving"),
    ]);
    let lab = lab_for(&server.url(""), &[]);
    let (finished, run) = run_quietly(&lab);
    backed_up(&lab, &finished, 1);
    assert_eq!(
        failure(&run),
        "the ping `start` was not taken: status 404\nthe ping `success` was not taken: status 503: we are moving"
    );
}

#[test]
fn healthchecks_over_https_with_an_authority_of_ones_own() {
    let authority = Authority::new();
    let server = Recorder::start_tls(authority.server("127.0.0.1"), []);
    let methods = "methods = [\"POST\"]";
    let trusting = format!("{methods}, ca-file = \"{}\"", authority.file().display());
    let lab = lab_for(&server.url(""), &[(methods, &trusting)]);
    let (finished, run) = run_quietly(&lab);
    backed_up(&lab, &finished, 1);
    assert_eq!(pings(&server, &run), ["POST /CHECK/start?rid=RUN", "POST /CHECK?rid=RUN"]);
    // Without it the ping is not given away.
    let lab = lab_for(&server.url(""), &[]);
    let (finished, run) = run_quietly(&lab);
    backed_up(&lab, &finished, 1);
    let why = "was not taken: the server's certificate can't be trusted";
    assert_eq!(failure(&run), ["start", "success"].map(|ping| format!("the ping `{ping}` {why}")).join("\n"));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn healthchecks_pushes_to_uptime_kuma() {
    let server = Recorder::start([]);
    let grant = server.url("/api/push/*");
    let changes =
        [("https://status.example.org/api/push/*", grant.as_str()), ("/etc/hookward/ping-url", "@lab@/ping-url")];
    let lab = lab_of(&example("healthchecks", "uptime-kuma", &changes));
    secret(&lab, "ping-url", &server.url(&format!("/api/push/{CHECK}?status=up&msg=OK&ping=")));
    let (finished, _) = run_quietly(&lab);
    backed_up(&lab, &finished, 1);
    let [request] = &server.requests()[..] else { panic!("{:?}", server.requests()) };
    let start = format!("/api/push/{CHECK}?status=up&msg=backup");
    assert!(request.method == "GET" && request.target.starts_with(&start), "{request:?}");
}
