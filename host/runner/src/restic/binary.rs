//! Finds the restic program.

use std::ffi::OsStr;
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
    let ours = ourselves.and_then(file_id);
    let is_ours = |path: &Path| ours.is_some() && file_id(path) == ours;
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

/// Device and inode: the same for links of any kind.
fn file_id(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

fn executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
