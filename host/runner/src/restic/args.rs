//! Reads a restic command line, to tell hooks what it is about, and knows the places
//! of its words, for the changes that a hook is granted. Without one restic gets every
//! argument as it came.
//!
//! restic parses with pflag, as `lexopt` does: long options with `=` or a value
//! after them, clusters of short ones, `--` as the end of options. Which options
//! take a value is known from the manuals of restic 0.14 to 0.19; an option that
//! is not in the tables is taken to have none, and the word behind it is then not
//! sure to be an operand.

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

/// Long options without a value, of backup and of every subcommand.
const SWITCHES: &[&str] = &[
    "cleanup-cache",
    "dry-run",
    "exclude-caches",
    "exclude-cloud-files",
    "force",
    "help",
    "ignore-ctime",
    "ignore-inode",
    "insecure-no-password",
    "insecure-tls",
    "json",
    "no-cache",
    "no-extra-verify",
    "no-lock",
    "no-scan",
    "one-file-system",
    "quiet",
    "skip-if-unchanged",
    "stdin",
    "stdin-from-command",
    "use-fs-snapshot",
    "verbose",
    "with-atime",
];

/// Short options without a value.
const SHORT_SWITCHES: &[char] = &['f', 'h', 'n', 'q', 'v', 'x'];

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
    /// `--exclude`.
    pub excludes: Vec<String>,
    /// Index of the subcommand in the arguments.
    pub operation_at: Option<usize>,
    /// Index of each source, in their order.
    pub sources_at: Vec<usize>,
    /// An option that isn't known, and behind which stands what may be its value or an
    /// operand.
    pub unclear: Option<String>,
}

