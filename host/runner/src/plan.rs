//! One run, before anything of it has happened: which hooks, in which order, around
//! which restic command line.

mod change;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hookward_engine::event::{EventKind, Trigger};

use crate::config::{Config, HookSpec, NoSuchProfile, Password, Profile, Repository};
use crate::lock::Name;
use crate::records::Records;
use crate::restic::args::Invocation;
use crate::restic::binary::{self, BinaryError};
use crate::restic::location::without_credentials;
use crate::restic::process::{Command, Route};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The profile; none: global hooks alone.
    pub profile: Option<String>,
    /// The restic command line.
    pub restic: Restic,
    /// What starts the run.
    pub trigger: Trigger,
    /// Change nothing: hooks are told, restic gets `--dry-run`.
    pub dry_run: bool,
    /// Stdout is needed for something else, a report: restic's goes to stderr.
    pub keep_stdout: bool,
}

/// Where the restic command line comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restic {
    /// From the profile: its repository, its sources, its arguments, and `extra`
    /// behind them.
    Managed {
        /// The subcommand.
        operation: String,
        /// Arguments behind those of the profile.
        extra: Vec<OsString>,
    },
    /// As given, on the profile's repository.
    OnRepository(Vec<OsString>),
    /// As given, in this environment: nothing is added but the run's mark.
    Exact {
        /// Another program than the configured restic.
        program: Option<PathBuf>,
        /// Its arguments.
        args: Vec<OsString>,
    },
}

/// Why there is no plan. Nothing was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The profile isn't in the configuration.
    #[error(transparent)]
    NoSuchProfile(#[from] NoSuchProfile),
    /// There is no restic.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// There is nothing to back up.
    #[error("profile `{profile}` has no sources: set `sources` in [profile.{profile}] ({location})")]
    NoSources {
        /// The profile.
        profile: String,
        /// Where it stands.
        location: String,
    },
    /// The subcommand can't be rehearsed.
    #[error("restic {operation} knows no --dry-run: leave it out, or give restic its own options")]
    NoDryRun {
        /// The subcommand.
        operation: String,
    },
}

/// Subcommands of restic that have `--dry-run`.
const DRY_RUN: &[&str] = &["backup", "forget", "prune", "restore", "rewrite"];

/// One run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The profile, if the run has one.
    pub profile: Option<String>,
    /// The restic subcommand; empty when the command line has none.
    pub operation: String,
    /// Location of the repository, credentials removed; empty when not known.
    pub repository: String,
    /// Name of this machine.
    pub host: String,
    /// What is backed up.
    pub sources: Vec<String>,
    /// Tags of the snapshot.
    pub tags: Vec<String>,
    /// Why no hook can change the sources: restic reads them from elsewhere than its
    /// operands. None if hooks can.
    pub fixed_sources: Option<String>,
    /// What starts the run.
    pub trigger: Trigger,
    /// Nothing may be changed.
    pub dry_run: bool,
    /// The restic process.
    pub restic: Command,
    /// Where its stderr goes once a hook has given it the password for which it would
    /// have asked.
    unasked: Option<Route>,
    /// The hooks that may be called, in the order of `before`.
    pub hooks: Vec<HookSpec>,
    /// Exit code of a run that is skipped.
    pub skip_exit_code: i32,
    /// Wall clock of the run up to restic's end.
    pub max_duration: Option<Duration>,
    /// Where calls of its hooks are recorded, if they are.
    pub records: Option<Records>,
}

