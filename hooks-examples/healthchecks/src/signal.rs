//! What an event means for the server.

use hookward_sdk::{Event, EventKind, Status};

use crate::config::{Choice, Config};

/// What the server is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Start,
    Success,
    Fail,
    Log,
}

impl Signal {
    /// None when the server is told nothing.
    pub(crate) fn of(event: &Event, config: &Config) -> Option<Self> {
        match event.kind {
            EventKind::Before => Some(Self::Start),
            EventKind::Success => Some(Self::Success),
            EventKind::Failure => Some(Self::Fail),
            EventKind::Warning => Self::chosen(config.warning),
            EventKind::Cancelled => Self::chosen(config.cancelled),
            EventKind::Skipped => Self::chosen(config.skipped),
            // The event before it has told already, except of a run that was cut off.
            EventKind::Finally if !event.recovered => None,
            EventKind::Finally => match event.status() {
                Some(Status::Success) => Some(Self::Success),
                Some(Status::Warning) => Self::chosen(config.warning),
                Some(Status::Cancelled) => Self::chosen(config.cancelled),
                Some(Status::Skipped) => Self::chosen(config.skipped),
                Some(Status::Failure) | None => Some(Self::Fail),
            },
        }
    }

    fn chosen(choice: Choice) -> Option<Self> {
        match choice {
            Choice::Success => Some(Self::Success),
            Choice::Fail => Some(Self::Fail),
            Choice::Log => Some(Self::Log),
            Choice::Nothing => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Success => "success",
            Self::Fail => "fail",
            Self::Log => "log",
        }
    }

    /// What a server like healthchecks.io wants behind the ping URL.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Start => "/start",
            Self::Success => "",
            Self::Fail => "/fail",
            Self::Log => "/log",
        }
    }
}
