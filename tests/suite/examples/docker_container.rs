use hookward_tests::counterparts::Podman;
use hookward_tests::lab::{Finished, Lab};
use hookward_tests::repository::{lab, snapshots};

use crate::page::{WRAPPED, example, go, held, until_go, wrap_restic};

/// A lab with the page's example that has `part`, on this engine.
fn lab_on(podman: &Podman, part: &str, changes: &[(&str, &str)]) -> Lab {
    let socket = podman.socket();
    let socket: &[_] = &[("/var/run/docker.sock", socket.to_str().unwrap())];
    let lab = lab(&[WRAPPED.to_owned(), example("docker-container", part, &[socket, changes].concat())]);
    wrap_restic(&lab, "");
    lab
}

/// The statuses of containers.
fn statuses<const N: usize>(podman: &Podman, names: [&str; N]) -> [String; N] {
    names.map(|name| podman.status(name))
}

fn good(lab: &Lab, finished: &Finished) {
    assert_eq!((finished.code, snapshots(lab).len()), (0, 1), "{finished:?}");
}

fn gate_stayed_shut(lab: &Lab, finished: &Finished, parts: &[&str]) {
    assert_eq!((finished.code, snapshots(lab).len()), (80, 0), "{finished:?}");
    assert!(lab.lines("restic-journal").is_empty(), "restic was started: {finished:?}");
    for part in parts {
        assert!(finished.stderr.contains(part), "no {part:?} in {finished:?}");
    }
}

/// Runs the backup; the statuses while restic runs.
fn while_restic_runs<const N: usize>(podman: &Podman, lab: &Lab, names: [&str; N]) -> [String; N] {
    wrap_restic(lab, &until_go(lab));
    let child = held(lab);
    let seen = statuses(podman, names);
    good(lab, &go(lab, child));
    seen
}

#[test]
fn docker_container_stops_and_starts() {
    let Some(podman) = Podman::start() else { return };
    podman.run("db", &[]);
    let lab = lab_on(&podman, "stop-db", &[]);
    assert_eq!(while_restic_runs(&podman, &lab, ["db"]), ["exited"]);
    assert_eq!(statuses(&podman, ["db"]), ["running"]);
}

#[test]
fn docker_container_pauses_those_with_the_label() {
    let Some(podman) = Podman::start() else { return };
    for name in ["db", "web"] {
        podman.run(name, &["--label", "backup.stop=true"]);
    }
    podman.run("other", &["--label", "backup.stop=false"]);
    let lab = lab_on(&podman, "pause-stack", &[]);
    let names = ["db", "web", "other"];
    assert_eq!(while_restic_runs(&podman, &lab, names), ["paused", "paused", "running"]);
    assert_eq!(statuses(&podman, names), ["running", "running", "running"]);
}

#[test]
fn docker_container_leaves_down_what_was_down() {
    let Some(podman) = Podman::start() else { return };
    podman.run("db", &[]);
    podman.run("web", &[]);
    podman.stop("web");
    let both = [("[\"db\"]", "[\"db\", \"web\"]"), ("containers/db/", "containers/*/")];
    let lab = lab_on(&podman, "stop-db", &both);
    assert_eq!(while_restic_runs(&podman, &lab, ["db", "web"]), ["exited", "exited"]);
    assert_eq!(statuses(&podman, ["db", "web"]), ["running", "exited"]);
}

#[test]
fn docker_container_starts_again_when_restic_fails() {
    let Some(podman) = Podman::start() else { return };
    podman.run("db", &[]);
    podman.run("web", &[]);
    let both = [("[\"db\"]", "[\"db\", \"web\"]"), ("containers/db/", "containers/*/")];
    let lab = lab_on(&podman, "stop-db", &both);
    wrap_restic(&lab, "exit 1");
    let finished = lab.run(["run", "p"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (1, 0), "{finished:?}");
    assert_eq!(statuses(&podman, ["db", "web"]), ["running", "running"]);
}

#[test]
fn docker_container_touches_nothing_but_what_is_granted() {
    let Some(podman) = Podman::start() else { return };
    podman.run("db", &[]);
    podman.run("web", &[]);
    // The grant is for `db` as on the page.
    let lab = lab_on(&podman, "stop-db", &[("[\"db\"]", "[\"web\"]")]);
    gate_stayed_shut(&lab, &lab.run(["run", "p"]), &["web can't be looked at", "grant"]);
    assert_eq!(statuses(&podman, ["db", "web"]), ["running", "running"]);
    // One may be looked at, and not stopped.
    let lab = lab_on(&podman, "stop-db", &[("  \"POST /v1.41/containers/db/stop\",\n", "")]);
    gate_stayed_shut(&lab, &lab.run(["run", "p"]), &["db did not go down", "grant"]);
    assert_eq!(statuses(&podman, ["db", "web"]), ["running", "running"]);
}

#[test]
fn docker_container_says_that_there_is_no_socket() {
    let hook = example("docker-container", "stop-db", &[("/var/run/docker.sock", "@lab@/docker.sock")]);
    let lab = lab(&[WRAPPED.to_owned(), hook]);
    wrap_restic(&lab, "");
    let finished = lab.run(["run", "p"]);
    gate_stayed_shut(&lab, &finished, &["db can't be looked at", "the server can't be reached"]);
    // Where the socket would be is for the log: a hook isn't told.
    assert!(
        finished.stdout.contains(&format!("cannot connect to {}", lab.path("docker.sock").display())),
        "{finished:?}"
    );
}

#[test]
fn docker_container_says_that_there_is_no_such_container() {
    let Some(podman) = Podman::start() else { return };
    let lab = lab_on(&podman, "stop-db", &[]);
    gate_stayed_shut(&lab, &lab.run(["run", "p"]), &["db can't be looked at: the engine answers 404"]);
}