impl Plan {
    /// Makes the plan. Looks for restic, and starts nothing.
    ///
    /// # Errors
    /// When the request can't be fulfilled as the configuration stands.
    pub fn new(config: &Config, request: &Request) -> Result<Self, PlanError> {
        let profile = request.profile.as_deref().map(|name| config.profile(name)).transpose()?;
        let repository = profile.and_then(|profile| config.repositories.get(&profile.repository));
        let named = match &request.restic {
            Restic::Exact { program: Some(program), .. } => program,
            _ => &config.restic.binary,
        };
        let program =
            binary::find(named, std::env::var_os("PATH").as_deref(), std::env::current_exe().ok().as_deref())?;
        let args = match (&request.restic, profile) {
            (Restic::Managed { operation, extra }, Some(profile)) => managed(profile, operation, extra, request)?,
            (Restic::Managed { operation, extra }, None) => {
                std::iter::once(operation.into()).chain(extra.iter().cloned()).collect()
            }
            (Restic::OnRepository(args) | Restic::Exact { args, .. }, _) => args.clone(),
        };
        let invocation = Invocation::parse(&args);
        let operation = invocation.operation.clone().unwrap_or_default();
        if let (Some(profile), true) = (profile, matches!(request.restic, Restic::Managed { .. }))
            && operation == "backup"
            && invocation.sources.is_empty()
            && !invocation.stdin
            && !invocation.files_from
        {
            let (profile, location) = (profile.name.clone(), profile.location.to_string());
            return Err(PlanError::NoSources { profile, location });
        }
        if request.dry_run && !invocation.dry_run {
            return Err(PlanError::NoDryRun { operation });
        }
        let mut hooks: Vec<_> = config.hooks.iter().collect();
        hooks.extend(repository.iter().flat_map(|repository| &repository.hooks));
        hooks.extend(profile.iter().flat_map(|profile| &profile.hooks));
        hooks.retain(|hook| hook.operations.contains(&operation));
        // A command line without a subcommand (`restic --help`) is no run.
        hooks.retain(|_| !operation.is_empty());

        let mut plan = Self {
            profile: profile.map(|profile| profile.name.clone()),
            repository: location(&request.restic, repository, &invocation),
            host: gethostname::gethostname().to_string_lossy().into_owned(),
            sources: invocation.sources.clone(),
            tags: invocation.tags.clone(),
            fixed_sources: invocation.fixed_sources(),
            trigger: request.trigger,
            dry_run: invocation.dry_run,
            restic: Command::new(program, args),
            unasked: None,
            hooks: hooks.into_iter().cloned().collect(),
            skip_exit_code: profile.map_or(0, |profile| profile.skip_exit_code.into()),
            max_duration: profile.and_then(|profile| profile.max_duration),
            records: config.records.clone(),
            operation,
        };
        if let (Some(repository), false) = (repository, matches!(request.restic, Restic::Exact { .. })) {
            plan.restic.env = environment(repository);
        }
        plan.route(request, &invocation, repository);
        Ok(plan)
    }

    /// Whether the run calls a hook at all. If not, it is restic and nothing else.
    #[must_use]
    pub fn calls_hooks(&self) -> bool {
        !self.hooks.is_empty()
    }

    /// Whether restic's stdout is read and shown, instead of being the result.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.restic.stdout == Route::Read
    }

    /// The hooks of an event, in the order of their calls.
    #[must_use]
    pub fn hooks_on(&self, kind: EventKind) -> Vec<&HookSpec> {
        in_order(self.hooks.iter().filter(|hook| hook.on.contains(&kind)), kind)
    }

    /// The locks of the run, in the one order in which they are taken.
    #[must_use]
    pub fn locks(&self) -> Vec<Name> {
        self.profile_lock().into_iter().chain(self.exclusive_names().into_iter().map(Name::Exclusive)).collect()
    }

    /// The lock of the run's profile, if it has one and calls a hook.
    #[must_use]
    pub fn profile_lock(&self) -> Option<Name> {
        self.profile.clone().filter(|_| self.calls_hooks()).map(Name::Profile)
    }

    /// The exclusive names of its hooks, in the one order in which they are taken.
    #[must_use]
    pub fn exclusive_names(&self) -> BTreeSet<String> {
        self.hooks.iter().filter_map(|hook| hook.exclusive.clone()).collect()
    }

    /// Decides which streams of restic are read.
    fn route(&mut self, request: &Request, invocation: &Invocation, repository: Option<&Repository>) {
        let json_backup = invocation.json && self.operation == "backup";
        let calls_hooks = self.calls_hooks();
        let restic = &mut self.restic;
        match &request.restic {
            Restic::Managed { .. } if json_backup => {
                restic.stdout = Route::Read;
                restic.stderr = Route::Read;
            }
            Restic::Managed { .. } | Restic::OnRepository(_) => {
                restic.stdout = if json_backup { Route::Tee } else { Route::Inherit };
                restic.stderr = Route::Tee;
            }
            Restic::Exact { .. } if json_backup && calls_hooks => {
                restic.stdout = Route::Tee;
                // A terminal is left alone: restic may ask for the password there.
                if !std::io::stderr().is_terminal() {
                    restic.stderr = Route::Tee;
                }
            }
            Restic::Exact { .. } => {}
        }
        if request.keep_stdout && matches!(restic.stdout, Route::Inherit | Route::Tee) {
            restic.stdout = Route::ToStderr;
        }
        let has_password = repository.is_some_and(|repository| repository.password.is_some())
            || ["RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND"]
                .iter()
                .any(|name| std::env::var_os(name).is_some());
        // restic is going to ask for the password, without ending the line.
        if !has_password && std::io::stdin().is_terminal() && !matches!(request.restic, Restic::Exact { .. }) {
            self.unasked = Some(std::mem::replace(&mut restic.stderr, Route::Inherit));
        }
    }
}

