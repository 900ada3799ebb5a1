//! systemd, by its `systemctl`.

use std::thread;
use std::time::{Duration, Instant};

use hookward_sdk::command::{self, command};
use humantime::format_duration;

use crate::config::Config;
use crate::unit::{Progress, Unit};

/// Time between two looks at a unit.
const PAUSE: Duration = Duration::from_millis(250);

/// Shows a unit.
pub(crate) fn show(config: &Config, unit: &str) -> Result<Unit, String> {
    let output = call(config, "show", unit).map_err(|error| format!("{unit} can't be looked at: {error}"))?;
    Ok(Unit::parse(&output.stdout_text()))
}

/// Takes a unit down and waits until it is.
pub(crate) fn down(config: &Config, unit: &str) -> Result<(), String> {
    change(config, unit, config.action.down(), |shown| shown.going_down(config.action))
        .map_err(|why| format!("{unit} did not go down: {why}"))
}

/// Brings a unit back and waits until it is up.
pub(crate) fn up(config: &Config, unit: &str) -> Result<(), String> {
    change(config, unit, config.action.up(), |shown| shown.coming_up(config.action))
        .map_err(|why| format!("{unit} did not come up: {why}"))
}

/// Asks for a change, and looks until it is made. What the unit then is counts for
/// more than what `systemctl` says.
fn change(config: &Config, unit: &str, verb: &str, progress: impl Fn(&Unit) -> Progress) -> Result<(), String> {
    let asked = call(config, verb, unit);
    let begin = Instant::now();
    loop {
        let shown = show(config, unit)?;
        let progress = progress(&shown);
        match (&asked, progress) {
            (_, Progress::Done) => return Ok(()),
            (Err(error), _) => return Err(format!("it is {shown}: {error}")),
            (Ok(_), Progress::Stuck) => return Err(format!("it is {shown}")),
            (Ok(_), Progress::OnItsWay) => {}
        }
        let left = config.wait.saturating_sub(begin.elapsed());
        if left.is_zero() {
            return Err(format!("after {} (`wait`) it is still {shown}", format_duration(config.wait)));
        }
        thread::sleep(left.min(PAUSE));
    }
}

fn call(config: &Config, verb: &str, unit: &str) -> Result<command::Output, command::Error> {
    command(&config.command).arg("verb", verb).arg("unit", unit).run_ok()
}
