//! The command line of the verbs of a hook's author.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueHint};
use hookward_author::Language;
use hookward_engine::{EventKind, Status};

use super::{Late, Pull, Push, Sign, Verify};

#[derive(Debug, Subcommand)]
pub(crate) enum Hook {
    /// Write a project that builds at once: with a test, and a configuration to take from
    New(HookNew),
    /// Build the component of a project, by the language's own tool
    Build(HookBuild),
    /// Show what a component says of itself, exports and asks for, and the grants for it
    Inspect(HookInspect),
    /// Call one hook once, without a backup
    Call(Box<Late<Call>>),
    /// Run a component on the record of a call: offline, to the same end
    Replay(Replay),
    /// Try a hook on cases, each an event and what is answered to the hook
    Test(Test),
    /// Push a component to a registry
    Push(Push),
    /// Pull a component from a registry into a file
    Pull(Pull),
    /// Sign a component: a file, or what a registry has
    Sign(Sign),
    /// Check who has signed a component
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct HookNew {
    /// The language
    #[arg(long, value_name = "LANGUAGE", value_parser = language())]
    pub(crate) lang: Language,
    /// Name of the hook, such as `disk-is-there`
    pub(crate) name: String,
    /// Its folder, which must not be there, or be empty [default: NAME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
    /// Source of the SDK for Rust [default: a copy that comes with hookward]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) sdk: Option<PathBuf>,
}

fn language() -> impl TypedValueParser<Value = Language> {
    let names = Language::ALL.iter().map(|language| language.as_str());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Language>())
}

#[derive(Debug, Args)]
pub(crate) struct HookBuild {
    /// Folder of the project, which has a hook.toml
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// Where the component goes, if not where hook.toml says
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct HookInspect {
    /// The component
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Show the table `grants` alone, to be narrowed, and to be read by `--grants`
    #[arg(long, conflicts_with = "json")]
    pub(crate) grants: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Call {
    /// The component
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The event's kind
    #[arg(long, value_name = "EVENT", required_unless_present = "event_file")]
    pub(crate) event: Option<EventKind>,
    /// A whole event as JSON (`-`: from stdin); other options change it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) event_file: Option<PathBuf>,
    /// Subcommand of restic
    #[arg(long)]
    pub(crate) operation: Option<String>,
    /// Name of the profile
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// Location of the repository
    #[arg(long)]
    pub(crate) repository: Option<String>,
    /// A source of the backup
    #[arg(long = "source", value_name = "PATH")]
    pub(crate) sources: Vec<String>,
    /// A tag of the backup
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Number of the attempt
    #[arg(long, value_name = "N")]
    pub(crate) attempt: Option<u32>,
    /// How the run has ended [default: by the event]
    #[arg(long)]
    pub(crate) status: Option<Status>,
    /// Why it has ended so
    #[arg(long)]
    pub(crate) error: Option<String>,
    /// A setting of the hook: the value is a TOML value, or a text
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) settings: Vec<(String, String)>,
    /// Settings of the hook, as a TOML file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config_file: Option<PathBuf>,
    /// Grant a directory: HOST, HOST:GUEST, or HOST:GUEST:rw
    #[arg(long = "dir", value_name = "DIR")]
    pub(crate) dirs: Vec<String>,
    /// Grant an environment variable
    #[arg(long = "env", value_name = "NAME")]
    pub(crate) env: Vec<String>,
    /// Grants, as in the `grants` table of a hook: a TOML file, or, with a `=` in it, TOML
    #[arg(long, value_name = "TOML")]
    pub(crate) grants: Option<String>,
    /// Limit of wall clock
    #[arg(long, value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Limit of fuel
    #[arg(long)]
    pub(crate) fuel: Option<u64>,
    /// Limit of memory
    #[arg(long)]
    pub(crate) memory: Option<ByteSize>,
    /// Write down all that the hook is told, for `hook replay`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) record: Option<PathBuf>,
}

/// Exit code 0: identical, to the last unit of fuel. 1: it went another way, or came to
/// another end. 78: the record can't be used, or was cut and is the same as far as it goes.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The record
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The component, where it isn't the one that was recorded, or has moved
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) component: Option<PathBuf>,
}

/// Exit code 0: every case went as it should. 1: one did not. 78: a case or the component
/// can't be used.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The hook's project, with its cases in `tests`; or a directory of cases
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// The component [default: what the project's hook.toml names]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) component: Option<PathBuf>,
    /// Only cases with this in their names
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// Write what happens into the cases, as what is expected from now on
    #[arg(long, visible_alias = "bless")]
    pub(crate) update: bool,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
