//! From the files to one [`Config`]: names, references, limits, variables.
//!
//! Every check goes on after an error, so that one run shows all of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use hookward_engine::{Limits, Scope};

use super::diagnostic::{ConfigError, Diagnostic, Place, suggest};
use super::load::Loaded;
use super::schema::{self, At};
use super::value::Checker;
use super::{ComponentSettings, Config, Password, Profile, Repository, ResticSettings, Retention, components, hook};
use crate::records::Records;

/// The environment.
type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

pub(super) fn resolve(files: &[Loaded], env: Env<'_>) -> Result<Config, ConfigError> {
    let mut errors = Vec::new();
    let mut config = Config {
        files: files.iter().map(|loaded| loaded.source.path.clone()).collect(),
        restic: ResticSettings::default(),
        repositories: BTreeMap::new(),
        profiles: BTreeMap::new(),
        hooks: Vec::new(),
        journal: Retention::default(),
        records: None,
        components: ComponentSettings { base: components::base(files), ..ComponentSettings::default() },
    };

    let mut limits = Limits::default();
    if let Some((loaded, defaults)) = once(files, "[defaults]", |file| file.defaults.as_ref(), &mut errors) {
        let fields = hook::LimitFields::from(defaults.get());
        hook::limits(&mut Checker { loaded, env, errors: &mut errors }, fields, &mut limits);
    }
    if let Some((loaded, restic)) = once(files, "[restic]", |file| file.restic.as_ref(), &mut errors) {
        let mut check = Checker { loaded, env, errors: &mut errors };
        let binary = restic.get().binary.as_ref();
        if let Some(binary) = binary.and_then(|binary| check.program("`binary`", binary)) {
            config.restic.binary = binary;
        }
    }

    if let Some((loaded, journal)) = once(files, "[journal]", |file| file.journal.as_ref(), &mut errors) {
        let check = &mut Checker { loaded, env, errors: &mut errors };
        let schema::Journal { keep, keep_runs } = journal.get();
        let default = Retention::default();
        config.journal = Retention {
            keep: keep.as_ref().and_then(|keep| check.duration("keep", keep)).unwrap_or(default.keep),
            keep_runs: keep_runs.unwrap_or(default.keep_runs),
        };
    }

    if let Some((loaded, dir)) = once(files, "`record-failed`", |file| file.record_failed.as_ref(), &mut errors) {
        let check = &mut Checker { loaded, env, errors: &mut errors };
        config.records = check.path("`record-failed`", dir).map(|dir| Records { dir, failed_only: true });
    }
    if let Some((loaded, table)) = once(files, "[components]", |file| file.components.as_ref(), &mut errors) {
        let check = &mut Checker { loaded, env, errors: &mut errors };
        components::components(check, table.get(), &mut config.components);
    }
    for (loaded, at, registry) in defined(files, "registry", |file| &file.registry, &mut errors).values() {
        let check = &mut Checker { loaded, env, errors: &mut errors };
        components::registry(check, at, registry, &mut config.components);
    }

    // Names first: a profile may stand before its repository.
    let repositories = defined(files, "repository", |file| &file.repository, &mut errors);
    for (name, (loaded, at, repository)) in &repositories {
        let check = &mut Checker { loaded, env, errors: &mut errors };
        if let Some(repository) = resolve_repository(check, at, repository, &limits) {
            config.repositories.insert((*name).to_owned(), repository);
        }
    }
    let profiles = defined(files, "profile", |file| &file.profile, &mut errors);
    for (name, (loaded, at, profile)) in &profiles {
        let check = &mut Checker { loaded, env, errors: &mut errors };
        let known: Vec<_> = repositories.keys().copied().collect();
        if let Some(profile) = resolve_profile(check, at, profile, &known, &limits) {
            config.profiles.insert((*name).to_owned(), profile);
        }
    }

    let mut names = BTreeMap::new();
    for loaded in files {
        let check = &mut Checker { loaded, env, errors: &mut errors };
        let hooks = hook::hooks(check, Scope::Global, &loaded.file.hook, &limits, &mut names);
        config.hooks.extend(hooks);
    }

    if errors.is_empty() { Ok(config) } else { Err(ConfigError::new(in_order(files, errors))) }
}

/// Sorts by file and place: the checks go by name.
fn in_order(files: &[Loaded], mut errors: Vec<Diagnostic>) -> Vec<Diagnostic> {
    errors.sort_by_key(|error| {
        let file = files.iter().position(|loaded| loaded.source.path == error.file());
        (file, error.location().map(|location| (location.line, location.column)))
    });
    errors
}

/// A table that only one of the files may have.
fn once<'a, T>(
    files: &'a [Loaded],
    what: &str,
    get: impl Fn(&'a schema::File) -> Option<&'a At<T>>,
    errors: &mut Vec<Diagnostic>,
) -> Option<(&'a Loaded, &'a At<T>)> {
    let mut found = files.iter().filter_map(|loaded| Some((loaded, get(&loaded.file)?)));
    let (loaded, first) = found.next()?;
    for (other, second) in found {
        let place = Place::new(&other.source, second.span());
        let first = Place::new(&loaded.source, first.span());
        errors.push(twice(what, place, first));
    }
    Some((loaded, first))
}

