//! systemd units: a service and a timer of a profile, and recovery at boot.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use hookward_engine::EventKind;
use hookward_runner::config::{Config, HookSpec, Profile};
use hookward_runner::restic::process::GRACE;

use crate::args::Systemd;
use crate::session::{Problem, Session};
use crate::{environment, output};

/// What is added to the time that a run may take to end, for what is not counted.
const MARGIN: Duration = Duration::from_secs(30);

/// Name of the unit that recovers at boot.
const RECOVER: &str = "hookward-recover.service";

pub(crate) fn systemd(session: &Session, args: &Systemd) -> anyhow::Result<i32> {
    let path = session.config_path()?;
    let path = std::path::absolute(&path).with_context(|| format!("cannot find {}", path.display()))?;
    let config = session.config()?;
    let profile = config.profile(&args.profile).map_err(|error| Problem::Plan(error.into()))?;
    let program = std::env::current_exe().context("cannot find hookward's own program")?;
    let state = std::path::absolute(session.state_dir()).context("cannot find the state directory")?;
    let cache = std::path::absolute(session.cache_dir()).context("cannot find the cache directory")?;
    let variable = |name: &str, path: &Path| format!("Environment=\"{name}={}\"", quoted(path));
    let common = Common {
        program: word(&program),
        environment: [variable(environment::STATE_DIR, &state), variable(environment::CACHE_DIR, &cache)].join("\n"),
        on_failure: match &args.on_failure {
            Some(unit) => format!("OnFailure={unit}"),
            None => "# OnFailure=UNIT starts a unit when this fails, or could not begin.".to_owned(),
        },
    };
    let name = format!("hookward-{}", profile.name);
    let units = [
        (format!("{name}.service"), service(&common, &config, profile, &path)),
        (format!("{name}.timer"), timer(profile, &args.on_calendar)),
        (RECOVER.to_owned(), recover(&common, &config)),
    ];
    match &args.dir {
        Some(dir) => {
            for (name, unit) in &units {
                let path = dir.join(name);
                std::fs::write(&path, unit).with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
        None => {
            let text: Vec<_> = units.iter().map(|(name, unit)| format!("# {name}\n{unit}")).collect();
            output::result(text.join("\n").trim_end())?;
        }
    }
    Ok(0)
}

struct Common {
    program: String,
    environment: String,
    on_failure: String,
}

fn service(common: &Common, config: &Config, profile: &Profile, path: &Path) -> String {
    let Common { program, environment, on_failure } = common;
    let hooks: Vec<_> = hooks(config, profile).collect();
    let mut unit = String::new();
    // Writing to a text never fails.
    let mut line = |text: std::fmt::Arguments<'_>| writeln!(unit, "{text}").unwrap_or_default();
    let name = &profile.name;
    line(format_args!("[Unit]"));
    line(format_args!("Description=Backup of the profile {name} by Hookward"));
    line(format_args!("After=network-online.target {RECOVER}"));
    line(format_args!("Wants=network-online.target"));
    line(format_args!("{on_failure}"));
    line(format_args!("\n[Service]"));
    line(format_args!("Type=oneshot"));
    line(format_args!("{environment}"));
    line(format_args!("ExecStart=\"{program}\" run --config \"{}\" --trigger scheduled --wait {name}", word(path)));
    if profile.skip_exit_code != 0 {
        line(format_args!("# A run that a hook skipped is none that failed."));
        line(format_args!("SuccessExitStatus={}", profile.skip_exit_code));
    }
    for credential in credentials(hooks.iter().copied()) {
        line(format_args!("{credential}"));
    }
    line(format_args!("# Signals go to hookward alone, which passes them on and calls what is owed."));
    line(format_args!("KillMode=mixed"));
    line(format_args!("# restic's {} s, and the hooks after it at their limits.", GRACE.as_secs()));
    line(format_args!("TimeoutStopSec={}", stop(&hooks).as_secs()));
    line(format_args!("# A oneshot service has no other limit of time; max-duration of the profile is one."));
    line(format_args!("TimeoutStartSec=infinity"));
    unit
}

/// The lines for the credentials that hooks are granted.
fn credentials<'a>(hooks: impl Iterator<Item = &'a HookSpec>) -> impl Iterator<Item = String> {
    let names: BTreeSet<_> = hooks
        .flat_map(|hook| hook.grants.secrets.values().filter_map(|secret| secret.value.credential_name()))
        .collect();
    names.into_iter().map(|name| format!("LoadCredential={name}:/etc/hookward/credentials/{name}"))
}

/// Every hook that a run of the profile may call.
fn hooks<'a>(config: &'a Config, profile: &'a Profile) -> impl Iterator<Item = &'a HookSpec> {
    let repository = config.repositories.get(&profile.repository);
    let of_repository = repository.into_iter().flat_map(|repository| &repository.hooks);
    let all = config.hooks.iter().chain(of_repository).chain(&profile.hooks);
    all.filter(|hook| hook.operations.contains("backup"))
}

/// The longest that a run may take to end after a signal.
fn stop(hooks: &[&HookSpec]) -> Duration {
    let calls = hooks.iter().flat_map(|hook| {
        let after = hook.on.iter().filter(|event| matches!(event, EventKind::Cancelled | EventKind::Finally));
        after.map(|_| {
            let pauses: Duration = (1..hook.retry.attempts).filter_map(|attempt| hook.retry.pause(attempt)).sum();
            hook.limits.timeout.saturating_mul(hook.retry.attempts).saturating_add(pauses)
        })
    });
    calls.fold(GRACE + MARGIN, Duration::saturating_add)
}

fn timer(profile: &Profile, calendar: &str) -> String {
    let name = &profile.name;
    format!(
        "[Unit]\nDescription=When the profile {name} is backed up by Hookward\n\n\
         [Timer]\nOnCalendar={calendar}\n# A backup that the machine was off for is made up for.\nPersistent=true\n\
         RandomizedDelaySec=5m\n\n[Install]\nWantedBy=timers.target\n"
    )
}

/// Shared by all profiles: what any of them may owe is called by it.
fn recover(common: &Common, config: &Config) -> String {
    let hooks = config.profiles.values().flat_map(|profile| hooks(config, profile));
    let credentials: String = credentials(hooks).map(|line| format!("{line}\n")).collect();
    let Common { program, environment, on_failure } = common;
    format!(
        "[Unit]\nDescription=What backups owe that ended with the machine, by Hookward\n\
         After=local-fs.target network-online.target\nWants=network-online.target\n{on_failure}\n\n\
         [Service]\nType=oneshot\n\
         {environment}\n\
         ExecStart=\"{program}\" recover --wait\n{credentials}KillMode=mixed\nTimeoutStartSec=infinity\n\n\
         [Install]\nWantedBy=multi-user.target\n"
    )
}

/// A path within double quotes of a command line, where `$` means something, too.
fn word(path: &Path) -> String {
    quoted(path).replace('$', "$$")
}

/// A path within double quotes of a unit's line, where `%` means something.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%")
}
