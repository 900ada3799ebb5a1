//! The hook, called through the SDK's test door with an engine of a few containers.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "in helpers of tests")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use hookward_sdk::EventKind;
use hookward_sdk::testing::{Call, EventBuilder, Report, Request, Response, event, response};
use serde_json::{Value, json};

#[path = "../../readme.rs"]
mod readme;

/// 2023-11-14T22:13:20.5Z.
const RUN: &str = "018bcfe5-69f4-7000-8000-000000000000";
const EARLIER: &str = "2023-11-14T22:13:19.987654321Z";
/// As Podman tells it.
const NOW: &str = "2023-11-14T23:13:21.123456789+01:00";
const NEVER: &str = "0001-01-01T00:00:00Z";

#[derive(Debug, Clone)]
struct Container {
    status: &'static str,
    finished: &'static str,
    labels: &'static [&'static str],
    auto_remove: bool,
    /// What its next states are, one a look.
    next: Vec<&'static str>,
    starts_as: &'static str,
    stops_as: &'static str,
    refuses: &'static [&'static str],
}

fn up() -> Container {
    Container {
        status: "running",
        finished: NEVER,
        labels: &[],
        auto_remove: false,
        next: Vec::new(),
        starts_as: "running",
        stops_as: "exited",
        refuses: &[],
    }
}

fn down() -> Container {
    Container { status: "exited", finished: EARLIER, ..up() }
}

fn message(status: u16, text: impl Into<String>) -> Response {
    response(status).json(json!({ "message": text.into() }))
}

#[derive(Clone, Default)]
struct Engine {
    containers: Rc<RefCell<BTreeMap<String, Container>>>,
    /// Requests until the hook is cut off.
    cut: Rc<RefCell<Option<usize>>>,
}

impl Engine {
    fn new(containers: impl IntoIterator<Item = (&'static str, Container)>) -> Self {
        let containers = containers.into_iter().map(|(name, container)| (name.to_owned(), container)).collect();
        Self { containers: Rc::new(RefCell::new(containers)), ..Self::default() }
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Container)) {
        change(self.containers.borrow_mut().get_mut(name).expect("there is such a container"));
    }

