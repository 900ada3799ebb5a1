//! Copies a live SQLite database before a backup, and backs the copy up. See the README
//! for its settings.

use dump::{Dump, Verify, Whole};
use hookward_sdk::prelude::*;

mod config;

use config::Config;

/// The hook: copies before a backup, cleans up when it is over.
#[hook]
pub fn run(event: &Event) -> Result<(), String> {
    let config = Config::read().map_err(|error| error.to_string())?;
    let folder = config.folder().map_err(|error| error.to_string())?;
    dump::run(event, &folder, &[copy(&config)])?;
    if config.exclude_original && dump::is_before(event) {
        exclude(&config.database.display().to_string())?;
    }
    Ok(())
}

fn copy(config: &Config) -> Dump {
    Dump {
        what: config.database.display().to_string(),
        file: config.name(),
        command: command(&config.command),
        whole: Whole::Begins(b"SQLite format 3\0", "does the `argv` of the command name an SQLite database?"),
        min_size: config.min_size.as_u64(),
        verify: Some(Verify { command: command(&config.check_command), says: Some("ok") }),
        beside: &["-journal", "-wal", "-shm"],
    }
}

/// Leaves the live files out, which restic can't read at one moment.
fn exclude(database: &str) -> Result<(), String> {
    // restic reads these as patterns.
    let mut literal = String::new();
    for character in database.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            literal.push('\\');
        }
        literal.push(character);
    }
    let files = ["", "-journal", "-wal", "-shm"].map(|ending| format!("{literal}{ending}"));
    plan::add_excludes(files).map_err(|error| {
        format!("the live database can't be left out of the backup: {error} (`exclude-original = false` keeps it in)")
    })
}
