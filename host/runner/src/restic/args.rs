//! Reads a restic command line, to tell hooks what it is about. It is never
//! changed: restic gets every argument as it came.
//!
//! restic parses with pflag, as `lexopt` does: long options with `=` or a value
//! after them, clusters of short ones, `--` as the end of options. Which options
//! take a value is known from the manuals of restic 0.14 to 0.19; an option that
//! is not in the tables is taken to have none.

use std::ffi::{OsStr, OsString};

use lexopt::{Arg, Parser};

/// Long options with a value, of any subcommand.
const LONG: &[&str] = &[
    // Of every subcommand.
    "cacert",
    "cache-dir",
    "compression",
    "http-user-agent",
    "key-hint",
    "limit-download",
    "limit-upload",
    "option",
    "pack-size",
    "password-command",
    "password-file",
    "repo",
    "repository-file",
    "retry-lock",
    "stuck-request-timeout",
    "tls-client-cert",
    // Of backup.
    "exclude",
    "exclude-file",
    "exclude-if-present",
    "exclude-larger-than",
    "files-from",
    "files-from-raw",
    "files-from-verbatim",
    "group-by",
    "host",
    "iexclude",
    "iexclude-file",
    "parent",
    "read-concurrency",
    "stdin-filename",
    "tag",
    "time",
];

/// Short options with a value.
const SHORT: &[char] = &['e', 'g', 'H', 'o', 'p', 'r'];

/// What a restic command line says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invocation {
    /// The subcommand; none for `restic --help`, say.
    pub operation: Option<String>,
    /// `--json`.
    pub json: bool,
    /// `--dry-run` or `-n`.
    pub dry_run: bool,
    /// `--repo`.
    pub repository: Option<String>,
    /// `--repository-file`: the repository isn't known from the command line.
    pub repository_file: bool,
    /// `--tag`, split at commas as restic does.
    pub tags: Vec<String>,
    /// What is backed up: the operands of `backup`, unless they are a command.
    pub sources: Vec<String>,
    /// `--stdin` or `--stdin-from-command`.
    pub stdin: bool,
    /// `--files-from` or one of its variants: the sources stand in files.
    pub files_from: bool,
}

impl Invocation {
    /// Reads the arguments, the program's name left out.
    #[must_use]
    pub fn parse(args: &[OsString]) -> Self {
        let mut found = Self::default();
        let mut operands = Vec::new();
        let mut parser = Parser::from_args(args);
        // lexopt fails only on a value for an option that takes none, which
        // `optional_value` below has taken already.
        while let Ok(Some(arg)) = parser.next() {
            match arg {
                Arg::Value(value) => operands.push(value.to_string_lossy().into_owned()),
                Arg::Long(name) if LONG.contains(&name) => {
                    let name = name.to_owned();
                    let value = parser.value().unwrap_or_default();
                    found.option(&name, &value);
                }
                Arg::Short(name) if SHORT.contains(&name) => {
                    let value = parser.value().unwrap_or_default();
                    match name {
                        'r' => found.option("repo", &value),
                        'H' => found.option("host", &value),
                        _ => {}
                    }
                }
                Arg::Long(name) => {
                    let name = name.to_owned();
                    let off = parser.optional_value().is_some_and(|value| value == "false");
                    found.flag(&name, !off);
                }
                Arg::Short('n') => found.dry_run = true,
                Arg::Short(_) => {}
            }
        }
        let mut operands = operands.into_iter();
        found.operation = operands.next();
        if found.operation.as_deref() == Some("backup") && !found.stdin {
            found.sources = operands.collect();
        }
        found
    }

    fn option(&mut self, name: &str, value: &OsStr) {
        let value = value.to_string_lossy();
        match name {
            "repo" => self.repository = Some(value.into_owned()),
            "repository-file" => self.repository_file = true,
            "files-from" | "files-from-raw" | "files-from-verbatim" => self.files_from = true,
            "tag" => self.tags.extend(value.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned)),
            _ => {}
        }
    }

    fn flag(&mut self, name: &str, on: bool) {
        match name {
            "json" => self.json = on,
            "dry-run" => self.dry_run = on,
            "stdin" | "stdin-from-command" => self.stdin |= on,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Invocation {
        Invocation::parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_subcommand_is_the_first_operand() {
        for (line, operation) in [
            ("backup /data", "backup"),
            ("-r /repo backup /data", "backup"),
            ("--repo /repo --password-file x snapshots", "snapshots"),
            ("--repo=/repo -v --verbose=2 forget --prune", "forget"),
            ("-qr /repo check", "check"),
            ("-r/repo -o s3.x=y dump latest /f", "dump"),
            ("--no-lock --cache-dir backup ls latest", "ls"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(parse(line).operation.as_deref(), Some(operation), "{line}");
        }
        assert_eq!(parse("--help").operation, None);
        assert_eq!(parse("").operation, None);
    }

    #[test]
    fn a_backup_is_read_whole() {
        let found = parse("-r rest:http://h/ backup --tag a,b --json -n --exclude /x --tag=c /data -H me -- --odd");
        assert_eq!(found.repository.as_deref(), Some("rest:http://h/"));
        assert_eq!(found.tags, ["a", "b", "c"]);
        assert_eq!(found.sources, ["/data", "--odd"]);
        assert!(found.json && found.dry_run && !found.stdin);
    }

    #[test]
    fn a_command_is_no_source() {
        let found = parse("backup --stdin-from-command --stdin-filename db.sql -- pg_dump --json db");
        assert!(found.stdin && !found.json);
        assert!(found.sources.is_empty());
    }

    #[test]
    fn a_switch_can_be_off() {
        assert!(!parse("backup --json=false /x").json);
        assert_eq!(parse("backup --json=false /x").sources, ["/x"]);
    }
}
