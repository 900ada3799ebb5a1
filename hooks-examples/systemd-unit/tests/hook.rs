//! The hook, called through the SDK's test door with a systemd of three units.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "in helpers of tests")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use hookward_sdk::EventKind;
use hookward_sdk::testing::{Call, EventBuilder, Invocation, OutputBuilder, Report, event, output};
use serde_json::{Value, json};

#[path = "../../readme.rs"]
mod readme;

/// 2023-11-14 22:13:20.5 UTC.
const RUN: &str = "018bcfe5-69f4-7000-8000-000000000000";
const EARLIER: &str = "Tue 2023-11-14 22:13:19 UTC";
const NOW: &str = "Tue 2023-11-14 22:13:20 UTC";

#[derive(Debug, Clone)]
struct Unit {
    load: &'static str,
    active: &'static str,
    freezer: &'static str,
    down_since: &'static str,
    up_since: &'static str,
    /// What its next states are, one a look.
    next: Vec<&'static str>,
    /// What becomes of it when it is started.
    starts_as: &'static str,
    stops_as: &'static str,
}

fn up() -> Unit {
    Unit {
        load: "loaded",
        active: "active",
        freezer: "running",
        down_since: "",
        up_since: EARLIER,
        next: Vec::new(),
        starts_as: "active",
        stops_as: "inactive",
    }
}

fn down() -> Unit {
    Unit { active: "inactive", down_since: EARLIER, ..up() }
}

#[derive(Clone, Default)]
struct Systemd {
    units: Rc<RefCell<BTreeMap<String, Unit>>>,
    /// Calls until the hook is cut off.
    cut: Rc<RefCell<Option<usize>>>,
}

impl Systemd {
    fn new(units: impl IntoIterator<Item = (&'static str, Unit)>) -> Self {
        let units = units.into_iter().map(|(name, unit)| (name.to_owned(), unit)).collect();
        Self { units: Rc::new(RefCell::new(units)), ..Self::default() }
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Unit)) {
        change(self.units.borrow_mut().get_mut(name).expect("there is such a unit"));
    }