    fn states(&self) -> Vec<&'static str> {
        self.containers.borrow().values().map(|container| container.status).collect()
    }

    fn answer(&self, request: &Request) -> Option<Response> {
        if let Some(left) = &mut *self.cut.borrow_mut() {
            assert!(*left > 0, "cut off");
            *left -= 1;
        }
        let path = request.url.strip_prefix("http://docker/v1.41/containers/")?;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if path == "json" {
            return Some(self.list(query));
        }
        let (name, verb) = path.split_once('/').expect("it names a container");
        let mut containers = self.containers.borrow_mut();
        let Some(container) = containers.get_mut(name) else {
            return Some(message(404, format!("No such container: {name}")));
        };
        if container.refuses.contains(&verb) {
            return Some(message(500, format!("cannot {verb} container: {name}: permission denied")));
        }
        Some(match (request.method.as_str(), verb) {
            ("GET", "json") => {
                if !container.next.is_empty() {
                    container.status = container.next.remove(0);
                }
                let status = container.status;
                response(200).json(json!({
                    "Id": "1f2e", "Name": format!("/{name}"), "Created": EARLIER,
                    "State": {
                        "Status": status, "Running": status == "running" || status == "paused",
                        "Paused": status == "paused", "ExitCode": if status == "exited" { 137 } else { 0 },
                        "Error": "", "StartedAt": EARLIER, "FinishedAt": container.finished,
                    },
                    "HostConfig": { "AutoRemove": container.auto_remove },
                }))
            }
            ("POST", "stop") if container.status == "exited" => response(304),
            ("POST", "stop") => {
                assert!(query.starts_with("t="), "{query}");
                (container.status, container.finished) = (container.stops_as, NOW);
                response(204)
            }
            ("POST", "start") if container.status == "running" => response(304),
            ("POST", "start") => {
                container.status = container.starts_as;
                response(204)
            }
            ("POST", "pause") if container.status != "running" => {
                message(409, format!("Container {name} is not running"))
            }
            ("POST", "pause") => {
                container.status = "paused";
                response(204)
            }
            ("POST", "unpause") => {
                container.status = "running";
                response(204)
            }
            other => panic!("{other:?}"),
        })
    }

    fn list(&self, query: &str) -> Response {
        let label = query
            .strip_prefix("all=true&filters=%7B%22label%22%3A%5B%22")
            .and_then(|rest| rest.strip_suffix("%22%5D%7D"))
            .expect("all with a label are asked for")
            .replace("%3D", "=");
        let containers = self.containers.borrow();
        let listed = containers.iter().filter(|(_, container)| container.labels.contains(&label.as_str()));
        let listed: Vec<Value> = listed
            .map(|(name, _)| json!({"Id": "1f2e", "Names": [format!("/web/{name}"), format!("/{name}")]}))
            .collect();
        response(200).json(listed)
    }

    fn call(&self, event: EventBuilder, config: &Value, state: Option<&Value>) -> Report {
        let this = self.clone();
        let mut call = Call::new(event.run_id(RUN)).config(config);
        if let Some(state) = state {
            call = call.state("down", state);
        }
        call.http(move |request: &Request| this.answer(request)).run(docker_container::run)
    }

    fn before(&self, config: &Value) -> Report {
        self.call(event(EventKind::Before), config, None)
    }

    /// `finally` with what the host has kept: nothing of a call that failed.
    fn finally(&self, config: &Value, before: &Report) -> Report {
        self.call(event(EventKind::Finally), config, kept(before).as_ref())
    }
}

fn kept(report: &Report) -> Option<Value> {
    report.is_ok().then(|| report.stored("down").expect("the record is JSON")).flatten()
}

/// What was changed, in order.
fn posts(report: &Report) -> Vec<&str> {
    let posts = report.requests.iter().filter(|request| request.method == "POST");
    posts.filter_map(|request| request.url.strip_prefix("http://docker/v1.41/containers/")).collect()
}

fn three() -> Value {
    json!({"containers": ["c", "a", "b"], "timeout": "0s", "wait": "10ms"})
}

#[test]
fn what_runs_is_stopped_in_order_and_started_in_reverse() {
    let engine = Engine::new([("a", up()), ("b", down()), ("c", up())]);
    let before = engine.before(&json!({"containers": ["c", "a", "b"]}));
    assert_eq!(before.error(), None);
    assert_eq!(posts(&before), ["c/stop?t=10", "a/stop?t=10"]);
    assert_eq!(engine.states(), ["exited"; 3]);
    let record: Value = before.stored("down").unwrap().unwrap();
    assert_eq!(record, json!({"run": RUN, "containers": ["c", "a"]}));

    let finally = engine.finally(&three(), &before);
    assert_eq!(finally.error(), None);
    assert_eq!(posts(&finally), ["a/start", "c/start"]);
    assert_eq!(engine.states(), ["running", "exited", "running"]);
    assert!(finally.state.is_empty());
}

#[test]
fn what_is_paused_is_unpaused() {
    let config = json!({"containers": ["a", "b", "c"], "action": "pause"});
    let engine = Engine::new([("a", up()), ("b", down()), ("c", Container { status: "paused", ..up() })]);
    let before = engine.before(&config);
    assert_eq!(posts(&before), ["a/pause"]);
    assert_eq!(engine.states(), ["paused", "exited", "paused"]);
    let finally = engine.finally(&config, &before);
    assert_eq!(posts(&finally), ["a/unpause"]);
    assert_eq!(engine.states(), ["running", "exited", "paused"]);
}

