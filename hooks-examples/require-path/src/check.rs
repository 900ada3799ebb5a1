//! What is asked of one path. The problems complete a sentence that begins with it.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytesize::ByteSize;
use humantime::format_duration;

use crate::config::{Config, Kind};

pub(crate) fn check(path: &Path, config: &Config, now: SystemTime) -> Result<(), String> {
    let metadata = fs::metadata(path).map_err(|error| absent(&error))?;
    check_kind(&metadata, config.kind)?;
    if let Some(sentinel) = &config.sentinel {
        check_sentinel(path, &metadata, sentinel)?;
    }
    if metadata.is_dir() { check_directory(path, config, now) } else { check_file(&metadata, config, now) }
}

fn absent(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "isn't there: is the disk plugged in and mounted, and does the hook's `dirs` grant \
                                show this path?"
            .to_owned(),
        ErrorKind::PermissionDenied => {
            "may not be looked at: does the hook's `dirs` grant show it, and may the user of the backup read it?"
                .to_owned()
        }
        _ => format!("can't be looked at: {error}"),
    }
}

fn check_kind(metadata: &Metadata, kind: Kind) -> Result<(), String> {
    match kind {
        Kind::File if metadata.is_dir() => Err("is a directory, and has to be a file".to_owned()),
        Kind::File if !metadata.is_file() => Err("is neither file nor directory, and has to be a file".to_owned()),
        Kind::Dir if !metadata.is_dir() => Err("is a file, and has to be a directory".to_owned()),
        _ => Ok(()),
    }
}

fn check_sentinel(path: &Path, metadata: &Metadata, sentinel: &Path) -> Result<(), String> {
    let name = sentinel.display();
    if !metadata.is_dir() {
        return Err(format!("is a file, and has to be a directory with {name} in it"));
    }
    match fs::metadata(path.join(sentinel)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(format!(
            "is there without {name} in it: either nothing is mounted there or it is another disk than expected"
        )),
        Err(error) => Err(format!("is there, but {name} in it can't be looked at: {error}")),
    }
}

fn check_file(metadata: &Metadata, config: &Config, now: SystemTime) -> Result<(), String> {
    if config.not_empty && metadata.len() == 0 {
        return Err("is an empty file: look at what writes it".to_owned());
    }
    if let Some(limit) = config.newer_than {
        let age = age(metadata, now).map_err(|error| format!("doesn't tell its age: {error}"))?;
        if age > limit {
            return Err(format!("was last written {} ago, {}", rounded(age), too_old(limit)));
        }
    }
    match config.min_size {
        Some(limit) if metadata.len() < limit.as_u64() => Err(too_small(metadata.len(), limit)),
        _ => Ok(()),
    }
}

fn check_directory(path: &Path, config: &Config, now: SystemTime) -> Result<(), String> {
    if config.not_empty && fs::read_dir(path).map_err(unreadable(path))?.next().is_none() {
        return Err("is an empty directory: is the disk mounted there?".to_owned());
    }
    if config.newer_than.is_none() && config.min_size.is_none() {
        return Ok(());
    }

    let min_size = config.min_size.map_or(0, |size| size.as_u64());
    let mut found = Found::default();
    let is_enough = |found: &Found| {
        found.bytes >= min_size
            && config.newer_than.is_none_or(|limit| found.youngest.as_ref().is_some_and(|(age, _)| *age <= limit))
    };
    walk(path, now, &mut found, is_enough)?;

    if let Some(limit) = config.newer_than {
        match &found.youngest {
            None => return Err("holds no file at all: look at what should write there".to_owned()),
            Some((age, file)) if *age > limit => {
                let newest = file.strip_prefix(path).unwrap_or(file).display();
                return Err(format!("holds nothing newer than {newest} of {} ago, {}", rounded(*age), too_old(limit)));
            }
            Some(_) => {}
        }
    }
    match config.min_size {
        Some(limit) if found.bytes < limit.as_u64() => Err(too_small(found.bytes, limit)),
        _ => Ok(()),
    }
}

/// What a walk has met so far.
#[derive(Debug, Default)]
struct Found {
    bytes: u64,
    youngest: Option<(Duration, PathBuf)>,
}

/// Looks at the files below a directory until it is enough. Links are not followed.
fn walk(root: &Path, now: SystemTime, found: &mut Found, is_enough: impl Fn(&Found) -> bool) -> Result<(), String> {
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).map_err(unreadable(&directory))? {
            let entry = entry.map_err(unreadable(&directory))?;
            let path = entry.path();
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Gone while we looked.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(unreadable(&path)(error)),
            };
            if metadata.is_dir() {
                directories.push(path);
                continue;
            }
            if !metadata.is_file() {
                continue;
            }
            found.bytes = found.bytes.saturating_add(metadata.len());
            let age = age(&metadata, now).map_err(unreadable(&path))?;
            if found.youngest.as_ref().is_none_or(|(youngest, _)| age < *youngest) {
                found.youngest = Some((age, path));
            }
            if is_enough(found) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Time since the last write. A clock that was set back makes it 0.
fn age(metadata: &Metadata, now: SystemTime) -> io::Result<Duration> {
    Ok(now.duration_since(metadata.modified()?).unwrap_or_default())
}

/// To the minute once seconds don't matter.
fn rounded(age: Duration) -> humantime::FormattedDuration {
    let seconds = age.as_secs();
    let step = if seconds < 3600 { 1 } else { 60 };
    format_duration(Duration::from_secs(seconds - seconds % step))
}

fn too_old(limit: Duration) -> String {
    format!("longer than {}: look at what should write it", format_duration(limit))
}

fn too_small(bytes: u64, limit: ByteSize) -> String {
    format!("holds {}, less than {limit}: look at what writes it", ByteSize(bytes))
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> String {
    move |error| format!("can't be read through: {}: {error}", path.display())
}