    fn states(&self) -> Vec<&'static str> {
        self.units.borrow().values().map(|unit| unit.active).collect()
    }

    fn freezers(&self) -> Vec<&'static str> {
        self.units.borrow().values().map(|unit| unit.freezer).collect()
    }

    fn answer(&self, invocation: &Invocation) -> OutputBuilder {
        if let Some(left) = &mut *self.cut.borrow_mut() {
            assert!(*left > 0, "cut off");
            *left -= 1;
        }
        let name = invocation.argument("unit").expect("it names a unit");
        let verb = invocation.argument("verb").expect("it has a verb");
        let mut units = self.units.borrow_mut();
        let Some(unit) = units.get_mut(name) else {
            return match verb {
                // As it is: no failure.
                "show" => output(format!("Id={name}\nLoadState=not-found\nActiveState=inactive\n")),
                _ => output("").code(5).stderr(format!("Failed to {verb} {name}: Unit {name} not found.\n")),
            };
        };
        match verb {
            "show" => {
                if !unit.next.is_empty() {
                    unit.active = unit.next.remove(0);
                }
                let Unit { load, active, freezer, down_since, up_since, .. } = unit;
                let result = if *active == "failed" { "exit-code" } else { "success" };
                return output(format!(
                    "Type=notify\nExecStart={{ path=/bin/x ; argv[]=/bin/x --a=b }}\nResult={result}\nId={name}\n\
                     LoadState={load}\nActiveState={active}\nFreezerState={freezer}\nSubState=x\n\
                     ActiveEnterTimestamp={up_since}\nInactiveEnterTimestamp={down_since}\n\
                     InactiveEnterTimestampMonotonic=17\n",
                ));
            }
            "stop" => {
                if unit.active == "active" {
                    unit.down_since = NOW;
                }
                unit.active = unit.stops_as;
            }
            "start" => {
                unit.active = unit.starts_as;
                if unit.active != "active" {
                    return output("").code(1).stderr(format!("Job for {name} failed.\n"));
                }
            }
            "freeze" => unit.freezer = "frozen",
            "thaw" => unit.freezer = "running",
            other => panic!("{other}"),
        }
        output("")
    }

    fn call(&self, event: EventBuilder, config: &Value, state: Option<&Value>) -> Report {
        let this = self.clone();
        let mut call = Call::new(event.run_id(RUN)).config(config);
        if let Some(state) = state {
            call = call.state("down", state);
        }
        call.command("systemctl", move |invocation: &Invocation| this.answer(invocation)).run(systemd_unit::run)
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
fn verbs(report: &Report) -> Vec<String> {
    report
        .commands
        .iter()
        .filter_map(|invocation| Some((invocation.argument("verb")?, invocation.argument("unit")?)))
        .filter(|(verb, _)| *verb != "show")
        .map(|(verb, unit)| format!("{verb} {unit}"))
        .collect()
}

fn three() -> Value {
    json!({"units": ["c.socket", "a.service", "b.service"], "wait": "1s"})
}

#[test]
fn what_runs_is_stopped_in_order_and_started_in_reverse() {
    let systemd = Systemd::new([("a.service", up()), ("b.service", down()), ("c.socket", up())]);
    let before = systemd.before(&three());
    assert_eq!(before.error(), None);
    assert_eq!(verbs(&before), ["stop c.socket", "stop a.service"]);
    assert_eq!(systemd.states(), ["inactive"; 3]);
    let record: Value = before.stored("down").unwrap().unwrap();
    assert_eq!(record, json!({"run": RUN, "units": ["c.socket", "a.service"]}));

    let finally = systemd.finally(&three(), &before);
    assert_eq!(finally.error(), None);
    assert_eq!(verbs(&finally), ["start a.service", "start c.socket"]);
    assert_eq!(systemd.states(), ["active", "inactive", "active"]);
    assert!(finally.state.is_empty());
    assert!(finally.warnings.is_empty());
}

#[test]
fn the_record_counts_for_more_than_times() {
    // The machine was booted anew in between.
    let systemd = Systemd::new([("a.service", up()), ("b.service", down()), ("c.socket", up())]);
    let before = systemd.before(&three());
    systemd.change("a.service", |unit| unit.down_since = EARLIER);
    systemd.change("b.service", |unit| unit.down_since = NOW);
    assert!(systemd.finally(&three(), &before).is_ok());
    assert_eq!(systemd.states(), ["active", "inactive", "active"]);
}

#[test]
fn a_call_that_is_cut_off_anywhere_leaves_nothing_down() {
    for config in [three(), json!({"units": ["c.socket", "a.service", "b.service"], "action": "freeze"})] {
        for calls in 0.. {
            let systemd = Systemd::new([("a.service", up()), ("b.service", down()), ("c.socket", up())]);
            *systemd.cut.borrow_mut() = Some(calls);
            let cut = catch_unwind(AssertUnwindSafe(|| systemd.before(&config)));
            *systemd.cut.borrow_mut() = None;
            if let Ok(report) = cut {
                assert_eq!(report.error(), None);
                assert!(calls > 5);
                break;
            }
            // No record. A later attempt takes down what it finds, and keeps what the first has done.
            let again = Systemd { units: Rc::new(RefCell::new(systemd.units.borrow().clone())), ..Systemd::default() };
            let before = again.call(event(EventKind::Before).attempt(2), &config, None);
            assert_eq!(before.error(), None);
            let record = kept(&before).expect("there is a record");
            assert_eq!(record, json!({"run": RUN, "units": ["c.socket", "a.service"]}), "cut at {calls}");

            let finally = systemd.call(event(EventKind::Finally).recovered(true), &config, None);
            assert_eq!(finally.error(), None);
            assert_eq!(systemd.states(), ["active", "inactive", "active"], "cut at {calls}");
            assert_eq!(systemd.freezers(), ["running"; 3], "cut at {calls}");
        }
    }
}

#[test]
fn a_finally_may_be_called_again() {
    let systemd = Systemd::new([("a.service", up()), ("b.service", down()), ("c.socket", up())]);
    let before = systemd.before(&three());
    for _ in 0..2 {
        assert!(systemd.finally(&three(), &before).is_ok());
        assert_eq!(systemd.states(), ["active", "inactive", "active"]);
    }
}

#[test]
fn a_unit_that_stays_up_is_told_and_the_rest_comes_back() {
    let systemd = Systemd::new([
        ("a.service", Unit { stops_as: "deactivating", ..up() }),
        ("b.service", up()),
        ("c.socket", up()),
    ]);
    let config = json!({"units": ["c.socket", "a.service", "b.service"], "wait": "10ms"});
    let before = systemd.before(&config);
    assert_eq!(before.error(), Some("a.service did not go down: after 10ms (`wait`) it is still deactivating"));
    assert_eq!(systemd.states(), ["deactivating", "active", "inactive"]);
    assert!(systemd.finally(&config, &before).is_ok());
    assert_eq!(systemd.states()[1..], ["active", "active"]);
}

#[test]
fn what_takes_its_time_is_waited_for() {
    let systemd = Systemd::new([("a.service", up())]);
    systemd.change("a.service", |unit| unit.next = vec!["active", "deactivating", "inactive"]);
    let config = json!({"units": ["a.service"]});
    let before = systemd.before(&config);
    assert_eq!(before.error(), None);
    systemd.change("a.service", |unit| unit.next = vec!["activating", "active"]);
    assert!(systemd.finally(&config, &before).is_ok());
    assert_eq!(systemd.states(), ["active"]);
}

#[test]
fn a_unit_that_comes_up_again_by_itself_is_told() {
    let systemd = Systemd::new([("a.service", up())]);
    systemd.change("a.service", |unit| unit.next = vec!["active", "inactive", "activating"]);
    assert_eq!(
        systemd.before(&json!({"units": ["a.service"]})).error(),
        Some(
            "a.service came up again, it is activating: what starts it, such as its socket, has to stand before it in \
             `units`"
        )
    );
}

#[test]
fn what_does_not_come_up_is_told_and_tried_again() {
    let systemd = Systemd::new([
        ("a.service", Unit { starts_as: "failed", ..up() }),
        ("b.service", up()),
        ("c.socket", Unit { starts_as: "inactive", ..up() }),
    ]);
    let before = systemd.before(&three());
    let finally = systemd.finally(&three(), &before);
    assert_eq!(
        finally.error(),
        Some(
            "a.service did not come up: it is failed (exit-code): command `systemctl` ended with exit code 1: Job for \
             a.service failed.; c.socket did not come up: it is inactive: command `systemctl` ended with exit code 1: \
             Job for c.socket failed.; look at `journalctl -u UNIT`"
        )
    );
    assert_eq!(systemd.states(), ["failed", "active", "inactive"]);
    assert!(finally.state.contains_key("down"), "a retry finds the record");

    systemd.change("a.service", |unit| unit.starts_as = "active");
    systemd.change("c.socket", |unit| unit.starts_as = "active");
    assert!(systemd.finally(&three(), &before).is_ok());
    assert_eq!(systemd.states(), ["active"; 3]);
}

#[test]
fn a_unit_that_fails_after_it_was_started_is_told_at_once() {
    let systemd = Systemd::new([("a.service", up())]);
    let config = json!({"units": ["a.service"]});
    let before = systemd.before(&config);
    systemd.change("a.service", |unit| unit.next = vec!["activating", "failed"]);
    assert_eq!(
        systemd.finally(&config, &before).error(),
        Some("a.service did not come up: it is failed (exit-code); look at `journalctl -u UNIT`")
    );
}

#[test]
fn without_a_record_times_decide_and_what_nobody_knows_is_started() {
    let finally = |unit: Unit| {
        let systemd = Systemd::new([("a.service", unit)]);
        let stale = json!({"run": "another", "units": []});
        let report = systemd.call(event(EventKind::Finally), &json!({"units": ["a.service"]}), Some(&stale));
        assert_eq!(report.error(), None);
        (verbs(&report), report.warnings)
    };
    let started = vec!["start a.service".to_owned()];
    assert_eq!(finally(up()), (vec![], vec![]));
    assert_eq!(finally(down()), (vec![], vec![]));
    assert_eq!(finally(Unit { down_since: NOW, ..down() }), (started.clone(), vec![]));
    assert_eq!(finally(Unit { load: "masked", down_since: "", ..down() }), (vec![], vec![]));
    // systemd goes on with a stop when the one who asked for it is cut off.
    assert_eq!(finally(Unit { active: "deactivating", ..up() }), (started.clone(), vec![]));
    for unknown in ["", "n/a"] {
        let (verbs, warnings) = finally(Unit { down_since: unknown, up_since: unknown, ..down() });
        assert_eq!(verbs, started);
        assert_eq!(warnings, ["a.service is down, and nothing says whether this run has stopped it: it is started"]);
    }
}

#[test]
fn a_damaged_record_is_none() {
    let systemd = Systemd::new([("a.service", Unit { down_since: NOW, ..down() })]);
    let report = systemd.call(event(EventKind::Finally), &json!({"units": ["a.service"]}), Some(&json!("?")));
    assert!(report.is_ok());
    assert!(report.logged("the record of `before` can't be read: "));
    assert_eq!(systemd.states(), ["active"]);
}

#[test]
fn times_that_cannot_be_compared_are_told_before_anything_is_stopped() {
    let config = json!({"units": ["b.service", "a.service"]});
    let systemd = Systemd::new([
        ("a.service", Unit { up_since: "Tue 2023-11-14 23:13:19 CET", ..up() }),
        ("b.service", Unit { down_since: "", ..down() }),
    ]);
    let before = systemd.before(&config);
    assert_eq!(
        before.error(),
        Some(
            "a.service: systemctl shows a time as `Tue 2023-11-14 23:13:19 CET`, not in UTC: give its grant `env = { \
             TZ = \"UTC\" }`"
        )
    );
    systemd.change("b.service", |unit| unit.up_since = "Tue 2023-11-14 23:13:19 CET");
    assert!(verbs(&systemd.finally(&config, &before)).is_empty());
}

#[test]
fn frozen_units_are_thawed() {
    let config = json!({"units": ["a.service", "b.service"], "action": "freeze"});
    let systemd = Systemd::new([("a.service", up()), ("b.service", Unit { freezer: "frozen", ..up() })]);
    let before = systemd.before(&config);
    assert_eq!(verbs(&before), ["freeze a.service"]);
    assert_eq!(systemd.freezers(), ["frozen", "frozen"]);
    let finally = systemd.finally(&config, &before);
    assert_eq!(verbs(&finally), ["thaw a.service"]);
    assert_eq!(systemd.freezers(), ["running", "frozen"]);
}

#[test]
fn what_cannot_be_handled_is_told_before_anything_is_stopped() {
    let systemd = Systemd::new([("a.service", up()), ("b.service", Unit { freezer: "", ..up() })]);
    for (config, expected) in [
        (
            json!({"units": ["a.service", "x.service"]}),
            "x.service: there is no such unit: is its name right in `units`?",
        ),
        (
            json!({"units": ["a.service", "b.service"], "action": "freeze"}),
            "b.service: this systemd can't freeze: use `action = \"stop\"`",
        ),
    ] {
        let report = systemd.before(&config);
        assert_eq!(report.error(), Some(expected));
        assert!(verbs(&report).is_empty());
    }
    let silent = Call::new(event(EventKind::Before)).config(json!({"units": ["a.service"], "command": "ctl"}));
    assert_eq!(
        silent.command("ctl", |_: &Invocation| output("active\n")).run(systemd_unit::run).error(),
        Some("a.service: systemctl shows no state of it: is the verb `show` granted, without other options?")
    );
    let ungranted = Call::new(event(EventKind::Before)).config(json!({"units": ["a.service"]}));
    assert_eq!(
        ungranted.run(systemd_unit::run).error(),
        Some(
            "a.service can't be looked at: no command `systemctl` is granted: grant it in `grants.commands.systemctl`"
        )
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    let systemd = Systemd::new([("a.service", up()), ("b.service", down()), ("c.socket", up())]);
    let before = systemd.call(event(EventKind::Before).dry_run(true), &three(), None);
    assert!(before.is_ok());
    assert!(before.logged("a dry run: else this would stop c.socket, a.service"));
    assert!(before.state.is_empty());
    systemd.change("b.service", |unit| unit.down_since = NOW);
    let finally = systemd.call(event(EventKind::Finally).dry_run(true), &three(), None);
    assert!(finally.is_ok());
    assert!(verbs(&before).is_empty() && finally.commands.is_empty());
    let broken = systemd.call(event(EventKind::Before).dry_run(true), &json!({"units": ["x.service"]}), None);
    assert!(broken.error().is_some(), "what would fail is told");
}

#[test]
fn elsewhere_there_is_nothing_to_do() {
    let systemd = Systemd::new([("a.service", up())]);
    let report = systemd.call(event(EventKind::Success), &json!({"units": ["a.service"]}), None);
    assert!(report.is_ok() && report.commands.is_empty());
    assert_eq!(
        report.warnings,
        ["nothing to do in `success`: subscribe this hook with on = [\"before\", \"finally\"]"]
    );
}

#[test]
fn settings_that_make_no_sense_are_told() {
    for (config, expected) in [
        (json!({"units": []}), "config key `units`: name a unit here, such as \"app.service\""),
        (json!({"units": ["app"]}), "config key `units`: `app` has no type: write `app.service`"),
        (json!({"units": ["a.service", "a.service"]}), "config key `units`: `a.service` stands there twice"),
        (
            json!({"units": ["a.service"], "action": "kill"}),
            "config key `action`: unknown variant `kill`, expected `stop` or `freeze`",
        ),
    ] {
        assert_eq!(Systemd::default().before(&config).error(), Some(expected));
    }
}

#[test]
fn the_readme_configures_this_hook() {
    for hook in readme::hooks(include_str!("../README.md")) {
        assert_eq!(hook["component"], json!("systemd-unit.wasm"));
        assert_eq!(hook["on"], json!(["before", "finally"]));
        let systemd = Systemd::new([("app.service", up()), ("app.socket", up())]);
        let before = systemd.before(&hook["config"]);
        assert_eq!(before.error(), None);
        let finally = systemd.finally(&hook["config"], &before);
        let granted = &hook["grants"]["commands"]["systemctl"];
        assert_eq!(granted["env"], json!({"TZ": "UTC"}));
        let verbs: Vec<&str> = granted["args"]["verb"].as_str().expect("verbs are granted").split('|').collect();
        for invocation in before.commands.iter().chain(&finally.commands) {
            assert!(verbs.contains(&invocation.argument("verb").expect("it has a verb")));
        }
    }
}
