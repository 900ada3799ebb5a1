//! The command line: declared once, for parsing, help, completions and man page.

mod hook;
mod registry;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{
    ArgAction, ArgMatches, Args, CommandFactory as _, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint,
};
use clap_complete::Shell;
use hookward_engine::Trigger;
use hookward_runner::records::Records;

pub(crate) use self::hook::{Call, Hook, HookBuild, HookInspect, HookNew, Replay, Test};
pub(crate) use self::registry::{Lock, Pull, Push, Sign, Vendor, Verify};
use crate::environment;

/// Runs restic behind a gate of sandboxed hooks.
///
/// restic starts only when every required hook has returned ok. Started under the
/// name `restic`, hookward stands in for restic with the hooks of the profile in
/// HOOKWARD_PROFILE.
#[derive(Debug, Parser)]
#[command(name = "hookward", version, propagate_version = true, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Reads the command line and the variables. One that is set to nothing counts as
/// not set, as everywhere in a shell.
pub(crate) fn parse(args: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Cli, clap::Error> {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    if let Some(cli) = parse_frequent(&args) {
        return Ok(cli);
    }
    let mut command = without_empty_variables(Cli::command());
    let matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Reads a command line of a subcommand that is started before every backup, with nothing
/// declared besides it: to declare them all takes half of the start of a process. None of
/// any other command line, nor of one that is wrong, or asks for help, which tell of more
/// than that.
fn parse_frequent(args: &[OsString]) -> Option<Cli> {
    type Declare = fn(clap::Command) -> clap::Command;
    const FREQUENT: [(&str, Declare); 2] = [("exec", Exec::augment_args), ("run", Run::augment_args)];
    let (name, declare) = FREQUENT.into_iter().find(|(name, _)| args.iter().skip(1).any(|arg| arg == name))?;
    let command = Global::augment_args(clap::Command::new("hookward"))
        .subcommand_required(true)
        .subcommand(declare(clap::Command::new(name)));
    Cli::from_arg_matches(&without_empty_variables(command).try_get_matches_from(args).ok()?).ok()
}

/// Arguments that are declared when their subcommand is used: of some hundred, most are
/// never asked for.
#[derive(Debug)]
pub(crate) struct Late<T>(pub(crate) T);

impl<T: Args> Args for Late<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.defer(|command| declared(command, T::augment_args))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        command.defer(|command| declared(command, T::augment_args_for_update))
    }
}

fn declared(command: clap::Command, declare: fn(clap::Command) -> clap::Command) -> clap::Command {
    // Arguments that are flattened into others bring descriptions, too.
    let about = command.get_about().cloned().unwrap_or_default();
    let long_about = command.get_long_about().cloned();
    let command = without_empty_variables(declare(command)).about(about);
    match long_about {
        Some(long_about) => command.long_about(long_about),
        None => command.long_about(None),
    }
}

impl<T: FromArgMatches> FromArgMatches for Late<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| match arg.get_env().and_then(std::env::var_os) {
            Some(value) if value.is_empty() => arg.env(None::<&'static str>),
            _ => arg,
        })
        .mut_subcommands(without_empty_variables)
}

const EXIT_CODES: &str = "\
Exit codes: restic's own when it ran; 0 also when a hook skipped the run;
78 configuration or component unusable, nothing started; 79 another run of the
profile is under way; 80 a required hook kept the gate shut, restic was not
started; 81 restic finished well, a required hook failed after it; 129, 130, 143
cancelled by a signal before restic started (143 also: max-duration was over).";