impl Invocation {
    /// Reads the arguments, the program's name left out.
    #[must_use]
    pub fn parse(args: &[OsString]) -> Self {
        let mut found = Self::default();
        let mut operands = Vec::new();
        let mut unknown: Option<(usize, String)> = None;
        let mut parser = Parser::from_args(args);
        // The index of the argument that was read last; none amid a cluster.
        let at = |parser: &mut Parser| Some(args.len() - parser.try_raw_args()?.as_slice().len() - 1);
        // lexopt fails only on a value for an option that takes none, which
        // `optional_value` below has taken already.
        while let Ok(Some(arg)) = parser.next() {
            match arg {
                Arg::Value(value) => {
                    let index = at(&mut parser).unwrap_or_default();
                    if let Some((_, name)) = unknown.take_if(|(option, _)| *option + 1 == index) {
                        found.unclear.get_or_insert(name);
                    }
                    operands.push((index, value.to_string_lossy().into_owned()));
                }
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
                        'e' => found.option("exclude", &value),
                        _ => {}
                    }
                }
                Arg::Long(name) => {
                    let name = name.to_owned();
                    let value = parser.optional_value();
                    if value.is_none() && !SWITCHES.contains(&name.as_str()) {
                        unknown = at(&mut parser).map(|at| (at, format!("--{name}")));
                    }
                    found.flag(&name, value.is_none_or(|value| value != "false"));
                }
                Arg::Short('n') => found.dry_run = true,
                Arg::Short(name) if !SHORT_SWITCHES.contains(&name) => {
                    unknown = at(&mut parser).map(|at| (at, format!("-{name}")));
                }
                Arg::Short(_) => {}
            }
        }
        let mut operands = operands.into_iter();
        (found.operation_at, found.operation) = operands.next().unzip();
        if found.operation.as_deref() == Some("backup") && !found.stdin {
            (found.sources_at, found.sources) = operands.unzip();
        }
        found
    }

    /// Why the operands are not what is backed up, or not sure to be; none if they are.
    #[must_use]
    pub fn fixed_sources(&self) -> Option<String> {
        if self.stdin {
            return Some("restic reads the data from stdin or from a command".to_owned());
        }
        if self.files_from {
            return Some("restic reads them from files, by `--files-from` or one of its variants".to_owned());
        }
        let option = self.unclear.as_ref()?;
        Some(format!("Hookward doesn't know the option `{option}`, and so not whether a value follows it"))
    }

    /// The arguments `args`, of which this was read, with `options` behind the
    /// subcommand and `sources` behind those that there are, or in their place.
    #[must_use]
    pub fn with(&self, args: &[OsString], options: &[OsString], sources: &[OsString], replace: bool) -> Vec<OsString> {
        let mut changed = Vec::with_capacity(args.len() + options.len() + sources.len());
        // A source behind `--` stays behind it, and its followers too.
        let last = self.sources_at.last().or(self.operation_at.as_ref());
        for (index, arg) in args.iter().enumerate() {
            if !(replace && self.sources_at.binary_search(&index).is_ok()) {
                changed.push(arg.clone());
            }
            if self.operation_at == Some(index) {
                changed.extend_from_slice(options);
            }
            if last == Some(&index) {
                changed.extend_from_slice(sources);
            }
        }
        changed
    }

    fn option(&mut self, name: &str, value: &OsStr) {
        let value = value.to_string_lossy();
        match name {
            "repo" => self.repository = Some(value.into_owned()),
            "repository-file" => self.repository_file = true,
            "files-from" | "files-from-raw" | "files-from-verbatim" => self.files_from = true,
            "exclude" => self.excludes.push(value.into_owned()),
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

    #[test]
    fn the_places_of_the_words_are_known() {
        for (line, operation, sources) in [
            ("backup", 0, &[][..]),
            ("backup /a /b", 0, &[1, 2]),
            ("-r /repo backup --tag x /a -vx --host=h /b", 2, &[5, 8]),
            ("-qr /repo backup -e *.o /a", 2, &[5]),
            ("-r/repo --verbose=2 backup -nvH me /a --tag x", 2, &[5]),
            ("backup /a -- /b --c", 0, &[1, 3, 4]),
            ("backup -- -- /b", 0, &[2, 3]),
            ("backup --json=false /x", 0, &[2]),
            ("backup /a --tag", 0, &[1]),
        ] {
            let found = parse(line);
            assert_eq!((found.operation_at, &*found.sources_at), (Some(operation), sources), "{line}");
            assert_eq!(found.fixed_sources(), None, "{line}");
        }
        assert_eq!(parse("backup --stdin-from-command -- pg_dump db").sources_at, [0; 0]);
        assert_eq!(parse("backup -e *.o --exclude=/tmp --exclude b /a").excludes, ["*.o", "/tmp", "b"]);
    }

    #[test]
    fn sources_that_are_no_operands_are_fixed() {
        for (line, part) in [
            ("backup --stdin", "from stdin"),
            ("backup --stdin-from-command -- ls", "from a command"),
            ("backup --files-from list /a", "`--files-from`"),
            ("backup --files-from-raw=list", "`--files-from`"),
            ("backup --later-option value /a", "`--later-option`"),
            ("backup -Z value /a", "`-Z`"),
            ("backup -vZ value /a", "`-Z`"),
        ] {
            let why = parse(line).fixed_sources().unwrap_or_default();
            assert!(why.contains(part), "{line}: {why}");
        }
        for line in ["backup --later-option=value /a", "backup --later-option --tag x /a", "backup /a --later-option"] {
            assert_eq!(parse(line).fixed_sources(), None, "{line}");
        }
    }

    #[test]
    fn words_are_put_in_their_places() {
        let words = |line: &str| line.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        for (line, replace, expected) in [
            ("backup", false, "backup --tag=t /new"),
            ("backup /a /b", false, "backup --tag=t /a /b /new"),
            ("backup /a /b", true, "backup --tag=t /new"),
            ("-r /repo backup -x /a --tag u /b -v", false, "-r /repo backup --tag=t -x /a --tag u /b /new -v"),
            ("-r /repo backup -x /a --tag u /b -v", true, "-r /repo backup --tag=t -x --tag u /new -v"),
            ("backup /a -- /b --c", false, "backup --tag=t /a -- /b --c /new"),
            ("backup /a -- /b --c", true, "backup --tag=t -- /new"),
            ("backup --", false, "backup --tag=t /new --"),
            // What misses its value must not take a source for it.
            ("backup /a --tag", false, "backup --tag=t /a /new --tag"),
        ] {
            let changed = parse(line).with(&words(line), &words("--tag=t"), &words("/new"), replace);
            assert_eq!(changed, words(expected), "{line}");
        }
    }
}