/// A named table and the file it stands in.
type Defined<'a, T> = BTreeMap<&'a str, (&'a Loaded, &'a At<String>, &'a T)>;

/// The named tables of all files; a name may be defined only once.
fn defined<'a, T>(
    files: &'a [Loaded],
    what: &str,
    get: impl Fn(&'a schema::File) -> &'a BTreeMap<At<String>, T>,
    errors: &mut Vec<Diagnostic>,
) -> Defined<'a, T> {
    let mut all = Defined::new();
    for loaded in files {
        for (at, table) in get(&loaded.file) {
            match all.get(at.get().as_str()) {
                Some((other, first, _)) => {
                    let place = Place::new(&loaded.source, at.span());
                    let first = Place::new(&other.source, first.span());
                    errors.push(twice(&format!("{what} `{}`", at.get()), place, first));
                }
                None => {
                    all.insert(at.get(), (loaded, at, table));
                }
            }
        }
    }
    all
}

fn twice(what: &str, place: Place, first: Place) -> Diagnostic {
    let message = format!("{what} is defined twice, first at {}", first.location());
    Diagnostic::at(place, message, "keep one of the two").related(first, "first defined here")
}

fn resolve_repository(
    check: &mut Checker<'_>,
    at: &At<String>,
    repository: &schema::Repository,
    limits: &Limits,
) -> Option<Repository> {
    let name = check.name("repository", at);
    let url = check.expanded("`url`", &repository.url);
    let password = match (&repository.password_file, &repository.password_command) {
        (Some(file), Some(command)) => {
            let first = check.place(file.span());
            let place = check.place(command.span());
            let message = format!("repository `{}` has two sources of its password", at.get());
            let help = "keep one of `password-file` and `password-command`";
            check.errors.push(Diagnostic::at(place, message, help).related(first, "the other one"));
            None
        }
        (Some(file), None) => check.path("`password-file`", file).map(Password::File),
        (None, Some(command)) => check.text("`password-command`", command).map(Password::Command),
        (None, None) => None,
    };
    let hooks = hook::hooks(check, Scope::Repository, &repository.hook, limits, &mut BTreeMap::new());
    Some(Repository { name: name?, url: url?, password, hooks })
}

fn resolve_profile(
    check: &mut Checker<'_>,
    at: &At<String>,
    profile: &schema::Profile,
    repositories: &[&str],
    limits: &Limits,
) -> Option<Profile> {
    let name = check.name("profile", at);
    let repository = match &profile.repository {
        None => {
            let message = format!("profile `{}` has no repository", at.get());
            check.error(at, message, format!("add `repository = \"NAME\"`; {}", known(repositories)));
            None
        }
        Some(repository) if !repositories.contains(&repository.get().as_str()) => {
            let help = if repositories.is_empty() {
                known(repositories)
            } else {
                suggest(repository.get(), "repositories", repositories.iter().copied())
            };
            check.error(repository, format!("no repository `{}`", repository.get()), help);
            None
        }
        Some(repository) => Some(repository.get().clone()),
    };

    let mut sources = Vec::new();
    if let Some(given) = &profile.sources {
        if given.get().is_empty() {
            let help = "name what to back up, or remove `sources`";
            check.error(given, format!("profile `{}` has an empty list of sources", at.get()), help);
        }
        sources.extend(given.get().iter().filter_map(|source| check.path("a source", source)));
    }
    let tags = profile.tags.iter().filter_map(|tag| check.text("a tag", tag)).collect();
    let args = profile.subcommands().filter(|(_, subcommand)| !subcommand.args.is_empty());
    let args = args.map(|(operation, subcommand)| {
        let args = subcommand.args.iter().filter_map(|argument| check.argument(argument));
        (operation.to_owned(), args.collect())
    });
    let args = args.collect();
    let max_duration = profile.max_duration.as_ref().and_then(|at| max_duration(check, at));
    let hooks = hook::hooks(check, Scope::Profile, &profile.hook, limits, &mut BTreeMap::new());
    Some(Profile {
        name: name?,
        repository: repository?,
        sources,
        tags,
        args,
        skip_exit_code: profile.skip_exit_code.unwrap_or_default(),
        max_duration,
        hooks,
        location: check.location(at),
    })
}

fn max_duration(check: &mut Checker<'_>, at: &At<String>) -> Option<Duration> {
    let duration = check.duration("max-duration", at)?;
    if duration.is_zero() {
        check.error(at, "`max-duration` is zero", "every run would be cancelled; remove the key for no limit");
        return None;
    }
    Some(duration)
}

fn known(repositories: &[&str]) -> String {
    if repositories.is_empty() {
        "there is none: add `[repository.NAME]` with its `url`".to_owned()
    } else {
        format!("known repositories: `{}`", repositories.join("`, `"))
    }
}