/// Options of every subcommand.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Configuration file [default: ./hookward.toml, then that of the user, then
    /// /etc/hookward/hookward.toml]
    #[arg(long, global = true, value_name = "FILE", env = environment::CONFIG, value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// How messages are written
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Say more (twice: everything)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Write one machine-readable report to stdout
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Change nothing: hooks are told, restic gets --dry-run
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Directory of locks, the journal and the state of hooks
    #[arg(long, global = true, value_name = "DIR", env = environment::STATE_DIR, value_hint = ValueHint::DirPath)]
    pub(crate) state_dir: Option<PathBuf>,
    /// Directory of compiled and of pulled components
    #[arg(long, global = true, value_name = "DIR", env = environment::CACHE_DIR, value_hint = ValueHint::DirPath)]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Ask no registry
    #[arg(long, global = true, env = environment::OFFLINE, value_parser = FalseyValueParser::new())]
    pub(crate) offline: bool,
    /// Refuse components that are not in hookward.lock
    #[arg(long, global = true, env = environment::LOCKED, value_parser = FalseyValueParser::new())]
    pub(crate) locked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line, on stderr
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run profiles: back up, or run the restic command behind `--`
    Run(Late<Run>),
    /// Run exactly this restic command behind the gate
    Exec(Exec),
    #[command(flatten)]
    Operation(Operation),
    /// Look at runs that were, and at those that go on
    #[command(subcommand)]
    Runs(Runs),
    /// Pay what runs owe whose processes are gone: for the boot, and for after a crash
    Recover(Recover),
    /// Write systemd units: a service and a timer for a profile, and recovery at boot
    Systemd(Systemd),
    /// Write a commented hookward.toml
    Init(Init),
    /// Check the configuration and every component; start nothing
    Validate,
    /// Show what a run would do: hooks, requests, grants, limits, restic's command line
    Explain(Late<Explain>),
    /// Write hookward.lock: what each component of the configuration is, by its digest
    Lock(Lock),
    /// Copy every component into a directory, for machines without a network
    Vendor(Vendor),
    /// The same as `hook push`
    #[command(hide = true)]
    Push(Push),
    /// The same as `hook pull`
    #[command(hide = true)]
    Pull(Pull),
    /// Look at hooks, and try them
    #[command(subcommand)]
    Hook(Hook),
    /// Write a completion script for a shell
    Completions { shell: Shell },
    /// Write man pages: that of hookward to stdout, or all to a directory
    Man {
        #[arg(value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Write the JSON schema of the configuration
    Schema,
}

/// The subcommand of compiler children, for no one else.
pub(crate) const COMPILE: &str = "internal-compile";

/// The subcommand of supervisors of commands, for no one else.
pub(crate) const SUPERVISE: &str = "internal-supervise";

/// How a run is carried out.
#[derive(Debug, Clone, Args)]
pub(crate) struct Running {
    /// Wait for another run of the profile instead of giving up
    #[arg(long)]
    pub(crate) wait: bool,
    /// Exit code of a run that a hook skipped [default: 0, or the profile's]
    #[arg(long, value_name = "CODE")]
    pub(crate) skip_exit_code: Option<u8>,
    /// What starts the run, for hooks to know
    #[arg(long, value_name = "TRIGGER", env = environment::TRIGGER, value_parser = ["manual", "scheduled", "api", "shim"])]
    pub(crate) trigger: Option<String>,
    #[command(flatten)]
    pub(crate) recording: Recording,
}

/// Which calls of hooks are recorded.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Recording {
    /// Record every call of a hook in a file of this directory, for `hook replay`
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) record: Option<PathBuf>,
    /// The same of calls that fail, and no others [default: the configuration's]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "record")]
    pub(crate) record_failed: Option<PathBuf>,
}

impl Recording {
    /// Where to, if it is asked for.
    pub(crate) fn records(&self) -> Option<Records> {
        // Whoever looks for a record in the morning stands somewhere else.
        let to = |dir: &PathBuf, failed_only| Records {
            dir: std::path::absolute(dir).unwrap_or_else(|_| dir.clone()),
            failed_only,
        };
        let failed = self.record_failed.as_ref().map(|dir| to(dir, true));
        self.record.as_ref().map(|dir| to(dir, false)).or(failed)
    }
}

impl Running {
    /// The trigger, `default` unless it is given.
    pub(crate) fn trigger(&self, default: Trigger) -> Trigger {
        self.trigger.as_deref().and_then(|name| name.parse().ok()).unwrap_or(default)
    }
}

/// Which profiles, and how.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// Profiles, run one after the other
    #[arg(required = true, value_name = "PROFILE")]
    pub(crate) profiles: Vec<String>,
    /// Stop at the first profile that fails
    #[arg(long)]
    pub(crate) fail_fast: bool,
    #[command(flatten)]
    pub(crate) running: Running,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) target: Target,
    /// A whole restic command, run on the profile's repository instead of a backup
    #[arg(last = true, value_name = "RESTIC-ARGS")]
    pub(crate) restic: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct OnProfiles {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Arguments for restic, behind those of the profile
    #[arg(last = true, value_name = "RESTIC-ARGS")]
    pub(crate) restic: Vec<OsString>,
}

