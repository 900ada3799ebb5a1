//! Calls a program of the host for every event, with what a script wants to know. See
//! the README for its settings.

use hookward_sdk::command::{Error, Exit, Failed, Output};
use hookward_sdk::prelude::*;

mod config;
mod environment;

use config::{Config, DryRun};
pub use environment::NAMES;

/// The hook: one event, one call of the program.
#[hook]
pub fn run(event: &Event) -> Result<(), String> {
    let config = Config::read().map_err(|error| error.to_string())?;
    if event.dry_run && config.dry_run == DryRun::Skip {
        info!("dry run: command `{}` isn't called", config.command);
        return Ok(());
    }
    let mut call = command(&config.command);
    for (name, value) in environment::of(event) {
        if config.env.has(name) {
            call = call.env(name, value);
        }
    }
    if config.stdin {
        call = call.stdin(serde_json::to_vec(event).map_err(|error| format!("the event can't be told: {error}"))?);
    }
    let result = call.run_ok();
    match &result {
        Ok(output) => tell(output),
        Err(Error::Failed(failed)) => tell(failed.output()),
        Err(_) => {}
    }
    match result {
        Ok(_) => Ok(()),
        Err(Error::Failed(failed)) if asks_to_skip(event, &config, &failed) => {
            control::skip(last_line(failed.output()).unwrap_or_else(|| {
                format!("command `{}` ended with {}, its `skip-exit-code`", config.command, failed.output().exit)
            }));
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn asks_to_skip(event: &Event, config: &Config, failed: &Failed) -> bool {
    event.kind == EventKind::Before
        && config.skip_exit_code.is_some_and(|code| failed.output().exit == Exit::Code(code.get()))
}

/// The last thing that the program said: mostly why.
fn last_line(output: &Output) -> Option<String> {
    let last = |text: String| text.lines().rfind(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned());
    last(output.stderr_text()).or_else(|| last(output.stdout_text()))
}

/// Lines of each stream that are logged: the log of a hook has an end, and going
/// beyond it would end the hook.
const TOLD_LINES: usize = 200;

fn tell(output: &Output) {
    for line in end_of(&output.stdout_text()) {
        info!("{line}");
    }
    for line in end_of(&output.stderr_text()) {
        warn!("{line}");
    }
    if output.stdout_truncated || output.stderr_truncated {
        warn!("the program wrote more than `output` of its grant lets through");
    }
}

fn end_of(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let skipped = lines.len().saturating_sub(TOLD_LINES);
    if skipped > 0 {
        debug!("{skipped} earlier lines are left out");
    }
    lines.into_iter().skip(skipped).collect()
}
