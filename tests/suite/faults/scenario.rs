//! The runs that are killed, and how: a lab of its own for each.

use std::fs;
use std::process::Command;

use hookward_tests::guest;
use hookward_tests::lab::{Finished, Lab, faulty, stand_in};
use serde_json::Value;

/// What a hook's failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Required,
    Optional,
}

/// What a hook's calls do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    Well,
    /// Its `before` fails.
    Fails,
    /// Each of its calls fails once, and is tried again.
    FailsOnce,
    /// Its `before` skips the run.
    Skips,
}

/// One probe.
#[derive(Debug)]
pub(crate) struct Hook {
    pub(crate) name: &'static str,
    pub(crate) on: &'static [&'static str],
    pub(crate) kind: Kind,
    pub(crate) does: Does,
}

/// One profile.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) hooks: &'static [Hook],
    /// Places that a run of it passes at the least: none is to get lost unseen.
    pub(crate) points: usize,
}

const PAIR: &[&str] = &["before", "finally"];

const fn hook(name: &'static str, on: &'static [&'static str], kind: Kind, does: Does) -> Hook {
    Hook { name, on, kind, does }
}

const DB: Hook = hook("db", PAIR, Kind::Required, Does::Well);
const TELL: Hook = hook("tell", &["success", "failure", "skipped", "finally"], Kind::Required, Does::Well);

pub(crate) const PAIRED: Scenario = Scenario { name: "paired", hooks: &[TELL, DB], points: 45 };
pub(crate) const RETRYING: Scenario = Scenario {
    name: "retrying",
    hooks: &[
        hook("db", PAIR, Kind::Required, Does::FailsOnce),
        hook("tell", &["success", "failure"], Kind::Required, Does::FailsOnce),
    ],
    points: 57,
};

/// All scenarios.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "no finally",
        hooks: &[hook("check", &["before", "success", "failure"], Kind::Required, Does::Well)],
        points: 33,
    },
    PAIRED,
    Scenario {
        name: "failing",
        hooks: &[
            DB,
            hook("guard", PAIR, Kind::Required, Does::Fails),
            hook("never", PAIR, Kind::Required, Does::Well),
            hook("tell", &["success", "failure"], Kind::Optional, Does::Well),
        ],
        points: 44,
    },
    Scenario { name: "optional", hooks: &[hook("maybe", PAIR, Kind::Optional, Does::Fails), DB], points: 45 },
    RETRYING,
    Scenario {
        name: "skipping",
        hooks: &[
            DB,
            hook("idle", PAIR, Kind::Required, Does::Skips),
            hook("never", PAIR, Kind::Required, Does::Well),
            TELL,
        ],
        points: 50,
    },
];

impl Hook {
    pub(crate) fn is_on(&self, event: &str) -> bool {
        self.on.contains(&event)
    }

    /// Its table; notes go to `dir` under `name`.
    fn table(&self, name: &str, dir: &str) -> String {
        let kind = match self.kind {
            Kind::Required => "required",
            Kind::Optional => "optional",
        };
        let (retry, more) = match self.does {
            Does::Well => ("", ""),
            Does::Fails => ("", ", fail-on = [\"before\"]"),
            Does::FailsOnce => (
                "retry = { attempts = 2, delay = \"1ms\" }",
                ", fail-on = [\"before\", \"success\", \"failure\", \"finally\"], fail-attempts = 1",
            ),
            Does::Skips => ("", ", skip-on = [\"before\"]"),
        };
        format!(
            "[[profile.p.hook]]\nname = \"{}\"\ncomponent = \"@lab@/probe.wasm\"\non = {:?}\nkind = \"{kind}\"\n{retry}\n\
             config = {{ name = \"{name}\", journal = \"/notes/journal\", ends = true{more} }}\n\
             grants = {{ dirs = [{{ host = \"@lab@/{dir}\", guest = \"/notes\", write = true }}] }}\n",
            self.name, self.on
        )
    }
}

