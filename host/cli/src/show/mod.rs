//! What a person sees of a run.
//!
//! One [`Show`] watches it, and turns what happens into [`Line`]s or into JSON.
//! A backup is shown on stdout, with a bar if that is a terminal. Where stdout is
//! restic's, all is said on stderr; so it is with `--json`, where stdout is the
//! report's.

mod bar;
pub(crate) mod json;
mod text;

use std::io::IsTerminal as _;

use anstream::ColorChoice;
use hookward_engine::log::{Level, Record};
use hookward_engine::{EventKind, Report, Status};
use hookward_runner::config::Kind;
use hookward_runner::observer::{Happening, Observer};
use hookward_runner::restic::messages::Message;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::bar::Bar;
use self::text::Line;
pub(crate) use self::text::count;
use crate::args::{Color, Global, LogFormat};
use crate::output;
use crate::session::{Problem, told};

/// Who is listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// A person who runs a profile: everything of interest.
    Full,
    /// The same on stderr, since stdout is for what restic lists or dumps.
    Aside,
    /// A program that believes to call restic: only what went wrong, on stderr.
    Discreet,
    /// An author who tries one hook: what the hook says.
    Hook,
}

/// Shows runs.
pub(crate) struct Show {
    voice: Voice,
    format: LogFormat,
    /// Lowest level of a hook's messages that is shown.
    level: Level,
    quiet: bool,
    to_stdout: bool,
    bar: Option<Bar>,
}

/// Sets up colours, and the engine's own messages, for the whole process.
pub(crate) fn set_up(global: &Global) {
    match global.color {
        Color::Auto => {}
        Color::Always => ColorChoice::Always.write_global(),
        Color::Never => ColorChoice::Never.write_global(),
    }
    let (ours, others) = match (global.quiet, global.verbose) {
        (true, _) => (LevelFilter::ERROR, LevelFilter::ERROR),
        (false, 0) => (LevelFilter::WARN, LevelFilter::WARN),
        (false, 1) => (LevelFilter::DEBUG, LevelFilter::WARN),
        (false, _) => (LevelFilter::TRACE, LevelFilter::DEBUG),
    };
    let filter = Targets::new().with_default(others);
    let filter = filter.with_target("hookward_engine", ours).with_target("hookward_runner", ours);
    let builder = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(std::io::stderr);
    // It would tell stderr that stderr can't be written, and panic.
    let builder = builder.log_internal_errors(false);
    let colour = anstream::AutoStream::choice(&std::io::stderr()) != ColorChoice::Never;
    // Fails only if it was set up before, by the same function.
    drop(match global.log_format {
        LogFormat::Text => builder.without_time().with_target(false).with_ansi(colour).finish().with(filter).try_init(),
        LogFormat::Json => builder.json().finish().with(filter).try_init(),
    });
}

/// The beginning of an error message, coloured.
pub(crate) fn error_prefix() -> String {
    text::red("hookward:")
}

/// A text that tells of something good.
pub(crate) fn good(text: &str) -> String {
    text::green(text)
}

/// A text that tells of a failure.
pub(crate) fn bad(text: &str) -> String {
    text::red(text)
}

impl Show {
    pub(crate) fn new(global: &Global, voice: Voice) -> Self {
        let level = match (voice, global.verbose) {
            (_, 2..) => Level::Trace,
            (_, 1) => Level::Debug,
            (Voice::Discreet, 0) => Level::Warn,
            (_, 0) => Level::Info,
        };
        let to_stdout = voice == Voice::Full && !global.json;
        let with_bar = to_stdout && !global.quiet && global.log_format == LogFormat::Text;
        Self {
            voice,
            format: global.log_format,
            level: if global.quiet { Level::Error } else { level },
            quiet: global.quiet,
            to_stdout,
            bar: (with_bar && std::io::stdout().is_terminal()).then(Bar::new),
        }
    }

    /// A run that could not begin.
    pub(crate) fn problem(&self, problem: &Problem) {
        self.error(&told(problem), problem.exit_code());
    }

    /// Something that is wrong, and the exit code that says so.
    pub(crate) fn error(&self, text: &str, exit_code: i32) {
        match self.format {
            LogFormat::Text => output::say_aside(Line::problem(text).styled()),
            LogFormat::Json => json::problem(text, exit_code),
        }
    }

