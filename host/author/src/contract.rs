//! The contract, and what it brings along of WASI, as WIT.

use std::io;
use std::path::Path;

use include_dir::{Dir, include_dir};

/// A folder for each package.
static PACKAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../hooks-examples/helpers/wit");

/// Writes the packages that are wanted by their names into a folder, each in one of its
/// own.
pub(crate) fn write(deps: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
    for package in PACKAGES.dirs() {
        let Some(name) = package.path().to_str().filter(|name| wanted(name)) else { continue };
        let folder = deps.join(name);
        std::fs::create_dir_all(&folder)?;
        for file in package.files() {
            let Some(name) = file.path().file_name() else { continue };
            std::fs::write(folder.join(name), file.contents())?;
        }
    }
    Ok(())
}
