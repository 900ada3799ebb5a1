use hookward_tests::lab::{Finished, Lab};
use hookward_tests::repository::{lab, snapshots};
use hookward_tests::systemd::Systemd;

use crate::page::{WRAPPED, example, go, held, until_go, wrap_restic};

const SOCKET: &str = "app.socket";
const SERVICE: &str = "app.service";

/// What a run asks systemd for when all goes well.
const DOWN_AND_UP: [&str; 4] = ["stop app.socket", "stop app.service", "start app.service", "start app.socket"];

/// A lab with the page's first example, and a systemd without units.
fn stop_app(changes: &[(&str, &str)]) -> (Lab, Systemd) {
    let program: &[_] = &[("\"systemctl\", ", "\"@lab@/systemd/systemctl\", ")];
    let lab = lab(&[WRAPPED.to_owned(), example("systemd-unit", "stop-app", &[program, changes].concat())]);
    wrap_restic(&lab, "");
    let systemd = Systemd::stand_in(&lab);
    (lab, systemd)
}

fn both_run(systemd: &Systemd) -> bool {
    [SOCKET, SERVICE].iter().all(|unit| systemd.state(unit) == "active")
}

fn gate_stayed_shut(lab: &Lab, finished: &Finished) {
    assert_eq!((finished.code, snapshots(lab).len()), (80, 0), "{finished:?}");
    assert!(lab.lines("restic-journal").is_empty(), "restic was started: {finished:?}");
}

#[test]
fn systemd_unit_stops_in_order_and_starts_in_reverse() {
    let (lab, systemd) = stop_app(&[]);
    wrap_restic(&lab, &until_go(&lab));
    systemd.running(SOCKET, "");
    systemd.running(SERVICE, "stop-takes=300");
    let child = held(&lab);
    assert_eq!([SOCKET, SERVICE].map(|unit| systemd.state(unit)), ["inactive", "inactive"]);
    let finished = go(&lab, child);
    assert_eq!((finished.code, snapshots(&lab).len()), (0, 1), "{finished:?}");
    assert_eq!(systemd.changes(), DOWN_AND_UP);
    assert!(both_run(&systemd));
}

#[test]
fn systemd_unit_leaves_a_unit_down_that_was_down() {
    let (lab, systemd) = stop_app(&[]);
    systemd.down(SOCKET, "");
    systemd.running(SERVICE, "");
    let finished = lab.run(["run", "p"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (0, 1), "{finished:?}");
    assert_eq!(systemd.changes(), ["stop app.service", "start app.service"]);
    assert_eq!([SOCKET, SERVICE].map(|unit| systemd.state(unit)), ["inactive", "active"]);
}

#[test]
fn systemd_unit_keeps_the_gate_shut_when_a_stop_fails() {
    let (lab, systemd) = stop_app(&[]);
    systemd.running(SOCKET, "");
    systemd.running(SERVICE, "denies=stop");
    let finished = lab.run(["run", "p"]);
    gate_stayed_shut(&lab, &finished);
    for part in ["app.service did not go down", "Access denied"] {
        assert!(finished.stderr.contains(part), "no {part:?} in {finished:?}");
    }
    // The socket was down already.
    assert_eq!(systemd.changes(), ["stop app.socket", "start app.socket"]);
    assert!(both_run(&systemd));
}

#[test]
fn systemd_unit_names_what_does_not_come_up() {
    let (lab, systemd) = stop_app(&[]);
    systemd.running(SOCKET, "");
    systemd.running(SERVICE, "breaks=start");
    let finished = lab.run(["run", "p"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (81, 1), "{finished:?}");
    assert!(finished.stderr.contains("app.service did not come up"), "{finished:?}");
    assert_eq!([SOCKET, SERVICE].map(|unit| systemd.state(unit)), ["active", "failed"], "the other one comes up");
}

#[test]
fn systemd_unit_brings_up_what_a_killed_before_has_stopped() {
    let (lab, systemd) = stop_app(&[("timeout = \"10m\"", "timeout = \"4s\"")]);
    systemd.running(SOCKET, "");
    // Goes on when the hook is gone.
    systemd.running(SERVICE, "stop-takes=5000");
    let finished = lab.run(["run", "p"]);
    gate_stayed_shut(&lab, &finished);
    assert!(finished.stderr.contains("[timeout]"), "{finished:?}");
    assert_eq!(systemd.changes(), DOWN_AND_UP);
    assert!(both_run(&systemd));
}

#[test]
fn systemd_unit_starts_again_when_restic_fails() {
    let (lab, systemd) = stop_app(&[]);
    wrap_restic(&lab, "exit 1");
    systemd.running(SOCKET, "");
    systemd.running(SERVICE, "");
    let finished = lab.run(["run", "p"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (1, 0), "{finished:?}");
    assert_eq!(systemd.changes(), DOWN_AND_UP);
    assert!(both_run(&systemd));
}

#[test]
fn systemd_unit_changes_nothing_in_a_dry_run() {
    let (lab, systemd) = stop_app(&[]);
    systemd.running(SOCKET, "");
    systemd.running(SERVICE, "");
    let finished = lab.run(["run", "p", "--dry-run", "-v"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (0, 0), "{finished:?}");
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(said.contains("would stop app.socket, app.service"), "{finished:?}");
    assert!(systemd.changes().is_empty(), "{:?}", systemd.changes());
}

#[test]
fn systemd_unit_touches_nothing_where_times_are_not_in_utc() {
    let (lab, systemd) = stop_app(&[("env = { TZ = \"UTC\" }\n", "")]);
    systemd.running(SOCKET, "");
    systemd.running(SERVICE, "");
    let finished = lab.run(["run", "p"]);
    gate_stayed_shut(&lab, &finished);
    assert!(finished.stderr.contains("env = { TZ = \"UTC\" }"), "{finished:?}");
    assert!(systemd.changes().is_empty(), "{:?}", systemd.changes());
}

#[test]
fn systemd_unit_freezes_and_thaws() {
    let program = ("\"systemctl\", ", "\"@lab@/systemd/systemctl\", ");
    let lab = lab(&[example("systemd-unit", "freeze-app", &[program])]);
    let systemd = Systemd::stand_in(&lab);
    systemd.running(SERVICE, "");
    let finished = lab.run(["run", "p"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (0, 1), "{finished:?}");
    assert_eq!(systemd.changes(), ["freeze app.service", "thaw app.service"]);
}