#[test]
fn containers_are_found_by_label() {
    let labelled = || Container { labels: &["backup.stop=true"], ..up() };
    let engine = Engine::new([("a", up()), ("b", labelled()), ("c", labelled()), ("d", labelled())]);
    let config = json!({"containers": ["d", "a"], "label": "backup.stop=true", "timeout": "0s", "wait": "10ms"});
    let before = engine.before(&config);
    assert_eq!(before.error(), None);
    assert_eq!(posts(&before), ["d/stop?t=0", "a/stop?t=0", "b/stop?t=0", "c/stop?t=0"]);
    // Without a record they are found as well, though they are down.
    let finally = engine.call(event(EventKind::Finally), &config, None);
    assert_eq!(posts(&finally), ["c/start", "b/start", "a/start", "d/start"]);

    let none = engine.before(&json!({"label": "backup=yes"}));
    assert!(none.is_ok());
    assert_eq!(none.warnings, ["no container has the label `backup=yes`: nothing is taken down"]);
}

#[test]
fn a_list_that_fails_keeps_no_named_container_down() {
    let engine = Engine::new([("a", Container { finished: NOW, ..down() })]);
    let this = engine.clone();
    let config = json!({"containers": ["a"], "label": "x", "timeout": "0s", "wait": "10ms"});
    let finally = Call::new(event(EventKind::Finally).run_id(RUN))
        .config(config)
        .http(|request: &Request| request.url.contains("filters").then(|| message(500, "out of memory")))
        .http(move |request: &Request| this.answer(request))
        .run(docker_container::run);
    assert_eq!(
        finally.error(),
        Some(
            "the containers with the label `x` can't be listed: the engine answers 500: out of memory; look at \
             `docker logs NAME`"
        )
    );
    assert_eq!(engine.states(), ["running"]);
}

#[test]
fn a_call_that_is_cut_off_anywhere_leaves_nothing_down() {
    let paused = json!({"containers": ["c", "a", "b"], "action": "pause"});
    for config in [three(), paused] {
        for requests in 0.. {
            let engine = Engine::new([("a", up()), ("b", down()), ("c", up())]);
            *engine.cut.borrow_mut() = Some(requests);
            let cut = catch_unwind(AssertUnwindSafe(|| engine.before(&config)));
            *engine.cut.borrow_mut() = None;
            if let Ok(report) = cut {
                assert_eq!(report.error(), None);
                assert!(requests > 5);
                break;
            }
            // No record. A later attempt takes down what it finds, and keeps what the first has done.
            let again = Engine::default();
            again.containers.replace(engine.containers.borrow().clone());
            let before = again.call(event(EventKind::Before).attempt(2), &config, None);
            assert_eq!(before.error(), None);
            let record = kept(&before).expect("there is a record");
            assert_eq!(record, json!({"run": RUN, "containers": ["c", "a"]}), "cut at {requests}");

            let finally = engine.call(event(EventKind::Finally).recovered(true), &config, None);
            assert_eq!(finally.error(), None);
            assert_eq!(engine.states(), ["running", "exited", "running"], "cut at {requests}");
        }
    }
}

#[test]
fn a_stop_that_goes_on_after_its_hook_was_cut_off_is_waited_for() {
    let engine = Engine::new([("a", Container { finished: NOW, next: vec!["running", "running", "exited"], ..up() })]);
    let config = json!({"containers": ["a"], "timeout": "10s"});
    let finally = engine.call(event(EventKind::Finally), &config, None);
    assert_eq!(finally.error(), None);
    assert_eq!(posts(&finally), ["a/start"]);
    assert_eq!(engine.states(), ["running"]);

    let podman = Engine::new([("a", Container { next: vec!["stopping"], ..up() })]);
    assert_eq!(posts(&podman.call(event(EventKind::Finally), &config, None)), ["a/start"]);
}

#[test]
fn a_finally_may_be_called_again() {
    let engine = Engine::new([("a", up()), ("b", down()), ("c", up())]);
    let before = engine.before(&three());
    for _ in 0..2 {
        assert!(engine.finally(&three(), &before).is_ok());
        assert_eq!(engine.states(), ["running", "exited", "running"]);
    }
}