    /// Something that is wrong, and that ends nothing.
    pub(crate) fn warning(&self, text: &str) {
        match self.format {
            LogFormat::Text => output::say_aside(Line::warning(text).styled()),
            LogFormat::Json => json::warning(text),
        }
    }

    /// What a hook says; its name is left out where there is just one.
    pub(crate) fn record(&self, hook: Option<&str>, record: &Record) {
        self.said(hook, None, record);
    }

    fn said(&self, hook: Option<&str>, module: Option<&str>, record: &Record) {
        if record.level < self.level {
            return;
        }
        match self.format {
            LogFormat::Text => self.print(&Line::record(hook, record), false),
            LogFormat::Json => json::record(hook, module, record),
        }
    }

    /// The end of `hook call`.
    pub(crate) fn call_ended(&self, report: &Report) {
        match self.format {
            LogFormat::Text => {
                for change in &report.plan {
                    self.print(&text::change(change), false);
                }
                self.print(&Line::report(report), report.result.is_err());
            }
            LogFormat::Json => json::report(report),
        }
    }

    /// Whether what happens is worth a line to this listener.
    fn wants(&self, happening: &Happening<'_>) -> bool {
        let bad = match happening {
            Happening::Waiting { .. } | Happening::WaitingForRecovery { .. } | Happening::NotRecorded { .. } => true,
            Happening::Unusable { .. } | Happening::Interrupted { .. } => true,
            Happening::Recovering { .. } | Happening::ResticOutlived { .. } | Happening::Recovered { .. } => true,
            Happening::HookEnded { call, .. } => call.failure.is_some() || call.skip.is_some(),
            Happening::Ended(report) => match report.status {
                // What restic itself has said needs no second voice under its name.
                Status::Success | Status::Warning => report.exit_code == hookward_runner::exit::FAILED_AFTERWARDS,
                Status::Failure => report.restic.is_none() || self.voice != Voice::Discreet,
                Status::Cancelled | Status::Skipped => true,
            },
            _ => false,
        };
        if let (Happening::PlanChanged { plan, .. }, LogFormat::Text) = (happening, self.format) {
            // A rehearsal is there to show them.
            let rehearsed = plan.dry_run && self.voice != Voice::Discreet;
            return !self.quiet && (rehearsed || self.level < Level::Info);
        }
        match (self.quiet, self.voice) {
            (true, _) => bad && !matches!(happening, Happening::Ended(report) if report.status == Status::Skipped),
            (false, Voice::Discreet) => bad,
            (false, _) => true,
        }
    }

    fn print(&self, line: &Line, bad: bool) {
        match &self.bar {
            Some(bar) => bar.println(&line.styled()),
            // Failures go where they are looked for: `>/dev/null` must not hide them.
            None if self.to_stdout && !bad => output::say(line.styled()),
            None => output::say_aside(line.styled()),
        }
    }
}

impl Observer for Show {
    fn notice(&self, happening: &Happening<'_>) {
        if let Some(bar) = &self.bar {
            bar.notice(happening);
        }
        match happening {
            Happening::HookSaid { hook, module, record } => return self.said(Some(hook), *module, record),
            Happening::ResticMessage(Message::Status(_)) => return,
            _ => {}
        }
        if !self.wants(happening) {
            return;
        }
        match self.format {
            LogFormat::Json => json::happening(happening),
            LogFormat::Text => {
                let among_others = self.voice == Voice::Discreet;
                // Where little is shown, warnings at the end would only say it again.
                let recap = !among_others && !self.quiet;
                for line in Line::of(happening, among_others, recap) {
                    self.print(&line, has_failed(happening));
                }
            }
        }
    }
}

/// Whether something has failed, as far as this tells.
fn has_failed(happening: &Happening<'_>) -> bool {
    match happening {
        Happening::Unusable { .. } => true,
        Happening::Recovered { owed, .. } => !owed.is_empty(),
        // A preflight hook that skips the run has done what it is for.
        Happening::HookEnded { call, .. } if (call.kind, call.event) == (Kind::Preflight, EventKind::Before) => false,
        Happening::HookEnded { call, .. } => call.failure.is_some(),
        Happening::Ended(report) => report.status != Status::Skipped && report.exit_code != 0,
        _ => false,
    }
}
