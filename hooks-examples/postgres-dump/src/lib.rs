//! Dumps PostgreSQL databases before a backup, and backs the dumps up. See the README
//! for its settings.

use dump::{Dump, Verify, Whole};
use hookward_sdk::prelude::*;

mod config;

use config::{Config, Format};

/// The hook: dumps before a backup, cleans up when it is over.
#[hook]
pub fn run(event: &Event) -> Result<(), String> {
    let config = Config::read().map_err(|error| error.to_string())?;
    let folder = config.folder().map_err(|error| error.to_string())?;
    dump::run(event, &folder, &dumps(&config))
}

fn dumps(config: &Config) -> Vec<Dump> {
    let mut dumps = Vec::new();
    if config.globals {
        // First: a restore needs the roles before the databases that they own.
        dumps.push(Dump {
            what: "the roles and tablespaces".to_owned(),
            command: command(&config.globals_command),
            file: "globals.sql".to_owned(),
            whole: Whole::Ends("-- PostgreSQL database cluster dump complete", "is it pg_dumpall that runs?"),
            min_size: 0,
            verify: None,
            beside: &[],
        });
    }
    if config.all {
        dumps.push(Dump {
            what: "all databases".to_owned(),
            command: command(config.command()),
            file: "all.sql".to_owned(),
            whole: Whole::Ends("-- PostgreSQL database cluster dump complete", "is it pg_dumpall that runs?"),
            min_size: config.min_size.as_u64(),
            verify: None,
            beside: &[],
        });
    }
    dumps.extend(config.databases.iter().map(|database| of_database(database, config)));
    dumps
}

fn of_database(database: &str, config: &Config) -> Dump {
    let (ending, whole) = match config.format() {
        Format::Custom => {
            ("dump", Whole::Begins(b"PGDMP", "does the `argv` of the command say `--format=custom`, as `format` does?"))
        }
        Format::Plain => (
            "sql",
            Whole::Ends(
                "-- PostgreSQL database dump complete",
                "does the `argv` of the command say `--format=plain`, as `format` does?",
            ),
        ),
    };
    Dump {
        what: format!("database {database}"),
        command: command(config.command()).arg("database", database),
        file: format!("{database}.{ending}"),
        whole,
        min_size: config.min_size.as_u64(),
        verify: config.check_command.as_ref().map(|name| Verify { command: command(name), says: None }),
        beside: &[],
    }
}
