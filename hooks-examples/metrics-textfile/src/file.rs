//! The file that the node exporter reads.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use hookward_sdk::Event;

use crate::config::Config;

/// One for each profile and operation.
pub(crate) struct File {
    path: PathBuf,
    /// The node exporter looks at names that end with `.prom` only.
    new: PathBuf,
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

impl File {
    pub(crate) fn new(config: &Config, event: &Event) -> Self {
        // The names of profiles may be part of a file's name, and have no `@`.
        let profile = event.profile.as_ref().map(|profile| format!("_{profile}")).unwrap_or_default();
        let operation = match event.operation.as_str() {
            "backup" => String::new(),
            other => format!("@{other}"),
        };
        let name = format!("{}{profile}{operation}.prom", config.prefix);
        Self { path: config.dir.join(&name), new: config.dir.join(format!("{name}.new")) }
    }

    /// What an earlier run has written: nothing before the first.
    pub(crate) fn read(&self) -> Result<String, String> {
        match fs::read(&self.path) {
            Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(format!("{self} can't be read: {error}")),
        }
    }

    /// Puts the text in its place, wholly or not at all.
    pub(crate) fn write(&self, text: &str) -> Result<(), String> {
        self.replace(text).map_err(|error| {
            format!("{self} can't be written: {error}: does the hook's `dirs` grant show its directory, with `write = true`?")
        })
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let mut file = fs::File::create(&self.new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        drop(file);
        fs::rename(&self.new, &self.path)
    }
}
