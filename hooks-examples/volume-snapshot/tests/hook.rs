//! The hook, called through the SDK's test door with a volume and its snapshots.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "in helpers of tests")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use hookward_sdk::testing::{Call, EventBuilder, Invocation, OutputBuilder, Report, event, output};
use hookward_sdk::{EventKind, PlanChange};
use serde_json::{Value, json};

#[path = "../../readme.rs"]
mod readme;

const RUN: &str = "018bcfe5-69f4-7000-8000-000000000000";
const OTHER: &str = "018bcfe5-0000-7000-8000-000000000000";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Btrfs,
    Zfs,
    Lvm,
}

const KINDS: [Kind; 3] = [Kind::Btrfs, Kind::Zfs, Kind::Lvm];

impl Kind {
    fn config(self) -> Value {
        match self {
            Self::Btrfs => json!({"kind": "btrfs", "volume": "/srv", "snapshot-dir": "/srv/.snapshots"}),
            Self::Zfs => json!({"kind": "zfs", "volume": "/srv"}),
            Self::Lvm => json!({"kind": "lvm", "volume": "/srv", "snapshot-dir": "/mnt/srv"}),
        }
    }

    fn path(self, name: &str) -> String {
        match self {
            Self::Btrfs => format!("/srv/.snapshots/{name}"),
            Self::Zfs => format!("/srv/.zfs/snapshot/{name}"),
            Self::Lvm => "/mnt/srv".to_owned(),
        }
    }
}

/// What the programs do, and say, on a volume.
#[derive(Clone)]
struct Volume {
    kind: Kind,
    snapshots: Rc<RefCell<BTreeSet<String>>>,
    mounted: Rc<RefCell<BTreeSet<String>>>,
    /// A snapshot that somebody holds open.
    busy: Rc<RefCell<Option<String>>>,
    /// A command that fails.
    broken: Rc<RefCell<Option<&'static str>>>,
    /// Commands until the hook is cut off.
    cut: Rc<RefCell<Option<usize>>>,
}

impl Volume {
    fn new(kind: Kind, snapshots: &[&str]) -> Self {
        let snapshots: BTreeSet<String> = snapshots.iter().map(|name| (*name).to_owned()).collect();
        let mounted = if kind == Kind::Lvm { snapshots.clone() } else { BTreeSet::new() };
        Self {
            kind,
            snapshots: Rc::new(RefCell::new(snapshots)),
            mounted: Rc::new(RefCell::new(mounted)),
            busy: Rc::default(),
            broken: Rc::default(),
            cut: Rc::default(),
        }
    }

    fn names(&self) -> Vec<String> {
        self.snapshots.borrow().iter().cloned().collect()
    }

    fn answer(&self, invocation: &Invocation) -> OutputBuilder {
        if let Some(left) = &mut *self.cut.borrow_mut() {
            assert!(*left > 0, "cut off");
            *left -= 1;
        }
        let command = invocation.command.as_str();
        if *self.broken.borrow() == Some(command) {
            return output("").code(1).stderr("No space left on device\n");
        }
        if command == "list" {
            assert!(invocation.arguments.is_empty());
            return output(self.list());
        }
        let name = invocation.argument("name").expect("it names a snapshot").to_owned();
        let mut snapshots = self.snapshots.borrow_mut();
        let mut mounted = self.mounted.borrow_mut();
        match command {
            "create" if snapshots.contains(&name) => output("").code(1).stderr(match self.kind {
                Kind::Btrfs => format!("ERROR: target path already exists: {name}\n"),
                Kind::Zfs => format!("cannot create snapshot 'tank/srv@{name}': dataset already exists\n"),
                Kind::Lvm => format!("Logical Volume \"{name}\" already exists in volume group \"vg0\"\n"),
            }),
            "create" => {
                snapshots.insert(name);
                output("")
            }
            "mount" if self.kind == Kind::Lvm => {
                mounted.insert(name);
                output("")
            }
            "umount" if self.kind == Kind::Lvm && !mounted.contains(&name) => {
                output("").code(32).stderr(format!("umount: /dev/vg0/{name}: not mounted.\n"))
            }
            "umount" if self.kind == Kind::Lvm && self.busy.borrow().as_ref() == Some(&name) => {
                output("").code(32).stderr("umount: /mnt/srv: target is busy.\n")
            }
            "umount" if self.kind == Kind::Lvm => {
                mounted.remove(&name);
                output("")
            }
            "remove" if !snapshots.contains(&name) => output("").code(1).stderr("there is none\n"),
            "remove" if mounted.contains(&name) => {
                output("").code(5).stderr(format!("  Logical volume vg0/{name} contains a filesystem in use.\n"))
            }
            "remove" if self.busy.borrow().as_ref() == Some(&name) => {
                output("").code(1).stderr(format!("cannot destroy '{name}': dataset is busy\n"))
            }
            "remove" => {
                snapshots.remove(&name);
                output("")
            }
            other => panic!("{other}"),
        }
    }

