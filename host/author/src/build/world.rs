//! The world of a project in a language that is built from WIT: what the hook exports
//! and may import.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

use super::{BuildError, encode};
use crate::{Project, contract};

/// The world, parsed.
pub(super) struct World {
    /// A folder of WIT files with all that the world refers to.
    pub(super) dir: PathBuf,
    pub(super) resolve: Resolve,
    pub(super) id: WorldId,
    /// Where the folder is gone with this.
    _laid_out: Option<TempDir>,
}

impl World {
    /// Reads the folder `wit` of a project. What it refers to may be left out there.
    pub(super) fn of(project: &Project) -> Result<Self, BuildError> {
        let own = project.dir.join("wit");
        let wrong = |message: String| BuildError::World { path: own.clone(), message };
        if !own.is_dir() {
            return Err(wrong("there is no such folder, and so no world of the hook".to_owned()));
        }
        let laid_out = if own.join("deps").exists() { None } else { Some(lay_out(&own)?) };
        let dir = laid_out.as_ref().map_or(own.as_path(), TempDir::path).to_owned();
        let mut resolve = Resolve::default();
        let pushed = resolve.push_dir(&dir);
        // With the line, in the file that the author knows.
        let (package, _) = pushed.map_err(|error| {
            let told = resolve.render_error(&error);
            wrong(told.trim_end().replace(&*dir.to_string_lossy(), &own.to_string_lossy()))
        })?;
        let id = resolve.select_world(&[package], None).map_err(|error| wrong(format!("{error:#}")))?;
        Ok(Self { dir, resolve, id, _laid_out: laid_out })
    }

    pub(super) fn name(&self) -> &str {
        self.resolve.worlds.get(self.id).map_or("hook", |world| &world.name)
    }

    /// Makes a component of a core module that was compiled for WASI 0.1, and doesn't say
    /// its world.
    pub(super) fn component(&self, mut module: Vec<u8>) -> Result<Vec<u8>, BuildError> {
        let embedded = embed_component_metadata(&mut module, &self.resolve, self.id, StringEncoding::UTF8);
        embedded.map_err(encode("write the world into the compiled module"))?;
        wrapped(&module)
    }
}

/// Makes a component of a core module that was compiled for WASI 0.1, and says its world.
pub(super) fn wrapped(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let wrap = || {
        ComponentEncoder::default()
            .validate(true)
            .module(module)?
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?
            .encode()
    };
    wrap().map_err(encode("make a component of the compiled module"))
}

/// A copy of the files with all that the contract brings along.
fn lay_out(own: &Path) -> Result<TempDir, BuildError> {
    let dir = tempfile::tempdir().map_err(BuildError::write(&std::env::temp_dir()))?;
    let entries = std::fs::read_dir(own).map_err(BuildError::read(own))?;
    for entry in entries {
        let path = entry.map_err(BuildError::read(own))?.path();
        let (true, Some(name)) = (path.is_file(), path.file_name()) else { continue };
        std::fs::copy(&path, dir.path().join(name)).map_err(BuildError::read(&path))?;
    }
    let deps = dir.path().join("deps");
    contract::write(&deps, |_| true).map_err(BuildError::write(&deps))?;
    Ok(dir)
}
