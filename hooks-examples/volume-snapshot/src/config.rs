//! The settings.

use std::path::{Component, Path, PathBuf};

use hookward_sdk::{ConfigError, Event, config};
use serde::Deserialize;

/// The hook's `config` table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) kind: Kind,
    /// Where the volume is mounted.
    pub(crate) volume: PathBuf,
    snapshot_dir: Option<PathBuf>,
    #[serde(default = "hookward")]
    prefix: String,
    #[serde(default)]
    pub(crate) per_run: bool,
    #[serde(default = "yes")]
    pub(crate) remove_stale: bool,
}

/// What kind of volume it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Btrfs,
    Zfs,
    Lvm,
}

impl Config {
    pub(crate) fn read() -> Result<Self, ConfigError> {
        let config: Self = config()?;
        if !is_plain(&config.volume) {
            return Err(ConfigError::new("volume", "has to be the absolute path at which the volume is mounted"));
        }
        match (config.kind, &config.snapshot_dir) {
            (Kind::Zfs, Some(_)) => {
                return Err(ConfigError::new("snapshot-dir", "ZFS shows its snapshots in `.zfs` of the volume itself"));
            }
            (Kind::Btrfs, None) => {
                return Err(ConfigError::new("snapshot-dir", "name the directory in which snapshots are made"));
            }
            (Kind::Lvm, None) => {
                return Err(ConfigError::new("snapshot-dir", "name the directory at which the snapshot is mounted"));
            }
            (_, Some(dir)) if !is_plain(dir) => {
                return Err(ConfigError::new("snapshot-dir", "has to be an absolute path"));
            }
            _ => {}
        }
        if !is_name(&config.prefix) {
            let message = "has to be of letters, digits, `.`, `_` and `-`, and begin with a letter or digit";
            return Err(ConfigError::new("prefix", message));
        }
        Ok(config)
    }

    /// The part of a snapshot's name that is the same in every run of a profile.
    pub(crate) fn stem(&self, event: &Event) -> String {
        let prefix = &self.prefix;
        event.profile.as_ref().map_or_else(|| prefix.clone(), |profile| format!("{prefix}-{profile}"))
    }

    /// Where the files of a snapshot are.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        match (self.kind, &self.snapshot_dir) {
            (Kind::Btrfs, Some(dir)) => dir.join(name),
            (Kind::Lvm, Some(dir)) => dir.clone(),
            _ => self.volume.join(".zfs/snapshot").join(name),
        }
    }
}

/// Absolute, and without `..`.
pub(crate) fn is_plain(path: &Path) -> bool {
    path.has_root() && !path.components().any(|component| component == Component::ParentDir)
}

/// What all three kinds take for a name.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

fn hookward() -> String {
    "hookward".to_owned()
}

const fn yes() -> bool {
    true
}
