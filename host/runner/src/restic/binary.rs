//! Finds the restic program.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Why no restic can be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BinaryError {
    /// It is nowhere to be found.
    #[error("cannot find the program `{}`: install restic, or set `binary` in the table [restic]", name.display())]
    NotFound {
        /// What was looked for.
        name: PathBuf,
    },
    /// Hookward would start itself, without end.
    #[error("`binary` in the table [restic] is {}, which is hookward itself: name the real restic", path.display())]
    Ourselves {
        /// The configured path.
        path: PathBuf,
    },
}

/// The program to start for `name`: a path as it is, a bare name by the search
/// path. Hookward itself, under whatever name, is passed over: it may stand in for
/// restic in the same search path.
///
/// # Errors
/// When there is no such program.
pub fn find(name: &Path, search_path: Option<&OsStr>, ourselves: Option<&Path>) -> Result<PathBuf, BinaryError> {
    let is_ours = |path: &Path| ourselves.is_some_and(|ourselves| same(path, ourselves).unwrap_or(false));
    if name.components().count() > 1 || name.is_absolute() {
        if is_ours(name) {
            return Err(BinaryError::Ourselves { path: name.to_owned() });
        }
        return if executable(name) {
            Ok(name.to_owned())
        } else {
            Err(BinaryError::NotFound { name: name.to_owned() })
        };
    }
    std::env::split_paths(search_path.unwrap_or_default())
        .map(|dir| dir.join(name))
        .find(|path| executable(path) && !is_ours(path))
        .ok_or_else(|| BinaryError::NotFound { name: name.to_owned() })
}

/// Whether two paths are one program: by links of any kind, or by a copy, since two
/// copies in the search path would start each other without end.
fn same(one: &Path, other: &Path) -> io::Result<bool> {
    let (a, b) = (std::fs::metadata(one)?, std::fs::metadata(other)?);
    if (a.dev(), a.ino()) == (b.dev(), b.ino()) {
        return Ok(true);
    }
    // The real restic is of another length: nothing is read then.
    Ok(a.is_file() && a.len() == b.len() && same_bytes(File::open(one)?, File::open(other)?)?)
}

fn same_bytes(one: File, other: File) -> io::Result<bool> {
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    loop {
        let (a, b) = (one.fill_buf()?, other.fill_buf()?);
        let count = a.len().min(b.len());
        if a.get(..count) != b.get(..count) {
            return Ok(false);
        }
        if count == 0 {
            return Ok(a.len() == b.len());
        }
        one.consume(count);
        other.consume(count);
    }
}

fn executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