    fn list(&self) -> String {
        let snapshots = self.snapshots.borrow();
        let line = |name: &String| match self.kind {
            Kind::Btrfs => format!("ID 257 gen 12 top level 256 path srv/.snapshots/{name}\n"),
            Kind::Zfs => format!("tank/srv@{name}\n"),
            Kind::Lvm => format!("  {name}\n"),
        };
        snapshots.iter().map(line).collect()
    }

    fn call(&self, event: EventBuilder, config: &Value) -> Report {
        let mut call = Call::new(event.run_id(RUN)).config(config).plan_grants(&["sources"]);
        for name in ["create", "list", "remove", "mount", "umount"] {
            let this = self.clone();
            call = call.command(name, move |invocation: &Invocation| this.answer(invocation));
        }
        call.run(volume_snapshot::run)
    }
}

fn before() -> EventBuilder {
    event(EventKind::Before).profile("db").sources(["/srv/data", "/etc"])
}

fn finally() -> EventBuilder {
    event(EventKind::Finally).profile("db").sources(["/srv/data", "/etc"])
}

fn with(mut config: Value, key: &str, value: impl Into<Value>) -> Value {
    config[key] = value.into();
    config
}

fn commands(report: &Report) -> Vec<&str> {
    report.commands.iter().map(|invocation| invocation.command.as_str()).collect()
}

