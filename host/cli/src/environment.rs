//! The environment variables that Hookward reads, and the directories that follow
//! from them.

use std::env::var_os;
use std::path::PathBuf;

/// The configuration file.
pub(crate) const CONFIG: &str = "HOOKWARD_CONFIG";
/// The profile of the `restic` stand-in.
pub(crate) const PROFILE: &str = "HOOKWARD_PROFILE";
/// The directory of locks.
pub(crate) const STATE_DIR: &str = "HOOKWARD_STATE_DIR";
/// The directory of compiled and of pulled components.
pub(crate) const CACHE_DIR: &str = "HOOKWARD_CACHE_DIR";
/// Whether no registry may be asked.
pub(crate) const OFFLINE: &str = "HOOKWARD_OFFLINE";
/// Whether all components have to be in the lock.
pub(crate) const LOCKED: &str = "HOOKWARD_LOCKED";
/// The password of a private key: the variable of cosign.
pub(crate) const KEY_PASSWORD: &str = "COSIGN_PASSWORD";
/// What starts the run: `manual`, `scheduled` or `api`.
pub(crate) const TRIGGER: &str = "HOOKWARD_TRIGGER";

/// Where state lives when nothing else is said.
pub(crate) fn state_dir() -> PathBuf {
    directory("XDG_STATE_HOME", ".local/state", "/var/lib")
}

/// Where caches live when nothing else is said.
pub(crate) fn cache_dir() -> PathBuf {
    directory("XDG_CACHE_HOME", ".cache", "/var/cache")
}

/// Root's is the system's: a backup by a timer and one by hand must see the same
/// locks. So is that of a user without a home.
fn directory(variable: &str, below_home: &str, of_system: &str) -> PathBuf {
    let absolute = |name| var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let root = nix::unistd::geteuid().is_root();
    let base = absolute(variable).or_else(|| absolute("HOME").filter(|_| !root).map(|home| home.join(below_home)));
    base.unwrap_or_else(|| of_system.into()).join("hookward")
}
