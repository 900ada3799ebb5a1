//! Backs up a read-only snapshot of a volume: btrfs, ZFS or LVM. See the README for
//! its settings.

use std::path::Path;

use hookward_sdk::prelude::*;

mod config;
mod snapshot;

use config::{Config, is_plain};

/// The hook: a snapshot in `before`, none in `finally`.
#[hook]
pub fn run(event: &Event) -> Result<(), String> {
    let config = Config::read().map_err(|error| error.to_string())?;
    let stem = config.stem(event);
    // The same path in every run lets restic find its files again.
    let name = if config.per_run { format!("{stem}-{}", event.run_id) } else { stem.clone() };
    match event.kind {
        EventKind::Before if event.operation == "backup" => before(event, &config, &stem, &name),
        EventKind::Finally if event.operation == "backup" => finally(event, &config, &stem, &name),
        other => {
            control::warn(format!(
                "nothing to do in `{other}` of `{}`: subscribe this hook with on = [\"before\", \"finally\"] to \
                 operations = [\"backup\"]",
                event.operation
            ));
            Ok(())
        }
    }
}

fn before(event: &Event, config: &Config, stem: &str, name: &str) -> Result<(), String> {
    let sources = redirected(&event.sources, &config.volume, &config.path(name))?;
    let present = snapshot::list(config, stem)?;
    if event.dry_run {
        info!("a dry run: else this would back up the snapshot {name}, now it is the volume itself");
        return Ok(());
    }
    for stale in &present {
        make_room(event, config, stale, name)?;
    }
    snapshot::create(config, name)?;
    info!(snapshot = name, "made of {}", config.volume.display());
    plan::set_sources(sources).map_err(|error| format!("the snapshot {name} can't be backed up: {error}"))
}

/// Removes a snapshot that `before` finds, or says why it stays.
fn make_room(event: &Event, config: &Config, stale: &str, name: &str) -> Result<(), String> {
    // What an earlier attempt of this run has left is its own. Of another run it is
    // stale for sure only where no two runs are at work at once: those of a profile.
    let is_own = stale == name && (config.per_run || event.attempt > 1);
    let is_stale = config.remove_stale && event.profile.is_some();
    let result = if is_own || is_stale {
        snapshot::remove(config, stale)
    } else {
        Err(format!("the snapshot {stale} of another run is there: remove it if that run is over"))
    };
    match result {
        // It isn't in the way.
        Err(problem) if stale != name => {
            control::warn(problem);
            Ok(())
        }
        result => result,
    }
}

/// The name says whose it is, so nothing has to be remembered.
fn finally(event: &Event, config: &Config, stem: &str, name: &str) -> Result<(), String> {
    if event.dry_run {
        info!("a dry run: no snapshot was made");
        return Ok(());
    }
    if snapshot::list(config, stem)?.iter().any(|present| present == name) {
        return snapshot::remove(config, name);
    }
    info!(snapshot = name, "is not there any more");
    Ok(())
}

/// The sources, with those on the volume replaced by their place in the snapshot.
fn redirected(sources: &[String], volume: &Path, snapshot: &Path) -> Result<Vec<String>, String> {
    let mut found = false;
    let mut redirected = Vec::new();
    for source in sources {
        let path = Path::new(source);
        if !is_plain(path) {
            return Err(format!("the source `{source}` can't be found in a snapshot: write it as an absolute path"));
        }
        match path.strip_prefix(volume) {
            Ok(below) => {
                found = true;
                // Without a slash at the end when the source is the volume itself.
                let path = if below.as_os_str().is_empty() { snapshot.to_owned() } else { snapshot.join(below) };
                redirected.push(path.display().to_string());
            }
            Err(_) => redirected.push(source.clone()),
        }
    }
    if found {
        return Ok(redirected);
    }
    let volume = volume.display();
    let sources = if sources.is_empty() { "none".to_owned() } else { sources.join(", ") };
    Err(format!("no source is on the volume {volume}, so its snapshot would be for nothing: they are {sources}"))
}
