//! A hook's project: a folder with a `hook.toml`.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{Language, Metadata};

/// Name of the file that makes a folder a project.
pub const MANIFEST: &str = "hook.toml";

/// What the file says.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Manifest {
    name: String,
    language: Language,
    component: PathBuf,
    #[serde(default)]
    metadata: Metadata,
}

/// A hook's project.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Project {
    /// Its folder, absolute.
    pub dir: PathBuf,
    /// Name of the hook.
    pub name: String,
    /// What it is written in.
    pub language: Language,
    /// Where its component is built to, absolute.
    pub component: PathBuf,
    /// What `hook.toml` says of the hook, besides its name: languages that have no
    /// manifest of their own say it here.
    pub metadata: Metadata,
}

/// Why a folder can't be used as a project.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// It has no `hook.toml`.
    #[error("{} is no hook's project, for it has no {MANIFEST}: `hookward hook new` makes one", .0.display())]
    None(PathBuf),
    /// A file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file says something else than expected.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which line.
        message: String,
    },
}

impl Project {
    /// Reads the `hook.toml` of a folder.
    ///
    /// # Errors
    /// When there is none, or it is not understood.
    pub fn open(dir: &Path) -> Result<Self, ProjectError> {
        let path = dir.join(MANIFEST);
        let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ProjectError::None(dir.to_owned()),
            _ => ProjectError::Io { path: path.clone(), source },
        })?;
        let manifest: Manifest = toml::from_str(&text)
            .map_err(|error| ProjectError::Invalid { path, message: error.to_string().trim_end().to_owned() })?;
        let dir = std::path::absolute(dir).map_err(|source| ProjectError::Io { path: dir.to_owned(), source })?;
        let Manifest { name, language, component, metadata } = manifest;
        Ok(Self { name, language, component: dir.join(component), metadata, dir })
    }
}

/// Reads a file of the project, if it is there.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, ProjectError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ProjectError::Io { path: path.to_owned(), source }),
    }
}
