//! Events to call a hook with.

use crate::{Event, EventKind, HookFailure, HookResult, Outcome, Scope, Status, Summary, Trigger};

/// An event of a plausible run, to be changed where the test needs it: a backup of
/// `/srv/data` by hand, with the outcome that goes with the kind. The profile is
/// `test`.
/// ```
/// use hookward_sdk::{EventKind, Status, testing};
///
/// let event = testing::event(EventKind::Failure).profile("db").error("no route to host").build();
/// assert_eq!(event.status(), Some(Status::Failure));
/// assert_eq!(event.error(), Some("no route to host"));
/// ```
pub fn event(kind: EventKind) -> EventBuilder {
    let outcome = match kind {
        EventKind::Before => None,
        EventKind::Success | EventKind::Finally => Some(outcome(Status::Success)),
        EventKind::Warning => Some(outcome(Status::Warning)),
        EventKind::Failure => Some(outcome(Status::Failure)),
        EventKind::Cancelled => Some(outcome(Status::Cancelled)),
        EventKind::Skipped => Some(outcome(Status::Skipped)),
    };
    EventBuilder(Event {
        run_id: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
        kind,
        operation: "backup".to_owned(),
        profile: Some("test".to_owned()),
        scope: Scope::Profile,
        repository: "/srv/restic".to_owned(),
        host: "test-host".to_owned(),
        sources: vec!["/srv/data".to_owned()],
        tags: Vec::new(),
        trigger: Trigger::Manual,
        dry_run: false,
        attempt: 1,
        recovered: false,
        outcome,
    })
}

/// The outcome of a plausible run that ended so, with no summary.
/// ```
/// use hookward_sdk::{Outcome, Status, testing};
///
/// let cut_off = Outcome { exit_code: None, ..testing::outcome(Status::Failure) };
/// ```
#[must_use]
pub fn outcome(status: Status) -> Outcome {
    let (exit_code, error) = match status {
        Status::Success => (Some(0), None),
        Status::Warning => (Some(3), Some("restic could not read all of the sources")),
        Status::Failure => (Some(1), Some("restic failed")),
        Status::Cancelled => (Some(130), Some("cancelled by SIGINT")),
        Status::Skipped => (None, Some("a hook skipped the run")),
    };
    Outcome {
        status,
        exit_code,
        error: error.map(str::to_owned),
        duration_ms: 1500,
        snapshot_id: status.is_finished().then(|| "4f3c7a1e".repeat(8)),
        summary: None,
        stderr_tail: String::new(),
        hooks: Vec::new(),
    }
}

/// An [`Event`] in the making.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct EventBuilder(Event);

impl From<EventBuilder> for Event {
    fn from(builder: EventBuilder) -> Self {
        builder.0
    }
}

impl EventBuilder {
    /// The event.
    #[must_use]
    pub fn build(self) -> Event {
        self.0
    }

    /// Sets the id of the run.
    pub fn run_id(mut self, id: impl Into<String>) -> Self {
        self.0.run_id = id.into();
        self
    }

    /// Sets the restic subcommand.
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.0.operation = operation.into();
        self
    }

    /// Sets the profile.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.0.profile = Some(name.into());
        self
    }

    /// Takes the profile away, as of restic behind global hooks alone.
    pub fn no_profile(mut self) -> Self {
        self.0.profile = None;
        self
    }

    /// Sets where the hook stands.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.0.scope = scope;
        self
    }

    /// Sets the location of the repository.
    pub fn repository(mut self, location: impl Into<String>) -> Self {
        self.0.repository = location.into();
        self
    }

    /// Sets the name of the machine.
    pub fn host(mut self, name: impl Into<String>) -> Self {
        self.0.host = name.into();
        self
    }

    /// Sets the sources.
    pub fn sources(mut self, sources: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.sources = sources.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the tags.
    pub fn tags(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// Sets what started the run.
    pub fn trigger(mut self, trigger: Trigger) -> Self {
        self.0.trigger = trigger;
        self
    }

    /// Makes it a dry run, or not.
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.0.dry_run = dry_run;
        self
    }

    /// Sets which attempt this is.
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.0.attempt = attempt;
        self
    }

    /// Makes it a call that an earlier process owed, or not.
    pub fn recovered(mut self, recovered: bool) -> Self {
        self.0.recovered = recovered;
        self
    }

    /// Sets the outcome.
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.0.outcome = Some(outcome);
        self
    }

    /// Sets the outcome's error. Before the gate there is no outcome to have one.
    pub fn error(self, error: impl Into<String>) -> Self {
        self.with_outcome(|outcome| outcome.error = Some(error.into()))
    }

    /// Sets restic's summary. Before the gate there is no outcome to have one.
    /// ```
    /// use hookward_sdk::{EventKind, Summary, testing};
    ///
    /// let summary = Summary { total_files_processed: 12, ..Summary::default() };
    /// let event = testing::event(EventKind::Success).summary(summary).build();
    /// assert_eq!(event.summary(), Some(&summary));
    /// ```
    pub fn summary(self, summary: Summary) -> Self {
        self.with_outcome(|outcome| outcome.summary = Some(summary))
    }

    /// Adds a call of a hook that ended ok, or failed for a reason with a message.
    /// Before the gate there is no outcome to keep it.
    pub fn hook(self, name: impl Into<String>, kind: EventKind, failure: Option<(&str, &str)>) -> Self {
        self.with_outcome(|outcome| {
            outcome.hooks.push(HookResult {
                name: name.into(),
                scope: Scope::Profile,
                kind,
                attempt: 1,
                failure: failure
                    .map(|(reason, message)| HookFailure { reason: reason.to_owned(), message: message.to_owned() }),
                duration_ms: 20,
            });
        })
    }

    fn with_outcome(mut self, change: impl FnOnce(&mut Outcome)) -> Self {
        if let Some(outcome) = &mut self.0.outcome {
            change(outcome);
        }
        self
    }
}
