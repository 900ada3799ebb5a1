//! The settings.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use hookward_sdk::{ConfigError, config};
use serde::Deserialize;

/// The hook's `config` table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    path: Option<PathBuf>,
    #[serde(default)]
    paths: Vec<PathBuf>,
    #[serde(default)]
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) not_empty: bool,
    pub(crate) sentinel: Option<PathBuf>,
    #[serde(default, with = "humantime_serde")]
    pub(crate) newer_than: Option<Duration>,
    pub(crate) min_size: Option<ByteSize>,
}

/// What stands at the path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    #[default]
    Any,
    File,
    Dir,
}

impl Config {
    pub(crate) fn read() -> Result<Self, ConfigError> {
        let config: Self = config()?;
        if config.every_path().next().is_none() {
            return Err(ConfigError::new("path", "name a path here, or several in `paths`"));
        }
        if let Some(path) = config.every_path().find(|path| !path.has_root()) {
            let message = format!("`{}` has to be one absolute path; several stand in `paths`", path.display());
            return Err(ConfigError::new("path", message));
        }
        if let Some(sentinel) = &config.sentinel {
            if config.kind == Kind::File {
                return Err(ConfigError::new("sentinel", "only a directory can hold one, and `kind` is `file`"));
            }
            if !is_inside(sentinel) {
                return Err(ConfigError::new("sentinel", "has to be a name or path below the directory"));
            }
        }
        Ok(config)
    }

    pub(crate) fn every_path(&self) -> impl Iterator<Item = &Path> {
        self.path.iter().chain(&self.paths).map(PathBuf::as_path)
    }
}

fn is_inside(path: &Path) -> bool {
    let mut components = path.components().peekable();
    components.peek().is_some() && components.all(|component| matches!(component, Component::Normal(_)))
}