fn sources(report: &Report) -> Vec<String> {
    match report.plan.as_slice() {
        [PlanChange::SetSources(sources)] => sources.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_snapshot_is_backed_up_and_removed() {
    for kind in KINDS {
        let volume = Volume::new(kind, &[]);
        let first = volume.call(before(), &kind.config());
        assert_eq!(first.error(), None);
        assert_eq!(sources(&first), [format!("{}/data", kind.path("hookward-db")), "/etc".to_owned()]);
        assert_eq!(volume.names(), ["hookward-db"]);
        assert_eq!(volume.mounted.borrow().len(), usize::from(kind == Kind::Lvm));
        let last = volume.call(finally(), &kind.config());
        assert_eq!(last.error(), None);
        assert!(volume.names().is_empty() && volume.mounted.borrow().is_empty());
        let expected: (&[&str], &[&str]) = match kind {
            Kind::Lvm => (&["list", "create", "mount"], &["list", "umount", "remove"]),
            _ => (&["list", "create"], &["list", "remove"]),
        };
        assert_eq!((&*commands(&first), &*commands(&last)), expected);

        // Once more, as after a crash of the host.
        let again = volume.call(finally().recovered(true), &kind.config());
        assert!(again.is_ok());
        assert_eq!(commands(&again), ["list"]);
    }
}

#[test]
fn sources_move_into_the_snapshot_by_whole_parts_of_their_path() {
    let volume = Volume::new(Kind::Zfs, &[]);
    let given = ["/srv", "/srv/", "/srv/a b/c/", "/srvx", "/", "/home/srv"];
    let report = volume.call(before().sources(given), &Kind::Zfs.config());
    let snapshot = Kind::Zfs.path("hookward-db");
    assert_eq!(
        sources(&report),
        [
            snapshot.clone(),
            snapshot.clone(),
            format!("{snapshot}/a b/c"),
            "/srvx".into(),
            "/".into(),
            "/home/srv".into()
        ]
    );
    let root = Volume::new(Kind::Btrfs, &[]);
    let config = json!({"kind": "btrfs", "volume": "/", "snapshot-dir": "/.snapshots"});
    let report = root.call(before().sources(["/", "/etc"]), &config);
    assert_eq!(sources(&report), ["/.snapshots/hookward-db", "/.snapshots/hookward-db/etc"]);
}

#[test]
fn sources_that_are_elsewhere_are_an_error_before_anything_is_made() {
    for (given, expected) in [
        (
            vec!["/etc", "/srvx"],
            "no source is on the volume /srv, so its snapshot would be for nothing: they are /etc, /srvx",
        ),
        (vec![], "no source is on the volume /srv, so its snapshot would be for nothing: they are none"),
        (vec!["/srv/../etc"], "the source `/srv/../etc` can't be found in a snapshot: write it as an absolute path"),
        (vec!["srv"], "the source `srv` can't be found in a snapshot: write it as an absolute path"),
    ] {
        let report = Volume::new(Kind::Btrfs, &[]).call(before().sources(given), &Kind::Btrfs.config());
        assert_eq!(report.error(), Some(expected));
        assert!(report.commands.is_empty());
    }
}

#[test]
fn stale_snapshots_of_this_profile_are_removed_first() {
    let per_run = format!("hookward-db-{OTHER}");
    let others =
        ["hookward-db-2", "hookward-db-2-018bcfe5-0000-7000-8000-000000000000", "hookward-dbx", "daily", "srv"];
    for kind in KINDS {
        let mut present = others.to_vec();
        present.extend(["hookward-db", &per_run]);
        let volume = Volume::new(kind, &present);
        let report = volume.call(before(), &kind.config());
        assert_eq!(report.error(), None);
        assert!(report.warnings.is_empty());
        let mut expected: Vec<&str> = others.to_vec();
        expected.push("hookward-db");
        expected.sort_unstable();
        assert_eq!(volume.names(), expected);
    }
}

#[test]
fn stale_snapshots_may_be_kept() {
    let config = with(Kind::Zfs.config(), "remove-stale", false);
    let stale = format!("hookward-db-{OTHER}");
    let volume = Volume::new(Kind::Zfs, &[&stale]);
    let report = volume.call(before(), &config);
    assert_eq!(report.error(), None);
    assert_eq!(
        report.warnings,
        [format!("the snapshot {stale} of another run is there: remove it if that run is over")]
    );
    assert_eq!(volume.names(), ["hookward-db", &stale]);

    // One of the same name is in the way, unless an earlier attempt of this run made it.
    let again = volume.call(before(), &config);
    assert_eq!(again.error(), Some("the snapshot hookward-db of another run is there: remove it if that run is over"));
    assert_eq!(volume.call(before().attempt(2), &config).error(), None);
}

#[test]
fn without_a_profile_another_run_may_be_at_work() {
    let volume = Volume::new(Kind::Zfs, &["hookward"]);
    let report = volume.call(event(EventKind::Before).no_profile().sources(["/srv"]), &Kind::Zfs.config());
    assert!(report.error().is_some_and(|error| error.starts_with("the snapshot hookward of another run is there")));
    assert_eq!(volume.names(), ["hookward"]);
}

#[test]
fn names_may_tell_the_run() {
    for kind in KINDS {
        let config = with(with(kind.config(), "per-run", true), "prefix", "nightly");
        let (own, stale) = (format!("nightly-db-{RUN}"), format!("nightly-db-{OTHER}"));
        let volume = Volume::new(kind, &[&stale, &own]);
        // It can't be removed, and isn't in the way.
        *volume.busy.borrow_mut() = Some(stale.clone());
        let report = volume.call(before(), &config);
        assert_eq!(report.error(), None);
        assert_eq!(sources(&report)[0], format!("{}/data", kind.path(&own)));
        assert_eq!(report.warnings.len(), 1);
        assert!(report.warnings[0].starts_with(&format!("the snapshot {stale} can't be removed: command `remove`")));
        assert!(volume.call(finally(), &config).is_ok());
        assert_eq!(volume.names(), [stale]);
    }
}

#[test]
fn a_call_that_is_cut_off_anywhere_leaves_nothing_behind() {
    for kind in KINDS {
        for calls in 0.. {
            let volume = Volume::new(kind, &["hookward-db"]);
            *volume.cut.borrow_mut() = Some(calls);
            let cut = catch_unwind(AssertUnwindSafe(|| volume.call(before(), &kind.config())));
            *volume.cut.borrow_mut() = None;
            // With or without a second attempt.
            if calls % 2 == 0 {
                assert_eq!(volume.call(before().attempt(2), &kind.config()).error(), None);
            }
            assert_eq!(volume.call(finally(), &kind.config()).error(), None);
            assert!(volume.names().is_empty() && volume.mounted.borrow().is_empty(), "cut at {calls}");
            if cut.is_ok() {
                assert!(calls > 2);
                break;
            }
        }
    }
}

#[test]
fn what_a_command_says_is_told() {
    for (kind, broken, expected) in [
        (Kind::Btrfs, "list", "the snapshots can't be listed: command `list` ended with exit code 1"),
        (Kind::Zfs, "create", "the snapshot hookward-db can't be made: command `create` ended with exit code 1"),
        (Kind::Lvm, "mount", "the snapshot hookward-db can't be mounted: command `mount` ended with exit code 1"),
    ] {
        let volume = Volume::new(kind, &[]);
        *volume.broken.borrow_mut() = Some(broken);
        let report = volume.call(before(), &kind.config());
        assert_eq!(report.error(), Some(&*format!("{expected}: No space left on device")));
        assert!(report.plan.is_empty());
        *volume.broken.borrow_mut() = None;
        assert!(volume.call(finally(), &kind.config()).is_ok());
        assert!(volume.names().is_empty());
    }
}

#[test]
fn a_snapshot_that_stays_is_told() {
    let volume = Volume::new(Kind::Lvm, &["hookward-db"]);
    *volume.busy.borrow_mut() = Some("hookward-db".to_owned());
    let expected = "the snapshot hookward-db can't be removed: command `remove` ended with exit code 5: Logical volume \
                    vg0/hookward-db contains a filesystem in use.; command `umount` ended with exit code 32: umount: \
                    /mnt/srv: target is busy.";
    assert_eq!(volume.call(finally(), &Kind::Lvm.config()).error(), Some(expected));
    assert_eq!(volume.call(before(), &Kind::Lvm.config()).error(), Some(expected));
}

#[test]
fn a_list_that_was_cut_short_is_no_list() {
    let report = Call::new(finally().run_id(RUN))
        .config(Kind::Zfs.config())
        .command("list", |_: &Invocation| {
            let mut cut: hookward_sdk::command::Output = output("tank/srv@a").into();
            cut.stdout_truncated = true;
            cut
        })
        .run(volume_snapshot::run);
    assert_eq!(report.error(), Some("the list of snapshots is longer than `output` in the grant of `list` allows"));
}

#[test]
fn a_plan_that_is_not_granted_is_told() {
    let volume = Volume::new(Kind::Zfs, &[]);
    let mut call = Call::new(before().run_id(RUN)).config(Kind::Zfs.config());
    for name in ["create", "list"] {
        let this = volume.clone();
        call = call.command(name, move |invocation: &Invocation| this.answer(invocation));
    }
    assert_eq!(
        call.run(volume_snapshot::run).error(),
        Some(
            "the snapshot hookward-db can't be backed up: the hook may not change the plan's sources: grant it in \
             `grants.plan`"
        )
    );
    assert!(volume.call(finally(), &Kind::Zfs.config()).is_ok());
    assert!(volume.names().is_empty());
}

#[test]
fn a_dry_run_changes_nothing() {
    for kind in KINDS {
        let volume = Volume::new(kind, &["hookward-db"]);
        let first = volume.call(before().dry_run(true), &kind.config());
        let last = volume.call(finally().dry_run(true), &kind.config());
        assert!(first.is_ok() && last.is_ok());
        assert!(first.logged("a dry run: else this would back up the snapshot hookward-db"));
        assert_eq!((&*commands(&first), &*commands(&last)), (&["list"][..], &[][..]));
        assert!(first.plan.is_empty());
    }
}

#[test]
fn elsewhere_there_is_nothing_to_do() {
    for misplaced in [event(EventKind::Success), event(EventKind::Before).operation("prune")] {
        let report = Volume::new(Kind::Zfs, &[]).call(misplaced, &Kind::Zfs.config());
        assert!(report.is_ok() && report.commands.is_empty());
        assert!(report.warnings[0].starts_with("nothing to do in `"), "{:?}", report.warnings);
    }
}

#[test]
fn settings_that_make_no_sense_are_told() {
    for (config, expected) in [
        (json!({"volume": "/srv"}), "config key `kind` is missing"),
        (
            json!({"kind": "zfs", "volume": "tank/srv"}),
            "config key `volume`: has to be the absolute path at which the volume is mounted",
        ),
        (
            json!({"kind": "btrfs", "volume": "/srv"}),
            "config key `snapshot-dir`: name the directory in which snapshots are made",
        ),
        (
            json!({"kind": "lvm", "volume": "/srv"}),
            "config key `snapshot-dir`: name the directory at which the snapshot is mounted",
        ),
        (
            with(Kind::Zfs.config(), "snapshot-dir", "/x"),
            "config key `snapshot-dir`: ZFS shows its snapshots in `.zfs` of the volume itself",
        ),
        (with(Kind::Lvm.config(), "snapshot-dir", "x"), "config key `snapshot-dir`: has to be an absolute path"),
        (
            with(Kind::Zfs.config(), "prefix", "a@b"),
            "config key `prefix`: has to be of letters, digits, `.`, `_` and `-`, and begin with a letter or digit",
        ),
    ] {
        assert_eq!(Volume::new(Kind::Zfs, &[]).call(before(), &config).error(), Some(expected));
    }
}

#[test]
fn the_readme_configures_this_hook() {
    for hook in readme::hooks(include_str!("../README.md")) {
        assert_eq!(hook["component"], json!("volume-snapshot.wasm"));
        assert_eq!(hook["on"], json!(["before", "finally"]));
        assert_eq!(hook["grants"]["plan"], json!(["sources"]));
        let kind = match hook["config"]["kind"].as_str() {
            Some("btrfs") => Kind::Btrfs,
            Some("zfs") => Kind::Zfs,
            _ => Kind::Lvm,
        };
        let volume = Volume::new(kind, &[]);
        let first = volume.call(before(), &hook["config"]);
        assert_eq!(first.error(), None);
        let last = volume.call(finally(), &hook["config"]);

        // What the hook asks for is granted, and each grant is needed.
        let granted = hook["grants"]["commands"].as_object().expect("commands are granted");
        let asked: BTreeSet<&str> = commands(&first).into_iter().chain(commands(&last)).collect();
        assert!(granted.keys().map(String::as_str).eq(asked));
        for invocation in first.commands.iter().chain(&last.commands) {
            let command = &granted[&invocation.command];
            let name = invocation.argument("name");
            assert_eq!(command["argv"].to_string().contains("{name}"), name.is_some());
            assert_eq!(command.pointer("/args/name").and_then(Value::as_str), name);
        }
    }
}