/// Hooks in the order of their calls: as they stand for `before`, and the other way
/// round after it.
pub(crate) fn in_order<T>(hooks: impl DoubleEndedIterator<Item = T>, kind: EventKind) -> Vec<T> {
    if kind == EventKind::Before { hooks.collect() } else { hooks.rev().collect() }
}

/// `restic OPERATION`, the profile's part, and what was given besides. Sources come
/// before other arguments, which may end with `--` and a command.
fn managed(
    profile: &Profile,
    operation: &str,
    extra: &[OsString],
    request: &Request,
) -> Result<Vec<OsString>, PlanError> {
    let mut args: Vec<OsString> = vec![operation.into()];
    if request.dry_run {
        if !DRY_RUN.contains(&operation) {
            return Err(PlanError::NoDryRun { operation: operation.to_owned() });
        }
        args.push("--dry-run".into());
    }
    let mut own: Vec<OsString> = profile.args.get(operation).into_iter().flatten().map(OsString::from).collect();
    own.extend(extra.iter().cloned());
    if operation == "backup" {
        let given = Invocation::parse(&[args.as_slice(), own.as_slice()].concat());
        if !given.json {
            args.push("--json".into());
        }
        args.extend(profile.tags.iter().map(|tag| format!("--tag={tag}").into()));
        // restic takes either operands or one of these.
        if !given.stdin {
            args.extend(profile.sources.iter().map(|source| source.as_os_str().to_owned()));
        }
    }
    args.extend(own);
    Ok(args)
}

/// Variables that tell restic the repository and where its password comes from: a
/// command line is seen by every user of the machine. Variables that would contradict
/// them are removed.
fn environment(repository: &Repository) -> Vec<(String, Option<OsString>)> {
    let own = |(name, value): (&str, Option<OsString>)| (name.to_owned(), value);
    let mut env = vec![("RESTIC_REPOSITORY", Some(repository.url.clone().into())), ("RESTIC_REPOSITORY_FILE", None)];
    let (file, command) = match &repository.password {
        Some(Password::File(path)) => (Some(Path::as_os_str(path).to_owned()), None),
        Some(Password::Command(command)) => (None, Some(command.into())),
        None => return env.into_iter().map(own).collect(),
    };
    env.extend([("RESTIC_PASSWORD_FILE", file), ("RESTIC_PASSWORD_COMMAND", command), ("RESTIC_PASSWORD", None)]);
    env.into_iter().map(own).collect()
}

fn location(restic: &Restic, repository: Option<&Repository>, invocation: &Invocation) -> String {
    let from_environment = || {
        let unknown = invocation.repository_file || std::env::var_os("RESTIC_REPOSITORY_FILE").is_some();
        std::env::var("RESTIC_REPOSITORY").ok().filter(|_| !unknown)
    };
    let location = invocation.repository.clone().or_else(|| match (restic, repository) {
        (Restic::Managed { .. } | Restic::OnRepository(_), Some(repository)) => Some(repository.url.clone()),
        _ => from_environment(),
    });
    location.map(|location| without_credentials(&location)).unwrap_or_default()
}
