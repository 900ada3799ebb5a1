//! Dumps MySQL and MariaDB databases before a backup, and backs the dumps up. See the
//! README for its settings.

use dump::{Dump, Whole};
use hookward_sdk::command::Command;
use hookward_sdk::prelude::*;

mod config;

use config::Config;

/// The hook: dumps before a backup, cleans up when it is over.
#[hook]
pub fn run(event: &Event) -> Result<(), String> {
    let config = Config::read().map_err(|error| error.to_string())?;
    let folder = config.folder().map_err(|error| error.to_string())?;
    dump::run(event, &folder, &dumps(&config))
}

fn dumps(config: &Config) -> Vec<Dump> {
    let dump = |what: String, name: &str, command: Command| Dump {
        what,
        file: format!("{name}.sql"),
        command,
        whole: Whole::Ends(
            "-- Dump completed",
            "was the disk full, or does the `argv` of the command have `--compact` or `--skip-comments`, which leave \
             that line out?",
        ),
        min_size: config.min_size.as_u64(),
        verify: None,
        beside: &[],
    };
    if config.all {
        return vec![dump("all databases".to_owned(), "all", command(config.command()))];
    }
    let of = |name: &String| dump(format!("database {name}"), name, command(config.command()).arg("database", name));
    config.databases.iter().map(of).collect()
}
