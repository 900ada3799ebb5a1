//! Snapshots, by the commands of the grant.

use hookward_sdk::command::{self, Output, command};
use hookward_sdk::prelude::*;
use uuid::Uuid;

use crate::config::{Config, Kind};

/// The snapshots of this hook that are there, whatever run they are of.
pub(crate) fn list(config: &Config, stem: &str) -> Result<Vec<String>, String> {
    let output = command("list").run_ok().map_err(|error| format!("the snapshots can't be listed: {error}"))?;
    if output.stdout_truncated {
        return Err("the list of snapshots is longer than `output` in the grant of `list` allows".to_owned());
    }
    Ok(output.stdout_text().lines().filter_map(|line| own(config.kind, line, stem)).map(str::to_owned).collect())
}

/// The name in a line of the list, if it is one that this hook gives: the stem, or
/// the stem with the id of a run. `hookward-db` is not that of `hookward-db-2`.
fn own<'a>(kind: Kind, line: &'a str, stem: &str) -> Option<&'a str> {
    let name = match kind {
        Kind::Btrfs => line.rsplit_once('/').map_or_else(|| line.rsplit_once(' '), Some)?.1,
        Kind::Zfs => line.split_once('@')?.1,
        Kind::Lvm => line.trim(),
    };
    let rest = name.strip_prefix(stem)?;
    let is_run = |rest: &str| rest.strip_prefix('-').is_some_and(|id| Uuid::try_parse(id).is_ok());
    (rest.is_empty() || is_run(rest)).then_some(name)
}

/// Makes a snapshot, and mounts it where it has to be.
pub(crate) fn create(config: &Config, name: &str) -> Result<(), String> {
    call("create", name).map_err(|error| format!("the snapshot {name} can't be made: {error}"))?;
    if config.kind == Kind::Lvm {
        call("mount", name).map_err(|error| format!("the snapshot {name} can't be mounted: {error}"))?;
    }
    Ok(())
}

/// Removes a snapshot that is there.
pub(crate) fn remove(config: &Config, name: &str) -> Result<(), String> {
    // It need not be mounted. Where it is and can't be unmounted, it can't be removed
    // either, and both are told.
    let unmounted = if config.kind == Kind::Lvm { call("umount", name).map(drop) } else { Ok(()) };
    call("remove", name).map(drop).map_err(|error| {
        let also = unmounted.err().map_or_else(String::new, |error| format!("; {error}"));
        format!("the snapshot {name} can't be removed: {error}{also}")
    })?;
    info!(snapshot = name, "removed");
    Ok(())
}

fn call(name: &str, snapshot: &str) -> Result<Output, command::Error> {
    command(name).arg("name", snapshot).run_ok()
}
