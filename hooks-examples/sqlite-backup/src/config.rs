//! The settings.

use std::path::PathBuf;

use bytesize::ByteSize;
use dump::Folder;
use hookward_sdk::{ConfigError, config};
use serde::Deserialize;

/// The hook's `config` table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) database: PathBuf,
    name: Option<String>,
    #[serde(default = "dumps")]
    dir: PathBuf,
    host_dir: Option<PathBuf>,
    #[serde(default = "yes")]
    add_to_sources: bool,
    #[serde(default)]
    pub(crate) exclude_original: bool,
    #[serde(default = "yes")]
    keep: bool,
    #[serde(default)]
    pub(crate) min_size: ByteSize,
    #[serde(default = "sqlite_backup")]
    pub(crate) command: String,
    #[serde(default = "sqlite_check")]
    pub(crate) check_command: String,
}

impl Config {
    pub(crate) fn read() -> Result<Self, ConfigError> {
        let config: Self = config()?;
        if !config.database.has_root() {
            return Err(ConfigError::new("database", "has to be the absolute path of the database on the host"));
        }
        dump::check_name("name", &config.name())?;
        if config.host_dir.as_ref().is_some_and(|dir| dir.join(config.name()) == config.database) {
            return Err(ConfigError::new("host-dir", "the copy would replace the database: name another directory"));
        }
        Ok(config)
    }

    /// The copy's name: the database's, if there is no other.
    pub(crate) fn name(&self) -> String {
        let own = || self.database.file_name().map(|name| name.to_string_lossy().into_owned());
        self.name.clone().or_else(own).unwrap_or_default()
    }

    pub(crate) fn folder(&self) -> Result<Folder, ConfigError> {
        Folder::new(self.dir.clone(), self.host_dir.clone(), self.add_to_sources, self.keep)
    }
}

fn dumps() -> PathBuf {
    "/dumps".into()
}

const fn yes() -> bool {
    true
}

fn sqlite_backup() -> String {
    "sqlite-backup".to_owned()
}

fn sqlite_check() -> String {
    "sqlite-check".to_owned()
}
