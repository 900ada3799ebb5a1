//! Real servers and file systems for the hooks that come with Hookward, each started
//! for one test in a temporary directory, and gone when dropped.
//!
//! `start` gives none, and says so, where the machine lacks what it takes:
//! `cargo xtask test` installs it where it can.

mod btrfs;
mod container;
mod http;
mod mariadb;
mod postgres;
mod registry;

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::{Uid, User};
use tempfile::TempDir;

pub use self::btrfs::Btrfs;
pub use self::container::Podman;
pub use self::http::{Answer, Received, Recorder};
pub use self::mariadb::MariaDb;
pub use self::postgres::Postgres;
pub use self::registry::{Registry, USER};
use crate::lab::PATIENCE;

/// A program in `PATH` or in one of the places of programs for the administrator.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<_> = std::env::split_paths(&path).collect();
    dirs.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    dirs.into_iter().map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// Says that a test is left out.
fn left_out(what: &str) {
    eprintln!("left out: {what}");
}

/// Whom a database server runs as: it refuses to be root.
fn servant(names: &[&str]) -> Option<User> {
    if !Uid::effective().is_root() {
        return None;
    }
    let mut users = names.iter().filter_map(|name| User::from_name(name).ok().flatten());
    Some(users.next().expect("root's machine has an ordinary user"))
}

/// A directory of its own that belongs to the user.
fn home(prefix: &str, user: Option<&User>) -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = TempDir::with_prefix(prefix).unwrap();
    // Others have to reach a socket in it.
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    if let Some(user) = user {
        nix::unistd::chown(dir.path(), Some(user.uid), Some(user.gid)).unwrap();
    }
    dir
}

/// A program that runs as the user, in the directory.
fn command(program: impl AsRef<OsStr>, user: Option<&User>, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir).env("HOME", dir).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

/// Runs it to its end; what it printed.
///
/// # Panics
/// When it fails.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn wait_for(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
