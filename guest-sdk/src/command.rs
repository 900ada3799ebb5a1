//! Commands of the host that the operator named.
//!
//! The operator writes the program and its arguments, with places left open where
//! the hook may choose; the hook names the command and fills the places. No shell
//! takes part. Needs the grant `commands`.
//! ```
//! use hookward_sdk::prelude::*;
//!
//! // grants.commands.systemctl = { argv = ["systemctl", "{verb}", "app.service"], args = { verb = "stop|start" } }
//! #[hook]
//! fn run(event: Event) -> Result<(), command::Error> {
//!     let verb = if event.kind == EventKind::Before { "stop" } else { "start" };
//!     let output = command("systemctl").arg("verb", verb).run_ok()?;
//!     info!("{}", output.stdout_text());
//!     Ok(())
//! }
//! ```

use std::fmt;

use crate::host;

/// Begins a call of a command, by its name in the grant.
pub fn command(name: impl Into<String>) -> Command {
    Command(Invocation { command: name.into(), ..Invocation::default() })
}

/// A call of a command in the making.
#[derive(Debug, Clone)]
#[must_use = "nothing is started before `run`"]
pub struct Command(Invocation);

/// What a hook asks the host to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invocation {
    /// The command's name in the grant.
    pub command: String,
    /// The open places of its arguments, with their values.
    pub arguments: Vec<(String, String)>,
    /// Environment variables, with their values.
    pub environment: Vec<(String, String)>,
    /// What the command reads on stdin.
    pub stdin: Option<Vec<u8>>,
}

impl Invocation {
    /// The value for an open place.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.arguments.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of an environment variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// stdin as text: empty when there is none.
    #[must_use]
    pub fn stdin_text(&self) -> String {
        String::from_utf8_lossy(self.stdin.as_deref().unwrap_or_default()).into_owned()
    }
}

impl Command {
    /// Fills an open place of the command's arguments.
    pub fn arg(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.arguments.push((name.into(), value.into()));
        self
    }

    /// Sets an environment variable that the grant leaves to the hook.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.environment.push((name.into(), value.into()));
        self
    }

    /// Gives the command something to read on stdin, where the grant allows it.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.stdin = Some(bytes.into());
        self
    }

    /// Runs the command to its end, however it ends.
    ///
    /// # Errors
    /// When it wasn't started, or was killed for the time it took.
    pub fn run(self) -> Result<Output, Error> {
        host::run_command(self.0)
    }

    /// Runs the command to its end, which has to be exit code 0.
    ///
    /// # Errors
    /// As [`run`](Self::run), and [`Error::Failed`] when the command failed.
    pub fn run_ok(self) -> Result<Output, Error> {
        let command = self.0.command.clone();
        let output = self.run()?;
        if output.success() { Ok(output) } else { Err(Error::Failed(Failed { command, output: Box::new(output) })) }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code: 0 is success.
    Code(u8),
    /// Killed by this signal.
    Signal(u8),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What a command left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// It wrote more to stdout than the grant lets through.
    pub stdout_truncated: bool,
    /// What it wrote to stderr.
    pub stderr: Vec<u8>,
    /// It wrote more to stderr than the grant lets through.
    pub stderr_truncated: bool,
}

impl Output {
    /// Whether it ended with exit code 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.exit == Exit::Code(0)
    }

    /// stdout as text, without the white space at its end. What isn't UTF-8 is
    /// replaced.
    #[must_use]
    pub fn stdout_text(&self) -> String {
        text(&self.stdout)
    }

    /// stderr as text, without the white space at its end. What isn't UTF-8 is
    /// replaced.
    #[must_use]
    pub fn stderr_text(&self) -> String {
        text(&self.stderr)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

/// Why a command didn't do what it was asked to. All but `Failed` carry the host's
/// sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No command of this name is granted.
    Unknown(String),
    /// An argument, a variable or stdin is not what the grant allows. Nothing was
    /// started.
    Refused(String),
    /// The program could not be started.
    NotStarted(String),
    /// The command ran longer than its grant allows and was killed, with all that it
    /// had started.
    TimedOut(String),
    /// It ran and failed. Only [`Command::run_ok`] tells this.
    Failed(Failed),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(message) | Self::Refused(message) | Self::NotStarted(message) | Self::TimedOut(message) => {
                f.write_str(message)
            }
            Self::Failed(failed) => failed.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

/// A command that ran and didn't end with exit code 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    command: String,
    output: Box<Output>,
}

impl Failed {
    /// What it left behind.
    #[must_use]
    pub fn output(&self) -> &Output {
        &self.output
    }
}

/// Lines of stderr that an error tells: what a program says last is mostly why.
const TOLD_LINES: usize = 3;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if matches!(self.output.exit, Exit::Code(_)) { "ended with" } else { "was killed by" };
        write!(f, "command `{}` {how} {}", self.command, self.output.exit)?;
        let stderr = self.output.stderr_text();
        let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines.iter().skip(lines.len().saturating_sub(TOLD_LINES));
        for (n, line) in last.enumerate() {
            write!(f, "{}{line}", if n == 0 { ": " } else { " / " })?;
        }
        Ok(())
    }
}