#[test]
fn without_a_record_times_decide() {
    let started = |container: Container, record: Option<Value>| {
        let engine = Engine::new([("a", container)]);
        let config = json!({"containers": ["a"], "timeout": "0s", "wait": "10ms"});
        let report = engine.call(event(EventKind::Finally), &config, record.as_ref());
        assert_eq!(report.error(), None);
        !posts(&report).is_empty()
    };
    let stale = || Some(json!({"run": "another", "containers": ["a"]}));
    assert!(!started(up(), stale()));
    assert!(!started(down(), stale()));
    assert!(!started(Container { status: "created", finished: NEVER, ..up() }, None));
    assert!(!started(Container { status: "paused", ..up() }, None));
    assert!(started(Container { finished: NOW, ..down() }, stale()));
    assert!(started(Container { finished: NOW, ..down() }, Some(json!("damaged"))));
    assert!(started(Container { finished: "", ..down() }, None), "what nobody knows is started");
}

#[test]
fn a_container_that_stays_up_is_told_and_the_rest_comes_back() {
    let engine = Engine::new([
        ("a", Container { refuses: &["stop"], ..up() }),
        ("b", Container { stops_as: "running", ..up() }),
        ("c", up()),
    ]);
    let before = engine.before(&three());
    assert_eq!(
        before.error(),
        Some("a did not go down: it is running: the engine answers 500: cannot stop container: a: permission denied")
    );
    assert_eq!(engine.states(), ["running", "running", "exited"]);
    assert!(engine.finally(&three(), &before).is_ok());
    assert_eq!(engine.states(), ["running"; 3]);

    let before = engine.before(&json!({"containers": ["b"], "wait": "10ms"}));
    assert_eq!(before.error(), Some("b did not go down: after 10ms (`wait`) it is still running"));
}

#[test]
fn what_does_not_come_up_is_told_and_tried_again() {
    let engine = Engine::new([
        ("a", Container { starts_as: "exited", ..up() }),
        ("b", up()),
        ("c", Container { refuses: &["start"], ..up() }),
    ]);
    let before = engine.before(&three());
    let finally = engine.finally(&three(), &before);
    assert_eq!(
        finally.error(),
        Some(
            "a did not come up: it is exited with code 137; c did not come up: it is exited with code 137: the engine \
             answers 500: cannot start container: c: permission denied; look at `docker logs NAME`"
        )
    );
    assert_eq!(engine.states(), ["exited", "running", "exited"]);
    assert!(finally.state.contains_key("down"), "a retry finds the record");
    engine.change("a", |container| container.starts_as = "running");
    engine.change("c", |container| container.refuses = &[]);
    assert!(engine.finally(&three(), &before).is_ok());
    assert_eq!(engine.states(), ["running"; 3]);
}

#[test]
fn a_container_that_a_stop_would_remove_is_left_alone() {
    let engine = Engine::new([("a", up()), ("b", Container { auto_remove: true, ..up() })]);
    let stop = engine.before(&json!({"containers": ["a", "b"]}));
    assert_eq!(
        stop.error(),
        Some(
            "b: it was started with `--rm`, so a stop would remove it for good: use `action = \"pause\"`, or start it \
             without"
        )
    );
    assert!(posts(&stop).is_empty());
    assert!(engine.before(&json!({"containers": ["a", "b"], "action": "pause"})).is_ok());
}

