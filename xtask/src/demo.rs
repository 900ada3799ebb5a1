//! `cargo xtask demo`: Hookward's whole point, on throwaway data, with the real
//! restic.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::setup;

const CONFIGURATION: &str = r#"version = 1

[restic]
binary = "@dir@/counted-restic"    # restic, with a note of each start

[repository.demo]
url = "@dir@/repository"
password-file = "@dir@/password"

[profile.documents]
repository = "demo"
sources = ["@dir@/documents"]
tags = ["demo"]

# Called before every backup. The gate stays shut unless it returns ok.
[[profile.documents.hook]]
name = "documents-are-there"
component = "@hooks@/require-path.wasm"
on = ["before"]
config = { path = "/documents", not-empty = true }
grants = { dirs = [{ host = "@dir@/documents", guest = "/documents" }] }
"#;

/// Starts the real restic, and leaves a line that says so.
const COUNTED: &str = "#!/bin/sh\necho started >> @dir@/starts\nexec restic \"$@\"\n";

/// A demonstration under way.
struct Demo<'a> {
    sh: &'a Shell,
    dir: &'a Path,
    hookward: &'a Path,
}

pub(crate) fn demo(sh: &Shell) -> anyhow::Result<()> {
    setup::wasm_target(sh)?;
    setup::restic(sh)?;
    println!("building hookward and its example hooks; the first time, this takes minutes");
    let hooks = setup::hooks(sh)?;
    cmd!(sh, "cargo build --quiet --package hookward-cli").run()?;
    let hookward = setup::target_dir(sh)?.join("debug/hookward");

    let dir = tempfile::Builder::new().prefix("hookward-demo-").tempdir()?;
    let demo = Demo { sh, dir: dir.path(), hookward: &hookward };
    demo.set_up(&hooks)?;
    demo.backup_behind_the_gate()?;
    demo.gate_stays_shut()?;
    demo.in_place_of_restic()?;
    println!("\nThat was it. All of it was in {}, which is removed now.", dir.path().display());
    println!("Next: `hookward init` writes a configuration of your own; README.md says what goes in it.");
    Ok(())
}

