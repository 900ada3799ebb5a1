//! A lab with a real repository, and the ways in which the real restic is started.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::lab::{Finished, Lab, code, hookward};
use serde_json::Value;
use tempfile::TempDir;

/// Every event of a run.
pub const EVENTS: &[&str] = &["before", "success", "warning", "failure", "cancelled", "skipped", "finally"];

/// Every restic here has this password.
pub const PASSWORD: &str = "correct horse";

const BASE: &str = r#"version = 1
[repository.r]
url = "@lab@/repo"
password-file = "@lab@/password"
[profile.p]
repository = "r"
sources = ["@lab@/source"]
tags = ["t"]
"#;

/// A lab with an empty repository, and a profile `p` with these hooks.
pub fn lab(hooks: &[String]) -> Lab {
    lab_with("", hooks)
}

/// The same, with more keys of the profile.
pub fn lab_with(profile: &str, hooks: &[String]) -> Lab {
    let lab = Lab::new();
    copy(template(), &lab.path("repo"));
    fs::write(lab.path("password"), PASSWORD).unwrap();
    symlink(hookward(), lab.path("bin/restic")).unwrap();
    lab.configure(&format!("{BASE}{profile}\n"));
    fs::rename(lab.path("hookward.toml"), lab.path("bare.toml")).unwrap();
    lab.configure(&format!("{BASE}{profile}\n{}", hooks.concat()));
    lab
}

/// An empty repository. Making one takes a while: its key is hard to guess.
fn template() -> &'static Path {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let dir = MADE.get_or_init(|| {
        let dir = TempDir::with_prefix("hookward-repo-").unwrap();
        let output = Command::new("restic")
            .args(["init", "--no-cache", "--repo"])
            .arg(dir.path())
            .env("RESTIC_PASSWORD", PASSWORD)
            .output()
            .expect("these tests need restic in PATH");
        assert!(output.status.success(), "{output:?}");
        dir
    });
    dir.path()
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// A required hook of the profile that notes its calls under this name.
pub fn hook(name: &str, on: &[&str], more: &str, config: &str) -> String {
    Lab::probe("profile.p.hook", name, on, more, config)
}

/// A global hook that notes every event of every subcommand.
pub fn witness() -> String {
    Lab::probe("hook", "witness", EVENTS, "operations = [\"*\"]", "")
}

/// restic itself, told of the lab's repository by its environment.
pub fn restic(lab: &Lab, args: &[&str]) -> Command {
    let mut command = lab.command("restic");
    command.args(args);
    known(&mut command, lab);
    command
}

/// Tells a command of the repository and its password.
pub fn known(command: &mut Command, lab: &Lab) {
    command.env("RESTIC_REPOSITORY", lab.path("repo")).env("RESTIC_PASSWORD_FILE", lab.path("password"));
}

/// How restic is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Without Hookward.
    Alone,
    /// `hookward exec`, with hooks.
    Exec,
    /// `hookward exec`, without any.
    ExecBare,
    /// Hookward under the name of restic, with hooks.
    StandIn,
    /// The same without any.
    StandInBare,
}

impl Way {
    /// Those that are to be like [`Way::Alone`].
    pub const BEHIND: &[Self] = &[Self::Exec, Self::ExecBare, Self::StandIn, Self::StandInBare];

    /// The program and its first arguments.
    pub fn words(self, lab: &Lab) -> Vec<String> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        match self {
            Self::Alone => vec!["restic".to_owned()],
            Self::Exec | Self::ExecBare => {
                [&text(hookward()), "exec", "--", "restic"].into_iter().map(str::to_owned).collect()
            }
            Self::StandIn | Self::StandInBare => vec![text(&lab.path("bin/restic"))],
        }
    }

    /// Its environment, on top of the lab's.
    pub fn env(self, lab: &Lab, command: &mut Command) {
        let file = if matches!(self, Self::ExecBare | Self::StandInBare) { "bare.toml" } else { "hookward.toml" };
        command.env("HOOKWARD_CONFIG", lab.path(file)).env("HOOKWARD_PROFILE", "p");
    }

    /// The command, told of the repository.
    pub fn command(self, lab: &Lab, args: &[&str]) -> Command {
        let words = self.words(lab);
        let mut command = lab.command(&words[0]);
        command.args(&words[1..]).args(args);
        self.env(lab, &mut command);
        known(&mut command, lab);
        command
    }

    /// The command on a terminal of its own, not told of any password.
    pub fn on_terminal(self, lab: &Lab, args: &[&str]) -> Command {
        let words = self.words(lab);
        let mut command = lab.on_terminal(&words[0]);
        command.args(&words[1..]).args(args);
        self.env(lab, &mut command);
        command.env("RESTIC_REPOSITORY", lab.path("repo"));
        command
    }

    /// Whether hooks are called on this way.
    pub fn calls_hooks(self) -> bool {
        matches!(self, Self::Exec | Self::StandIn)
    }
}

/// The snapshots of the lab's repository.
pub fn snapshots(lab: &Lab) -> Vec<Value> {
    let output = restic(lab, &["snapshots", "--json", "--no-lock"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice::<Option<Vec<Value>>>(&output.stdout).unwrap().unwrap_or_default()
}

/// Locks that stand in the repository.
pub fn locks(lab: &Lab) -> usize {
    fs::read_dir(lab.path("repo/locks")).unwrap().count()
}

/// Makes a snapshot of the sources, without Hookward.
pub fn back_up(lab: &Lab) {
    let source = lab.path("source");
    let output = restic(lab, &["backup", "--tag", "t", source.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Runs `hookward ARGS --json` and returns how it ended and its only run.
pub fn run(lab: &Lab, args: &[&str]) -> (Finished, Value) {
    let finished = lab.run([args, &["--json"]].concat());
    let report: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    assert_eq!(report["exit-code"], finished.code, "{report:#}");
    let run = report["runs"][0].clone();
    (finished, run)
}

/// Exit code of restic alone.
pub fn code_alone(mut command: Command) -> i32 {
    let Output { status, .. } = command.output().unwrap();
    code(status)
}
