//! One unit, as `systemctl show` tells it.

use std::fmt;

use jiff::civil::DateTime;
use jiff::{Timestamp, tz::TimeZone};

use crate::config::Action;

/// What a unit is doing.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    load: String,
    active: String,
    freezer: String,
    result: String,
    /// None when systemd doesn't remember.
    down_since: Option<Timestamp>,
    /// A time that can't be understood.
    foreign_time: Option<String>,
}

/// Where a unit stands on its way down or up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Done,
    OnItsWay,
    /// Waiting won't help.
    Stuck,
}

impl Unit {
    pub(crate) fn parse(shown: &str) -> Self {
        let mut unit = Self::default();
        for (key, value) in shown.lines().filter_map(|line| line.split_once('=')) {
            let field = match key {
                "LoadState" => &mut unit.load,
                "ActiveState" => &mut unit.active,
                "FreezerState" => &mut unit.freezer,
                "Result" => &mut unit.result,
                // Any time shows what zone they are told in, also while the one that
                // matters isn't there yet.
                key if key.ends_with("Timestamp") && !matches!(value, "" | "n/a") => {
                    match utc(value) {
                        Some(time) if key == "InactiveEnterTimestamp" => unit.down_since = Some(time),
                        Some(_) => {}
                        None => unit.foreign_time = Some(value.to_owned()),
                    }
                    continue;
                }
                _ => continue,
            };
            value.trim().clone_into(field);
        }
        unit
    }

    /// What keeps this hook from handling the unit.
    pub(crate) fn problem(&self, action: Action) -> Option<String> {
        if self.active.is_empty() {
            return Some(
                "systemctl shows no state of it: is the verb `show` granted, without other options?".to_owned(),
            );
        }
        if self.load == "not-found" {
            return Some("there is no such unit: is its name right in `units`?".to_owned());
        }
        if action == Action::Freeze && self.freezer.is_empty() {
            return Some("this systemd can't freeze: use `action = \"stop\"`".to_owned());
        }
        let time = self.foreign_time.as_ref().filter(|_| action == Action::Stop)?;
        Some(format!("systemctl shows a time as `{time}`, not in UTC: give its grant `env = {{ TZ = \"UTC\" }}`"))
    }

    /// Whether it does its work.
    pub(crate) fn is_running(&self, action: Action) -> bool {
        self.is_loaded() && !self.is_down() && (action == Action::Stop || self.freezer == "running")
    }

    /// Whether it is down as `action` leaves a unit, or on its way there, and nothing
    /// says that it was before the run began.
    pub(crate) fn may_be_ours(&self, action: Action, run_began: Timestamp) -> bool {
        match action {
            // With such times `before` stops nothing.
            Action::Stop if self.foreign_time.is_some() => false,
            // A stop that was asked for goes on when the one who asked is gone.
            Action::Stop if self.active == "deactivating" => true,
            Action::Stop if !self.is_loaded() || !self.is_down() => false,
            // systemd forgets units that are down and that nothing refers to.
            Action::Stop => self.down_since.is_none_or(|since| since >= run_began),
            Action::Freeze => matches!(self.freezer.as_str(), "frozen" | "freezing"),
        }
    }

    /// Whether it is known when it went down: systemd remembers, or it does just now.
    pub(crate) fn has_trace(&self) -> bool {
        self.down_since.is_some() || !self.is_down()
    }

    pub(crate) fn going_down(&self, action: Action) -> Progress {
        let done = match action {
            Action::Stop => self.is_down(),
            Action::Freeze => self.freezer == "frozen",
        };
        if done { Progress::Done } else { Progress::OnItsWay }
    }

    pub(crate) fn coming_up(&self, action: Action) -> Progress {
        match (action, self.active.as_str()) {
            (_, "inactive" | "failed") => Progress::Stuck,
            (Action::Stop, "active" | "reloading" | "refreshing") => Progress::Done,
            (Action::Freeze, _) if self.freezer == "running" => Progress::Done,
            _ => Progress::OnItsWay,
        }
    }

    fn is_loaded(&self) -> bool {
        !matches!(self.load.as_str(), "not-found" | "masked")
    }

    fn is_down(&self) -> bool {
        matches!(self.active.as_str(), "inactive" | "failed")
    }
}

fn utc(text: &str) -> Option<Timestamp> {
    let time = DateTime::strptime("%a %Y-%m-%d %H:%M:%S UTC", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// For messages.
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.active)?;
        if !matches!(self.freezer.as_str(), "" | "running") {
            write!(f, ", {}", self.freezer)?;
        }
        if !matches!(self.result.as_str(), "" | "success") {
            write!(f, " ({})", self.result)?;
        }
        Ok(())
    }
}
