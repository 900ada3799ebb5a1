//! Lines for people.

use std::fmt::Display;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use bytesize::ByteSize;
use hookward_engine::log::{Level, Record, Source};
use hookward_engine::plan::Change;
use hookward_engine::{Report, Status};
use hookward_runner::interrupt::{Cause, Step};
use hookward_runner::observer::Happening;
use hookward_runner::report::{HookCall, RunReport};
use hookward_runner::restic::messages::Message;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const ODD: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();

/// One line: a coloured head, and what it says.
#[derive(Debug)]
pub(super) struct Line {
    style: Style,
    head: String,
    text: String,
}

pub(super) fn red(text: &str) -> String {
    paint(BAD, text)
}

pub(super) fn green(text: &str) -> String {
    paint(GOOD, text)
}

fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

impl Line {
    fn new(style: Style, head: impl Into<String>, text: impl Into<String>) -> Self {
        Self { style, head: head.into(), text: text.into() }
    }

    pub(super) fn styled(&self) -> String {
        let Self { style, head, text } = self;
        match head.is_empty() {
            true => paint(*style, text),
            false => format!("{} {text}", paint(*style, head)),
        }
    }

    pub(super) fn problem(text: &str) -> Self {
        Self::new(BAD, "hookward:", text)
    }

    pub(super) fn warning(text: &str) -> Self {
        Self::new(ODD, "hookward: warning:", text)
    }

    /// What a hook says.
    pub(super) fn record(hook: Option<&str>, record: &Record) -> Self {
        let style = match record.level {
            Level::Error => BAD,
            Level::Warn => ODD,
            Level::Info => PLAIN,
            Level::Debug | Level::Trace => FAINT,
        };
        let name = hook.map(|hook| format!("{hook}: ")).unwrap_or_default();
        let source = match record.source {
            Source::Stdout => "stdout",
            Source::Stderr => "stderr",
            _ => record.level.as_str(),
        };
        let fields: String = record.fields.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        Self::new(style, format!("  {name}{source}:"), format!("{}{fields}", record.message))
    }

    /// The end of a hook that was called alone.
    pub(super) fn report(report: &Report) -> Self {
        let used = format!(
            "({}, {} fuel, {} memory)",
            seconds(report.wall),
            report.fuel,
            ByteSize(report.peak_memory).display().iec()
        );
        match (&report.result, &report.skip) {
            (Err(failure), _) => Self::new(BAD, "failed:", format!("{failure} [{}] {used}", failure.reason)),
            (Ok(()), Some(reason)) => Self::new(ODD, "ok, skips the run:", format!("{reason} {used}")),
            (Ok(()), None) => Self::new(GOOD, "ok", used),
        }
    }

    /// What happens. Where the lines stand amid restic's, each says whose it is.
    /// With `recap` its end repeats the warnings.
    pub(super) fn of(happening: &Happening<'_>, among_others: bool, recap: bool) -> Vec<Self> {
        let mut lines = Self::lines(happening, recap);
        if among_others {
            for line in &mut lines {
                line.head = format!("hookward: {}", line.head.trim_start());
            }
        }
        lines
    }

    fn lines(happening: &Happening<'_>, recap: bool) -> Vec<Self> {
        match happening {
            Happening::Waiting { name, holder } => {
                vec![Self::new(ODD, "waiting", format!("for {name}, held by {holder}"))]
            }
            Happening::WaitingForRecovery { run_id } => {
                let what = format!("for another process, which pays what run {run_id} owes");
                vec![Self::new(ODD, "waiting", what)]
            }
            Happening::Begun { plan, run_id } => {
                let profile = plan.profile.as_deref().unwrap_or("(no profile)");
                let dry = if plan.dry_run { ", dry run" } else { "" };
                vec![Self::new(
                    Style::new().bold(),
                    profile,
                    format!(
                        "{} to {}{dry} {}",
                        plan.operation,
                        plan.repository,
                        paint(FAINT, format!("(run {run_id})"))
                    ),
                )]
            }
            Happening::Unusable { hook, failure } => {
                let text = format!("optional hook \"{}\" can't be used: {failure} [{}]", hook.name, failure.reason);
                vec![Self::new(ODD, "  warning:", text)]
            }
            Happening::HookEnded { call, again_in } => {
                let record = call.record.iter().map(|file| {
                    Self::new(
                        FAINT,
                        "",
                        format!("    recorded in {}: `hookward hook replay` runs it again", file.display()),
                    )
                });
                std::iter::once(hook_ended(call, *again_in)).chain(record).collect()
            }
            Happening::NotRecorded { hook, why } => {
                vec![Self::new(ODD, "  warning:", format!("hook \"{}\": {why}", hook.name))]
            }
            Happening::PlanChanged { changes, .. } => changes.iter().map(change).collect(),
            Happening::GateOpened { plan } => {
                vec![Self::new(GOOD, "  gate open,", format!("restic {} starts", plan.operation))]
            }
            Happening::ResticMessage(Message::Error(error)) => {
                vec![Self::new(ODD, "  restic:", format!("{}: {}", error.item, error.message()))]
            }
            Happening::ResticMessage(Message::ExitError(error)) => {
                vec![Self::new(BAD, "  restic:", error.message.trim())]
            }
            Happening::ResticLine(line) => vec![Self::new(PLAIN, "  restic:", line.trim_end())],
            Happening::Interrupted { interrupt, step } => {
                let what = match step {
                    Step::Stop => "ending in order; a second signal kills restic",
                    Step::Insist => "restic is killed, cleaning up; a third signal leaves at once",
                    Step::Leave => "leaving at once",
                };
                let who = match interrupt.cause {
                    Cause::Signal => format!("by {}", interrupt.signal),
                    Cause::Deadline(_) => format!("since the run {interrupt}"),
                };
                vec![Self::new(ODD, "interrupted", format!("{who}: {what}"))]
            }
            Happening::Recovering { run_id, profile, error } => {
                let whose = profile.map(|profile| format!(" of profile `{profile}`")).unwrap_or_default();
                let error = error.map(|error| format!(": {error}")).unwrap_or_default();
                vec![Self::new(ODD, "recovering", format!("run {run_id}{whose}{error}"))]
            }
            Happening::ResticOutlived { pid } => {
                vec![Self::new(ODD, "  restic", format!("has outlived that run (process {pid}), and is ended"))]
            }
            Happening::Recovered { run_id, paid, owed } => {
                let mut lines: Vec<_> = owed.iter().map(|owed| Self::new(BAD, "  owed:", owed.to_string())).collect();
                if !paid.is_empty() {
                    lines.push(Self::new(GOOD, "recovered", format!("run {run_id}: paid {}", paid.join(", "))));
                }
                lines
            }
            Happening::Ended(report) => ended(report, recap),
            _ => Vec::new(),
        }
    }
}