/// Declares the subcommands of restic that can be named.
macro_rules! operations {
    ($($(#[$meta:meta])* $variant:ident = $name:literal,)+) => {
        /// A subcommand of restic.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Operation { $($(#[$meta])* $variant(Late<OnProfiles>),)+ }

        impl Operation {
            /// restic's name of it, and its arguments.
            pub(crate) fn parts(self) -> (&'static str, OnProfiles) {
                match self { $(Self::$variant(args) => ($name, args.0),)+ }
            }
        }
    };
}

operations! {
    /// Back up the profile's sources
    Backup = "backup",
    /// Remove snapshots by the profile's rules
    Forget = "forget",
    /// Remove data that no snapshot needs
    Prune = "prune",
    /// Check the repository
    Check = "check",
    /// Restore from a snapshot
    Restore = "restore",
    /// List snapshots
    Snapshots = "snapshots",
    /// Show the size of the repository
    Stats = "stats",
    /// List files of a snapshot
    Ls = "ls",
    /// Find files in snapshots
    Find = "find",
    /// Compare snapshots
    Diff = "diff",
    /// Write a file of a snapshot to stdout
    Dump = "dump",
    /// Mount the repository
    Mount = "mount",
    /// Copy snapshots to another repository
    Copy = "copy",
    /// Change tags of snapshots
    Tag = "tag",
    /// Remove stale locks of the repository
    Unlock = "unlock",
    /// Rewrite snapshots
    Rewrite = "rewrite",
    /// Repair the repository
    Repair = "repair",
}

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// Profile whose hooks are called; without it, global hooks alone
    #[arg(long, value_name = "NAME", env = environment::PROFILE)]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) running: Running,
    /// `restic` (the configured one), or the path of a program, and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where to write it
    #[arg(default_value = "hookward.toml", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Overwrite the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Runs {
    /// List runs, the newest first
    List {
        /// Those of one profile
        #[arg(long, value_name = "PROFILE")]
        profile: Option<String>,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Show all that the journal has of a run
    Show {
        /// Its id, or the beginning of it
        #[arg(value_name = "RUN")]
        run: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// Wait for who holds a profile or an exclusive name that is needed
    #[arg(long)]
    pub(crate) wait: bool,
    /// Call nothing, and give up what this run owes: its id, or the beginning of it
    #[arg(long, value_name = "RUN", conflicts_with = "wait")]
    pub(crate) give_up: Option<String>,
    #[command(flatten)]
    pub(crate) recording: Recording,
}

#[derive(Debug, Args)]
pub(crate) struct Systemd {
    /// The profile that the timer backs up
    pub(crate) profile: String,
    /// When: as `OnCalendar=` of systemd.timer(5)
    #[arg(long, value_name = "CALENDAR", default_value = "daily")]
    pub(crate) on_calendar: String,
    /// Start this unit when a run or the recovery at boot fails: as `OnFailure=` of
    /// systemd.unit(5)
    #[arg(long, value_name = "UNIT")]
    pub(crate) on_failure: Option<String>,
    /// Write the units into this directory instead of stdout
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    pub(crate) profile: String,
    /// Subcommand of restic
    #[arg(default_value = "backup")]
    pub(crate) operation: String,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(Into::into).collect()
    }

    /// By the whole of the command line; none if it is wrong.
    fn whole(line: &str) -> Option<String> {
        let matches = Cli::command().try_get_matches_from(split(line)).ok()?;
        Some(format!("{:?}", Cli::from_arg_matches(&matches).unwrap()))
    }

    fn frequent(line: &str) -> Option<String> {
        parse_frequent(&split(line)).map(|cli| format!("{cli:?}"))
    }

    #[test]
    fn a_frequent_command_line_reads_as_by_the_whole() {
        for line in [
            "hookward exec -- restic backup /dir",
            "hookward --config f exec --profile p --wait --skip-exit-code 3 -- restic --json run",
            "hookward -vv --json --dry-run --color never exec -- /usr/bin/restic exec",
            "hookward --offline --locked --state-dir s --cache-dir c --log-format json run p q --fail-fast",
            "hookward run p --record d --trigger scheduled -- forget --prune",
            "hookward run run",
        ] {
            assert_eq!(frequent(line), whole(line), "{line}");
            assert!(frequent(line).is_some(), "{line}");
        }
    }

    #[test]
    fn what_is_not_frequent_or_is_wrong_is_left_to_the_whole() {
        for line in [
            "hookward run exec",
            "hookward --config exec run p",
            "hookward backup run",
            "hookward runs list --profile exec",
            "hookward exec",
            "hookward exec --help",
            "hookward run",
            "hookward --version run p",
            "hookward run p --quiet --verbose",
            "hookward help run",
            "hookward run p --no-such-option",
        ] {
            assert_eq!(frequent(line), None, "{line}");
            let parsed = parse(split(line)).ok().map(|cli| format!("{cli:?}"));
            assert_eq!(parsed, whole(line), "{line}");
        }
    }
}
