//! `validate`: everything that a run would check before it starts, for all profiles
//! at once.

use hookward_engine::Trigger;
use hookward_runner::config::{HookSpec, Kind};
use hookward_runner::plan::{Plan, Request, Restic};
use hookward_runner::prepare;
use serde_json::json;

use crate::session::{Problem, Session};

pub(crate) fn validate(session: &Session) -> anyhow::Result<i32> {
    let config = session.config()?;
    // Finds restic, as a run would.
    Plan::new(&config, &request()).map_err(Problem::from)?;
    let mut hooks: Vec<HookSpec> = config.hooks.clone();
    hooks.extend(config.repositories.values().flat_map(|repository| repository.hooks.clone()));
    hooks.extend(config.profiles.values().flat_map(|profile| profile.hooks.clone()));
    let count = hooks.len();
    let missing = missing_directories(&hooks);

    let unusable = if hooks.is_empty() {
        Vec::new()
    } else {
        let runtime = session.runtime()?;
        let unusable = runtime.block_on(prepare::check(&hooks, &session.engine()?));
        runtime.shutdown_background();
        unusable
    };
    let (optional, broken): (Vec<_>, Vec<_>) = unusable.into_iter().partition(|hook| hook.kind == Kind::Optional);
    let warnings: Vec<String> = optional.iter().map(|hook| format!("optional {hook}")).chain(missing).collect();
    if !broken.is_empty() {
        let lines: Vec<_> = broken.iter().map(ToString::to_string).collect();
        return Err(Problem::Invalid(format!(
            "{} of {count} hooks can't be used:\n{}",
            broken.len(),
            lines.join("\n")
        ))
        .into());
    }
    for warning in &warnings {
        anstream::eprintln!("hookward: warning: {warning}");
    }
    let (profiles, files) = (config.profiles.len(), &config.files);
    if session.global.json {
        let report = json!({ "version": 1, "exit-code": 0, "files": files, "profiles": profiles, "hooks": count, "warnings": warnings });
        anstream::println!("{report:#}");
    } else if !session.global.quiet {
        let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        anstream::println!("ok: {}: {profiles} profiles, {count} hooks, all usable", files.join(", "));
    }
    Ok(0)
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