/// A number of things, in the singular if it is one.
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

fn hook_ended(call: &HookCall, again_in: Option<Duration>) -> Line {
    let attempt = if call.attempt > 1 { format!(", attempt {}", call.attempt) } else { String::new() };
    // Within the head's own style, which a faint part would end.
    let module = call.module.as_ref().map(|module| format!(" ({module})")).unwrap_or_default();
    let head = format!("  {:<9} {}{module}", call.event, call.name);
    match (&call.failure, &call.skip) {
        (Some(failure), _) => {
            let again = again_in.map(|pause| format!("; again in {}", humantime::format_duration(pause)));
            let again = again.unwrap_or_default();
            Line::new(BAD, format!("{head}: failed"), format!("[{}{attempt}] {failure}{again}", failure.reason))
        }
        (None, Some(reason)) => Line::new(ODD, format!("{head}: skips the run:"), reason),
        (None, None) => {
            Line::new(GOOD, format!("{head}: ok"), paint(FAINT, format!("({}{attempt})", seconds(call.duration))))
        }
    }
}

/// One change of the plan. The report has the whole of a long one.
pub(super) fn change(change: &Change) -> Line {
    Line::new(PLAIN, format!("  {}", change.head()), change.shown())
}

/// The summary of a run: how it ended, and what to know besides.
fn ended(report: &RunReport, recap: bool) -> Vec<Line> {
    let style = match report.status {
        Status::Success => GOOD,
        Status::Failure | Status::Cancelled => BAD,
        Status::Warning | Status::Skipped => ODD,
    };
    let mut text = report.error.clone().unwrap_or_default();
    if let Some(restic) = &report.restic {
        if let Some(snapshot) = &restic.snapshot_id {
            let short: String = snapshot.chars().take(8).collect();
            text = format!("{text} snapshot {short}");
        }
        if let Some(summary) = &restic.summary {
            let (added, total) = (ByteSize(summary.data_added), ByteSize(summary.total_bytes_processed));
            let (added, total) = (added.display().iec(), total.display().iec());
            let files = count(summary.total_files_processed, "file");
            let comma = if text.is_empty() { "" } else { ", " };
            let added = if report.dry_run { format!("would add {added}") } else { format!("{added} added") };
            text = format!("{text}{comma}{files}, {total}, {added}");
        }
    } else if matches!(report.status, Status::Failure) {
        text = format!("{text}; restic was not started");
    }
    let duration = paint(FAINT, format!("({})", seconds(report.duration)));
    let text = format!("{} {duration}", text.trim());
    let warnings = report.warnings.iter().filter(|_| recap).map(|warning| Line::new(ODD, "  warning:", warning));
    let owed = report
        .owed
        .iter()
        .map(|hook| Line::new(BAD, "  owed:", format!("hook \"{hook}\" was not called in `finally`")));
    let mut lines: Vec<_> = warnings.chain(owed).collect();
    if report.exit_code == hookward_runner::exit::FAILED_AFTERWARDS {
        lines.push(Line::new(BAD, "  exit code 81:", "a required hook failed afterwards"));
    }
    lines.push(Line::new(style, format!("{}:", report.status), text.trim_start()));
    lines
}