impl Demo<'_> {
    fn set_up(&self, hooks: &Path) -> anyhow::Result<()> {
        let Self { sh, dir, .. } = self;
        title("0. Some documents, and an empty restic repository");
        sh.write_file(dir.join("documents/letter.txt"), "Dear reader,\n")?;
        sh.write_file(dir.join("documents/accounts.csv"), "income,expense\n1,2\n")?;
        sh.write_file(dir.join("password"), "only for the demo\n")?;
        let configuration =
            CONFIGURATION.replace("@dir@", &dir.display().to_string()).replace("@hooks@", &hooks.display().to_string());
        sh.write_file(dir.join("hookward.toml"), &configuration)?;
        let counted = dir.join("counted-restic");
        sh.write_file(&counted, COUNTED.replace("@dir@", &dir.display().to_string()))?;
        cmd!(sh, "chmod +x {counted}").quiet().run()?;
        self.restic(&["init"])?;
        println!("\nThe configuration:\n\n{}", indent(&configuration));
        Ok(())
    }

    fn backup_behind_the_gate(&self) -> anyhow::Result<()> {
        title("1. A backup behind the gate");
        say(
            "The hook runs in a sandbox and sees one directory, read-only. It returns ok, the gate opens, restic runs.",
        );
        let code = self.hookward(&["run", "documents"])?;
        ensure!(code == 0, "the backup failed with exit code {code}");
        let snapshots = self.snapshots()?;
        ensure!(snapshots == 1, "there should be 1 snapshot, not {snapshots}");
        say("The repository holds 1 snapshot: it is an ordinary one, any restic can restore it.");
        Ok(())
    }

    fn gate_stays_shut(&self) -> anyhow::Result<()> {
        title("2. The documents are gone: the gate stays shut");
        say("Say the disk is not mounted. Backing up an empty directory would look like success, for months.");
        self.sh.remove_path(self.dir.join("documents"))?;
        self.sh.create_dir(self.dir.join("documents"))?;
        let code = self.hookward(&["run", "documents"])?;
        ensure!(code == 80, "the exit code should be 80, not {code}");
        self.nothing_happened()?;
        say("Exit code 80: restic was never started. No process, no lock in the repository, no second snapshot.");
        Ok(())
    }

    fn in_place_of_restic(&self) -> anyhow::Result<()> {
        title("3. The same for tools that call restic themselves");
        say("Under the name `restic`, hookward stands in for it: Backrest, resticprofile, autorestic and others \
             need not know.");
        let Self { sh, dir, hookward } = self;
        sh.create_dir(dir.join("bin"))?;
        sh.hard_link(hookward, dir.join("bin/restic")).or_else(|_| sh.copy_file(hookward, dir.join("bin/restic")))?;
        let documents = dir.join("documents");
        let backup = |expected: i32| -> anyhow::Result<()> {
            println!("\n$ HOOKWARD_PROFILE=documents restic backup {}", documents.display());
            let code = code(
                self.environment(cmd!(sh, "{dir}/bin/restic backup {documents}"))
                    .env("HOOKWARD_PROFILE", "documents")
                    .env("RESTIC_REPOSITORY", dir.join("repository"))
                    .env("RESTIC_PASSWORD_FILE", dir.join("password")),
            )?;
            ensure!(code == expected, "the exit code should be {expected}, not {code}");
            Ok(())
        };
        backup(80)?;
        self.nothing_happened()?;
        say("The gate is shut for the tool as well. The disk comes back:");
        sh.write_file(documents.join("letter.txt"), "Dear reader, I am back.\n")?;
        backup(0)?;
        let snapshots = self.snapshots()?;
        ensure!(snapshots == 2, "there should be 2 snapshots, not {snapshots}");
        say("The gate opened, and what you see is restic's own output, untouched. There are 2 snapshots now.");
        Ok(())
    }

    /// No process started, no snapshot more, no lock left behind.
    fn nothing_happened(&self) -> anyhow::Result<()> {
        let snapshots = self.snapshots()?;
        ensure!(snapshots == 1, "there should still be 1 snapshot, not {snapshots}");
        let starts = self.sh.read_file(self.dir.join("starts"))?.lines().count();
        ensure!(starts == 1, "restic should have been started once, not {starts} times");
        let locks = self.sh.read_dir(self.dir.join("repository/locks"))?;
        ensure!(locks.is_empty(), "there should be no lock in the repository");
        Ok(())
    }

    fn hookward(&self, args: &[&str]) -> anyhow::Result<i32> {
        println!("\n$ hookward {}", args.join(" "));
        let (sh, hookward) = (self.sh, self.hookward);
        code(self.environment(cmd!(sh, "{hookward} {args...}")))
    }

    fn environment<'s>(&self, command: xshell::Cmd<'s>) -> xshell::Cmd<'s> {
        command
            .env("HOOKWARD_CONFIG", self.dir.join("hookward.toml"))
            .env("HOOKWARD_STATE_DIR", self.dir.join("state"))
            .env("HOOKWARD_CACHE_DIR", self.dir.join("cache"))
            .env("RESTIC_CACHE_DIR", self.dir.join("restic-cache"))
    }

    fn restic(&self, args: &[&str]) -> anyhow::Result<String> {
        let (sh, dir) = (self.sh, self.dir);
        let command = cmd!(sh, "restic --repo {dir}/repository --password-file {dir}/password --no-cache {args...}");
        Ok(command.quiet().read()?)
    }

    fn snapshots(&self) -> anyhow::Result<usize> {
        let snapshots: Value = serde_json::from_str(&self.restic(&["snapshots", "--json"])?)?;
        Ok(snapshots.as_array().context("restic lists no snapshots")?.len())
    }
}

fn code(command: xshell::Cmd<'_>) -> anyhow::Result<i32> {
    let status = std::process::Command::from(command).status()?;
    status.code().context("the process was killed")
}

fn title(text: &str) {
    println!("\n\n{text}\n{}", "=".repeat(text.chars().count()));
}

fn say(text: &str) {
    println!("\n{text}");
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}
