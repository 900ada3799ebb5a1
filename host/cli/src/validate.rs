//! `validate`: everything that a run would check before it starts, for all profiles
//! at once.

use hookward_engine::Trigger;
use hookward_runner::config::{HookSpec, Kind};
use hookward_runner::exit;
use hookward_runner::plan::{Plan, Request, Restic};
use hookward_runner::prepare;
use serde_json::json;

use crate::output;
use crate::session::{Problem, Session};
use crate::show::{Voice, count};

pub(crate) fn validate(session: &Session) -> anyhow::Result<i32> {
    let config = session.config()?;
    // Finds restic, as a run would.
    Plan::new(&config, &request()).map_err(Problem::from)?;
    let mut hooks: Vec<HookSpec> = config.hooks.clone();
    hooks.extend(config.repositories.values().flat_map(|repository| repository.hooks.clone()));
    hooks.extend(config.profiles.values().flat_map(|profile| profile.hooks.clone()));
    let missing = missing_directories(&hooks).into_iter().chain(unreadable_secrets(&hooks));

    let unusable = if hooks.is_empty() {
        Vec::new()
    } else {
        let runtime = session.runtime()?;
        let (engine, components) = (session.engine()?, session.components(&config.components)?);
        let unusable = runtime.block_on(prepare::check(&hooks, &engine, &session.states(), &components));
        runtime.shutdown_background();
        unusable
    };
    let (optional, broken): (Vec<_>, Vec<_>) = unusable.into_iter().partition(|hook| hook.kind == Kind::Optional);
    let warnings: Vec<String> = optional.iter().map(|hook| format!("optional {hook}")).chain(missing).collect();
    let errors: Vec<String> = broken.iter().map(ToString::to_string).collect();
    let code = if errors.is_empty() { 0 } else { exit::UNUSABLE };
    let show = session.show(Voice::Aside);
    for warning in warnings.iter().filter(|_| !session.global.quiet) {
        show.warning(warning);
    }
    for error in &errors {
        show.error(error, code);
    }
    let (profiles, files) = (config.profiles.len(), &config.files);
    if session.global.json {
        output::result(format_args!(
            "{:#}",
            json!({
                "version": 1, "exit-code": code, "files": files, "profiles": profiles, "hooks": hooks.len(),
                "errors": errors, "warnings": warnings,
            })
        ))?;
    } else if errors.is_empty() && !session.global.quiet {
        let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        let (profiles, hooks) = (count(profiles as u64, "profile"), count(hooks.len() as u64, "hook"));
        let usable = match optional.len() {
            0 => String::new(),
            some => format!(", {some} optional of them not usable"),
        };
        output::result(format_args!("ok: {}: {profiles}, {hooks}{usable}", files.join(", ")))?;
    }
    Ok(code)
}

fn request() -> Request {
    Request {
        profile: None,
        restic: Restic::Exact { program: None, args: vec!["version".into()] },
        trigger: Trigger::Manual,
        dry_run: false,
        keep_stdout: false,
    }
}

/// Directories are opened when a hook is called: a disk may be mounted by then. So
/// one that is missing is worth a word, and no error.
fn missing_directories(hooks: &[HookSpec]) -> Vec<String> {
    let dirs = hooks.iter().flat_map(|hook| hook.grants.dirs.iter().map(move |dir| (hook, dir)));
    dirs.filter(|(_, dir)| !dir.value.host.is_dir())
        .map(|(hook, dir)| {
            let host = dir.value.host.display();
            format!("hook \"{}\": the granted directory {host} does not exist now\n  --> {}", hook.name, dir.location)
        })
        .collect()
}

/// Secrets are read when a hook asks for them, too: a service may have credentials that
/// this process hasn't.
fn unreadable_secrets(hooks: &[HookSpec]) -> Vec<String> {
    let secrets = hooks.iter().flat_map(|hook| hook.grants.secrets.iter().map(move |secret| (hook, secret)));
    secrets
        .filter_map(|(hook, (name, source))| {
            let why = source.value.check().err()?;
            let (hook, at) = (&hook.name, &source.location);
            Some(format!("hook \"{hook}\": the secret `{name}` can't be read now: {why}\n  --> {at}"))
        })
        .collect()
}
