//! A systemd for tests: the machine's own is none of a test's business. A stand-in
//! for `systemctl` keeps its units in files, and does what the manual says.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::lab::{Lab, program};

/// The units of a lab.
#[derive(Debug)]
pub struct Systemd {
    dir: PathBuf,
}

impl Systemd {
    /// Puts one into the lab's directory `systemd`, and says that it is a stand-in.
    ///
    /// # Panics
    /// When the lab has one.
    #[must_use]
    pub fn stand_in(lab: &Lab) -> Self {
        eprintln!("systemctl is a stand-in that does what its manual says");
        let systemd = Self { dir: lab.path("systemd") };
        fs::create_dir(&systemd.dir).unwrap();
        symlink(program("stand-in-systemctl"), systemd.program()).unwrap();
        systemd
    }

    /// The stand-in for `systemctl`.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.dir.join("systemctl")
    }

    /// Adds a unit that runs. `odd` are lines that make it special: see the stand-in.
    pub fn running(&self, unit: &str, odd: &str) {
        self.add(unit, "active", odd);
    }

    /// Adds a unit that went down long ago.
    pub fn down(&self, unit: &str, odd: &str) {
        self.add(unit, "inactive", odd);
    }

    fn add(&self, unit: &str, state: &str, odd: &str) {
        let lines = format!(
            "ActiveState={state}\nActiveEnterTimestamp=1600000000000000\nFreezerState=running\n\
             InactiveEnterTimestamp=1500000000000000\nLoadState=loaded\nResult=success\n{odd}\n"
        );
        fs::write(self.dir.join(unit), lines).unwrap();
    }

    /// What systemd calls the state of a unit: `active`, `inactive`, `failed`.
    #[must_use]
    pub fn state(&self, unit: &str) -> String {
        let shown = std::process::Command::new(self.program()).args(["is-active", unit]).output().unwrap();
        String::from_utf8_lossy(&shown.stdout).trim_end().to_owned()
    }

    /// The changes that were asked for, such as `stop app.service`, in their order.
    #[must_use]
    pub fn changes(&self) -> Vec<String> {
        self.journal().into_iter().map(|(_, change)| change).collect()
    }

    /// The same with their times, in nanoseconds since 1970.
    #[must_use]
    pub fn journal(&self) -> Vec<(u128, String)> {
        timed(&self.dir.join("journal"))
    }
}

/// A journal whose lines begin with a time; empty if it isn't there.
///
/// # Panics
/// When one doesn't.
#[must_use]
pub fn timed(journal: &Path) -> Vec<(u128, String)> {
    let text = fs::read_to_string(journal).unwrap_or_default();
    let lines = text.lines().map(|line| line.split_once(' ').unwrap());
    lines.map(|(time, what)| (time.parse().unwrap(), what.to_owned())).collect()
}