#[test]
fn what_cannot_be_reached_is_told() {
    let engine = Engine::new([("a", up())]);
    let missing = engine.before(&json!({"containers": ["a", "x"]}));
    assert_eq!(missing.error(), Some("x can't be looked at: the engine answers 404: No such container: x"));
    assert!(posts(&missing).is_empty());
    let call = || Call::new(event(EventKind::Before)).config(json!({"containers": ["a"]}));
    assert_eq!(
        call().http(|_: &Request| Response::refused()).run(docker_container::run).error(),
        Some("a can't be looked at: GET http://docker/v1.41/containers/a/json: the connection was refused")
    );
    assert_eq!(
        call().http(|_: &Request| response(502).body("<html>")).run(docker_container::run).error(),
        Some("a can't be looked at: the engine answers 502")
    );
    assert_eq!(
        call().run(docker_container::run).error(),
        Some(
            "a can't be looked at: GET http://docker/v1.41/containers/a/json: the host doesn't allow it: grant it in \
             `grants.http`"
        )
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    let engine = Engine::new([("a", up()), ("b", Container { finished: NOW, ..down() }), ("c", up())]);
    let before = engine.call(event(EventKind::Before).dry_run(true), &three(), None);
    assert!(before.is_ok());
    assert!(before.logged("a dry run: else this would stop c, a"));
    assert!(before.state.is_empty());
    let finally = engine.call(event(EventKind::Finally).dry_run(true), &three(), None);
    assert!(finally.is_ok());
    assert!(posts(&before).is_empty() && finally.requests.is_empty());
}

#[test]
fn another_engine_may_be_named() {
    let report = Call::new(event(EventKind::Before))
        .config(json!({"containers": ["a"], "url": "http://podman/", "api": "v1.40"}))
        .run(docker_container::run);
    assert_eq!(report.requests.first().map(|request| &*request.url), Some("http://podman/v1.40/containers/a/json"));
}

#[test]
fn elsewhere_there_is_nothing_to_do() {
    let report = Engine::default().call(event(EventKind::Failure), &three(), None);
    assert!(report.is_ok() && report.requests.is_empty());
    assert_eq!(
        report.warnings,
        ["nothing to do in `failure`: subscribe this hook with on = [\"before\", \"finally\"]"]
    );
}

#[test]
fn settings_that_make_no_sense_are_told() {
    for (config, expected) in [
        (json!({}), "config key `containers`: name a container here, or a `label` that they have"),
        (json!({"containers": ["a/../b"]}), "config key `containers`: `a/../b` can't be a container's name"),
        (json!({"containers": ["a", "a"]}), "config key `containers`: `a` stands there twice"),
        (json!({"label": ""}), "config key `label`: is empty: write it as \"backup.stop=true\""),
        (
            json!({"containers": ["a"], "timeout": "1500ms"}),
            "config key `timeout`: has to be whole seconds: the engine takes no others",
        ),
        (
            json!({"containers": ["a"], "action": "kill"}),
            "config key `action`: unknown variant `kill`, expected `stop` or `pause`",
        ),
    ] {
        assert_eq!(Engine::default().before(&config).error(), Some(expected));
    }
}

#[test]
fn the_readme_configures_this_hook() {
    for hook in readme::hooks(include_str!("../README.md")) {
        assert_eq!(hook["component"], json!("docker-container.wasm"));
        assert_eq!(hook["on"], json!(["before", "finally"]));
        let engine = Engine::new([("db", up()), ("web", Container { labels: &["backup.stop=true"], ..up() })]);
        let before = engine.before(&hook["config"]);
        assert_eq!(before.error(), None);
        // Every request is one that the smallest grants name.
        let allow = hook["grants"]["http"].pointer("/0/allow").and_then(Value::as_array).expect("there are grants");
        for request in before.requests.iter().chain(&engine.finally(&hook["config"], &before).requests) {
            let path = request.url.strip_prefix("http://docker").and_then(|rest| rest.split('?').next());
            let asked = format!("{} {}", request.method, path.expect("it goes to the engine"));
            let granted = allow.iter().filter_map(Value::as_str).any(|pattern| match pattern.split_once('*') {
                Some((first, last)) => asked.starts_with(first) && asked.ends_with(last),
                None => asked == pattern,
            });
            assert!(granted, "{asked}");
        }
    }
}
