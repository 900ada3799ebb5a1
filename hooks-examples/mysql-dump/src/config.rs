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
}

impl Config {
    pub(crate) fn read() -> Result<Self, ConfigError> {
        let config: Self = config()?;
        match (config.all, config.databases.is_empty()) {
            (false, true) => return Err(ConfigError::new("databases", "name one here, or set `all = true`")),
            (true, false) => {
                return Err(ConfigError::new("databases", "`all = true` has them all: leave one of the two out"));
            }
            _ => {}
        }
        for (n, database) in config.databases.iter().enumerate() {
            let key = format!("databases[{n}]");
            dump::check_name(&key, database)?;
            if config.databases.iter().take(n).any(|earlier| earlier == database) {
                return Err(ConfigError::new(key, format!("`{database}` is named twice")));
            }
        }
        Ok(config)
    }

    pub(crate) fn folder(&self) -> Result<Folder, ConfigError> {
        Folder::new(self.dir.clone(), self.host_dir.clone(), self.add_to_sources, self.keep)
    }

    /// The name of the command that dumps.
    pub(crate) fn command(&self) -> &str {
        self.command.as_deref().unwrap_or(if self.all { "mysql-dump-all" } else { "mysql-dump" })
    }
}

fn dumps() -> PathBuf {
    "/dumps".into()
}

const fn yes() -> bool {
    true
}
