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
    #[serde(default)]
    pub(crate) databases: Vec<String>,
    #[serde(default)]
    pub(crate) all: bool,
    #[serde(default)]
    pub(crate) globals: bool,
    format: Option<Format>,
    #[serde(default = "dumps")]
    dir: PathBuf,
    host_dir: Option<PathBuf>,
    #[serde(default = "yes")]
    add_to_sources: bool,
    #[serde(default = "yes")]
    keep: bool,
    #[serde(default)]
    pub(crate) min_size: ByteSize,
    command: Option<String>,
    #[serde(default = "pg_globals")]
    pub(crate) globals_command: String,
    pub(crate) check_command: Option<String>,
}

/// What pg_dump writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    Custom,
    Plain,
}

impl Config {
    pub(crate) fn read() -> Result<Self, ConfigError> {
        let config: Self = config()?;
        if config.all {
            config.check_all()?;
        } else if config.databases.is_empty() && !config.globals {
            return Err(ConfigError::new("databases", "name one here, or set `all = true`"));
        }
        for (n, database) in config.databases.iter().enumerate() {
            let key = format!("databases[{n}]");
            dump::check_name(&key, database)?;
            if config.databases.iter().take(n).any(|earlier| earlier == database) {
                return Err(ConfigError::new(key, format!("`{database}` is named twice")));
            }
            if config.globals && config.format() == Format::Plain && database == "globals" {
                return Err(ConfigError::new(key, "its dump would be `globals.sql`, as that of `globals = true`"));
            }
        }
        if config.check_command.is_some() && (config.all || config.format() == Format::Plain) {
            return Err(ConfigError::new("check-command", "pg_restore reads dumps of `format = \"custom\"` only"));
        }
        Ok(config)
    }

    fn check_all(&self) -> Result<(), ConfigError> {
        if !self.databases.is_empty() {
            return Err(ConfigError::new("databases", "`all = true` has them all: leave one of the two out"));
        }
        if self.globals {
            return Err(ConfigError::new("globals", "`all = true` has the roles too: leave one of the two out"));
        }
        if self.format == Some(Format::Custom) {
            return Err(ConfigError::new("format", "pg_dumpall, which `all = true` is for, writes `plain` only"));
        }
        Ok(())
    }

    pub(crate) fn folder(&self) -> Result<Folder, ConfigError> {
        Folder::new(self.dir.clone(), self.host_dir.clone(), self.add_to_sources, self.keep)
    }

    pub(crate) fn format(&self) -> Format {
        self.format.unwrap_or(Format::Custom)
    }

    /// The name of the command that dumps.
    pub(crate) fn command(&self) -> &str {
        self.command.as_deref().unwrap_or(if self.all { "pg-dumpall" } else { "pg-dump" })
    }
}

fn dumps() -> PathBuf {
    "/dumps".into()
}

const fn yes() -> bool {
    true
}

fn pg_globals() -> String {
    "pg-globals".to_owned()
}
