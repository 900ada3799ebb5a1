//! One container, as the engine's `inspect` tells it.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;

use crate::config::Action;

/// What a container is doing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Container {
    state: State,
    #[serde(default)]
    host_config: HostConfig,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    /// `Running` and `Paused` mean different things to Docker and to Podman; this
    /// means the same.
    status: String,
    #[serde(default)]
    exit_code: i64,
    #[serde(default)]
    error: String,
    #[serde(default)]
    finished_at: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    auto_remove: bool,
}

/// Where a container stands on its way down or up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Done,
    OnItsWay,
    /// Waiting won't help.
    Stuck,
}

impl Container {
    /// What keeps this hook from handling the container.
    pub(crate) fn problem(&self, action: Action) -> Option<&'static str> {
        (action == Action::Stop && self.host_config.auto_remove && self.is_running()).then_some(
            "it was started with `--rm`, so a stop would remove it for good: use `action = \"pause\"`, or start it \
             without",
        )
    }

    /// Whether it does its work.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state.status.as_str(), "running" | "restarting")
    }

    /// Whether it is down as `action` leaves a container, or on its way there, and
    /// nothing says that it was before the run began.
    pub(crate) fn may_be_ours(&self, action: Action, run_began: Timestamp) -> bool {
        match (action, self.state.status.as_str()) {
            (Action::Stop, "stopping") => true,
            (Action::Stop, _) if self.is_down() => self.down_since().is_none_or(|since| since >= run_began),
            (Action::Pause, "paused") => true,
            _ => false,
        }
    }

    pub(crate) fn going_down(&self, action: Action) -> Progress {
        let done = match action {
            Action::Stop => self.is_down(),
            Action::Pause => self.state.status == "paused",
        };
        if done { Progress::Done } else { Progress::OnItsWay }
    }

    pub(crate) fn coming_up(&self) -> Progress {
        match self.state.status.as_str() {
            "running" => Progress::Done,
            "exited" | "dead" | "removing" => Progress::Stuck,
            _ => Progress::OnItsWay,
        }
    }

    fn is_down(&self) -> bool {
        // The last three are Podman's.
        matches!(self.state.status.as_str(), "created" | "exited" | "dead" | "configured" | "initialized" | "stopped")
    }

    /// One that never ran has the year 1 here.
    fn down_since(&self) -> Option<Timestamp> {
        self.state.finished_at.parse().ok()
    }
}

/// For messages.
impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { status, exit_code, error, .. } = &self.state;
        f.write_str(status)?;
        if status == "exited" {
            write!(f, " with code {exit_code}")?;
        }
        if error.is_empty() { Ok(()) } else { write!(f, " ({error})") }
    }
}