impl Scenario {
    /// A lab with this profile.
    pub(crate) fn lab(&self) -> Lab {
        let lab = Lab::new();
        fs::copy(guest("probe"), lab.path("probe.wasm")).unwrap();
        let hooks = self.hooks.iter().map(|hook| hook.table(hook.name, "notes"));
        configure(&lab, &hooks.collect::<String>());
        lab
    }

    /// The same hooks by name, and nothing else of them is left: the component is
    /// another, and so are its settings and its grants.
    pub(crate) fn replace(&self, lab: &Lab) {
        fs::remove_file(lab.path("probe.wasm")).unwrap();
        fs::copy(guest("hello"), lab.path("probe.wasm")).unwrap();
        fs::create_dir(lab.path("elsewhere")).unwrap();
        let hooks = self.hooks.iter().map(|hook| hook.table("other", "elsewhere"));
        configure(lab, &hooks.collect::<String>());
    }
}

fn configure(lab: &Lab, hooks: &str) {
    let restic = stand_in().display();
    lab.configure(&format!(
        "version = 1\n[restic]\nbinary = \"{restic}\"\n[repository.r]\nurl = \"/srv/repo\"\n\
         [profile.p]\nrepository = \"r\"\nsources = [\"@lab@/source\"]\n{hooks}"
    ));
}

/// Long enough for `hookward` to look at it while it is there: which places are passed
/// is no matter of luck.
pub(crate) const SHORT: &str = "sleep=20";

/// What restic does between two notes of the run that it is of.
fn restic(does: &str) -> String {
    const SUMMARY: &str = r#"stdout={"message_type":"summary","files_new":3,"files_changed":2,"files_unmodified":1,"dirs_new":4,"dirs_changed":5,"dirs_unmodified":6,"data_blobs":7,"tree_blobs":8,"data_added":900,"data_added_packed":400,"total_files_processed":10,"total_bytes_processed":11000,"total_duration":1.5,"snapshot_id":"5a6b7c8d9e0f"}"#;
    ["env=HOOKWARD_RUN", does, SUMMARY, "env=HOOKWARD_RUN"].join("\u{1f}")
}

fn command(lab: &Lab, does: &str, args: &[&str]) -> Command {
    let mut command = lab.command(faulty());
    command.args(args).env("STAND_IN", restic(does)).env("STAND_IN_LOG", lab.path("notes/journal"));
    command
}

/// Runs to the end, and returns the names of the places that were passed.
pub(crate) fn traced(lab: &Lab, does: &str, args: &[&str]) -> (Finished, Vec<String>) {
    let trace = lab.path("trace");
    let finished = command(lab, does, args).env("HOOKWARD_FAULT_TRACE", trace).output().unwrap().into();
    let points = lab.lines("trace");
    drop(fs::remove_file(lab.path("trace")));
    (finished, points)
}

/// Is killed at this place, counted from 1.
///
/// # Panics
/// When it ends otherwise.
pub(crate) fn killed(lab: &Lab, does: &str, args: &[&str], at: usize) {
    let finished: Finished = command(lab, does, args).env("HOOKWARD_FAULT_AT", at.to_string()).output().unwrap().into();
    assert_eq!(finished.code, 137, "{args:?} was to be killed at {at}: {finished:?}");
}

/// Runs to the end.
pub(crate) fn run(lab: &Lab, args: &[&str]) -> Finished {
    command(lab, SHORT, args).output().unwrap().into()
}

/// All runs as `runs show` has them, the oldest first.
pub(crate) fn runs(lab: &Lab) -> Vec<Value> {
    let json = |args: &[&str]| -> Value {
        let finished = run(lab, args);
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
    };
    let list = json(&["--json", "runs", "list"]);
    let show = |listed: &Value| {
        let run = json(&["--json", "runs", "show", listed["run-id"].as_str().unwrap()])["run"].take();
        for key in ["state", "status", "exit-code", "owed"] {
            assert_eq!(run[key], listed[key], "{key} is not the same in `runs list` and `runs show`");
        }
        run
    };
    list["runs"].as_array().unwrap().iter().rev().map(show).collect()
}
