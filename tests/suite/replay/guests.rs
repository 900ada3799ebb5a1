//! What the host's functions answer, one kind after the other; and that a call costs
//! the hook the same fuel, recorded or not.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;

use hookward_tests::counterparts::{Answer, Recorder};
use hookward_tests::guest;
use hookward_tests::lab::Lab;
use serde_json::json;

use crate::support::{calls, identical, recorded, script};

#[test]
fn files_are_those_of_the_record() {
    let lab = Lab::new();
    let settings =
        ["--event", "before", "--set", "name=probe", "--set", "journal=/notes/journal", "--set", "log=noted"];
    let notes = format!("{}:/notes:rw", lab.path("notes").display());
    let args = [&settings[..], &["--dir", &notes]].concat();
    let (call, record) = recorded(&lab, &guest("probe"), "files", &args);
    assert_eq!(call["ok"], true, "{call:#}");
    fs::remove_dir_all(lab.path("notes")).unwrap();
    let report = identical(&record);
    assert_eq!(report["report"]["log"], call["log"], "{report:#}");
    assert!(!lab.path("notes").exists(), "a replay writes nothing");
}

#[test]
fn a_call_takes_the_same_fuel_recorded_or_not() {
    let lab = Lab::new();
    let notes = format!("{}:/notes:rw", lab.path("notes").display());
    let args = ["--event", "before", "--set", "dump=/notes/dump", "--dir", &notes];
    let event = lab.path("event.json");
    fs::write(&event, serde_json::to_string(&hookward_tests::event()).unwrap()).unwrap();
    let args = [&args[..], &["--event-file", event.to_str().unwrap()]].concat();
    let call = |name: &str| {
        let (call, _) = recorded(&lab, &guest("probe"), name, &args);
        call["fuel"].as_u64().unwrap()
    };
    let plain = || {
        let command = lab.hookward(["--json", "hook", "call"]).arg(guest("probe")).args(&args).output().unwrap();
        serde_json::from_slice::<serde_json::Value>(&command.stdout).unwrap()["fuel"].as_u64().unwrap()
    };
    assert_eq!([plain(), call("one"), plain(), call("two")], [plain(); 4]);
}

#[test]
fn answers_of_servers_are_those_of_the_record() {
    let lab = Lab::new();
    let body = "x".repeat(100_000);
    let server = Recorder::start([
        Answer::new(200, "hello").header("x-odd", "grüße"),
        Answer::new(200, &body),
        Answer::new(404, ""),
    ]);
    let url = server.url("");
    let authority = url.strip_prefix("http://").unwrap();
    let request = |path: &str, body: &str| {
        json!({ "scheme": "http", "authority": authority, "path": path, "method": "POST", "body": body,
                "headers": [["content-length", body.len().to_string()]] })
    };
    let denied = json!({ "scheme": "https", "authority": "elsewhere.example", "path": "/" });
    let requests = json!([request("/a", "to be sent"), request("/b", &body), request("/c", ""), denied]);
    let requests = format!("requests={requests}").replace("\":", "\" = ").replace("\"=", "\" =");
    let grants = format!("http = [{{ url = \"{url}/*\", methods = [\"POST\"] }}]");
    let args = ["--event", "before", "--set", &requests, "--grants", &grants];
    let (call, record) = recorded(&lab, &guest("http"), "http", &args);
    assert!(call["failure"]["message"].as_str().unwrap().contains("200"), "{call:#}");
    drop(server);
    let report = identical(&record);
    // The host's own line about the denial is there, too.
    assert_eq!(report["report"]["log"], call["log"], "{report:#}");
    assert!(report["report"]["log"].to_string().contains("denied"), "{report:#}");
}

#[test]
fn commands_connections_and_state_are_those_of_the_record() {
    let lab = Lab::new();
    script(&lab, "tell", "date +%N; echo 'to stderr' >&2; exit 3");
    let grants = format!("commands.tell = {{ argv = [\"{}\"] }}", lab.path("bin/tell").display());
    let args =
        ["--event", "before", "--set", "calls=[{ command = \"tell\" }, { command = \"no\" }]", "--grants", &grants];
    let (call, record) = recorded(&lab, &guest("command"), "command", &args);
    assert!(call["log"].to_string().contains("to stderr"), "{call:#}");
    fs::remove_file(lab.path("bin/tell")).unwrap();
    assert_eq!(identical(&record)["report"]["log"], call["log"]);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || listener.accept().unwrap().0.write_all(b"of the record").unwrap());
    let steps = format!("steps=[\"read {address}\", \"resolve localhost\", \"connect 127.0.0.1:1\"]");
    let grants = format!("tcp = [\"{address}\", \"localhost:5432\"]");
    let (call, record) =
        recorded(&lab, &guest("tcp"), "tcp", &["--event", "before", "--set", &steps, "--grants", &grants]);
    server.join().unwrap();
    assert!(call["log"].to_string().contains("of the record"), "{call:#}");
    assert_eq!(identical(&record)["report"]["log"], call["log"]);

    let steps = "steps=[\"get a\", \"set a 1\", \"get a\", \"list\"]";
    let args = ["--event", "before", "--set", steps, "--grants", "state = {}"];
    let (call, record) = recorded(&lab, &guest("state"), "state", &args);
    assert_eq!(identical(&record)["report"]["log"], call["log"]);
}

#[test]
fn chance_is_that_of_the_record() {
    let lab = Lab::new();
    // Twice, so that a constant would be seen.
    let (one, record) =
        recorded(&lab, &guest("hostile"), "one", &["--event", "before", "--set", "mode=random", "--set", "amount=32"]);
    assert!(one["fuel"].as_u64() > Some(0), "{one:#}");
    identical(&record);
    let seeds: Vec<_> = ["one", "two"]
        .map(|name| {
            let (_, record) = recorded(
                &lab,
                &guest("hostile"),
                name,
                &["--event", "before", "--set", "mode=random", "--set", "amount=32"],
            );
            let head = fs::read_to_string(&record).unwrap();
            serde_json::from_str::<serde_json::Value>(head.lines().next().unwrap()).unwrap()["seed"].clone()
        })
        .into();
    assert_ne!(seeds[0], seeds[1]);
    assert!(calls(&record).len() < 10);
}
