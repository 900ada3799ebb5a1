//! The words.

use std::time::Duration;

use bytesize::ByteSize;
use hookward_sdk::{Event, Outcome, Status, control};
use minijinja::{Environment, UndefinedBehavior, Value, context};

use crate::config::Config;

const TITLE: &str = "{{ operation }} of {{ profile }} on {{ host }}: {{ status or 'begins' }}";
const MESSAGE: &str = include_str!("message.txt");

/// What is sent.
pub(crate) struct Message<'a> {
    pub(crate) title: String,
    /// Never empty.
    pub(crate) body: String,
    pub(crate) severity: Severity,
    /// The same when the hook is called again for the same.
    pub(crate) id: String,
    pub(crate) event: &'a Event,
}

/// How much it matters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Good,
    Neutral,
    Bad,
    Worst,
}

impl Severity {
    fn of(outcome: Option<&Outcome>) -> Self {
        match outcome.map(|outcome| (outcome.status, outcome.failed_hooks().next().is_some())) {
            Some((Status::Success, false)) => Self::Good,
            Some((Status::Skipped, false)) | None => Self::Neutral,
            Some((Status::Failure, _)) => Self::Worst,
            Some(_) => Self::Bad,
        }
    }
}

impl<'a> Message<'a> {
    pub(crate) fn new(event: &'a Event, config: &Config, id: String) -> Self {
        let environment = environment();
        let context = context(event);
        let render = |key: &str, template: Option<&str>, default: &str| {
            let own = template.map(|template| environment.render_named_str(key, template, &context));
            match own.unwrap_or_else(|| environment.render_str(default, &context)) {
                Ok(text) => text.trim().to_owned(),
                Err(error) => {
                    // A mistake in a template must not swallow the news.
                    control::warn(format!("config key `{key}`: {error}: its default was sent instead"));
                    environment.render_str(default, &context).unwrap_or_default().trim().to_owned()
                }
            }
        };
        // A title is one line wherever it goes.
        let title = render("title", config.title.as_deref(), TITLE).split_whitespace().collect::<Vec<_>>().join(" ");
        let body = render("message", config.message.as_deref(), MESSAGE);
        let body = if body.is_empty() { title.clone() } else { body };
        Self { title, body, severity: Severity::of(event.outcome.as_ref()), id, event }
    }

    /// For services that have no place for a title.
    pub(crate) fn whole(&self) -> String {
        format!("{}\n\n{}", self.title, self.body)
    }
}

/// Cuts a text to as many characters, as the services count them: in UTF-16.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.encode_utf16().count() <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let fits = text.chars().take_while(|c| {
        let fits = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        fits
    });
    fits.chain(['…']).collect()
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // A name with a typo is told, not taken for nothing.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("bytes", |bytes: u64| ByteSize(bytes).to_string());
    environment
}

/// What templates can name. All of it is always there, empty or not.
fn context(event: &Event) -> Value {
    let outcome = event.outcome.as_ref();
    let failed: Vec<Value> = outcome
        .into_iter()
        .flat_map(Outcome::failed_hooks)
        .map(|hook| {
            let failure = hook.failure.as_ref();
            context! {
                name => hook.name.as_str(),
                event => hook.kind.as_str(),
                reason => failure.map(|failure| failure.reason.as_str()),
                message => failure.map(|failure| failure.message.as_str()),
            }
        })
        .collect();
    let summary = event.summary().map(|summary| {
        context! {
            files => summary.total_files_processed,
            bytes => summary.total_bytes_processed,
            new => summary.files_new,
            changed => summary.files_changed,
            added => summary.data_added,
            stored => summary.data_added_packed,
        }
    });
    context! {
        run_id => event.run_id.as_str(),
        event => event.kind.as_str(),
        operation => event.operation.as_str(),
        profile => event.profile_name(),
        repository => event.repository.as_str(),
        host => event.host.as_str(),
        sources => event.sources.clone(),
        tags => event.tags.clone(),
        trigger => event.trigger.as_str(),
        dry_run => event.dry_run,
        recovered => event.recovered,
        status => event.status().map(Status::as_str),
        exit_code => outcome.and_then(|outcome| outcome.exit_code),
        error => event.error(),
        seconds => outcome.map(|outcome| outcome.duration().as_secs_f64()),
        duration => outcome.map(|outcome| humantime::format_duration(rounded(outcome.duration())).to_string()),
        snapshot_id => event.snapshot_id(),
        stderr => outcome.map(|outcome| outcome.stderr_tail.trim_end()),
        summary => summary,
        failed_hooks => failed,
    }
}

/// Nobody wants the milliseconds of an hour.
fn rounded(duration: Duration) -> Duration {
    if duration < Duration::from_secs(10) { duration } else { Duration::from_secs(duration.as_secs()) }
}
