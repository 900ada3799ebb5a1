//! One restic process, from its start to its end.
//!
//! Its streams are its own unless they have to be read: then every byte is passed
//! on as it came. On a terminal it shares Hookward's process group, as a command in
//! a shell script does, so that the password prompt, Ctrl-C, Ctrl-Z and a pager
//! behind a pipe behave as without Hookward. Everywhere else it leads a group of
//! its own, which can be ended as a whole.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hookward_engine::Mask;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::{Child, Command as Process};
use tokio::time::Instant;

use super::messages::{Heard, Lines, Message};
use crate::fault;
use crate::interrupt::{Interrupt, Interrupts, Step};
use crate::process::descendants;

/// How long restic may take to clean up after the first signal. Removing the lock
/// may take a minute (restic's own bound), so a little more.
pub const GRACE: Duration = Duration::from_secs(75);

/// How long to go on reading after restic's end, when a child of it holds a pipe.
const DRAIN: Duration = Duration::from_secs(5);

/// How long a signal of the terminal may take to reach us after it has ended restic.
const SAME_SIGNAL: Duration = Duration::from_millis(250);

/// Where a stream goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// The stream is Hookward's own.
    Inherit,
    /// Read, and passed on byte for byte.
    Tee,
    /// Read, and handed over line by line.
    Read,
    /// Stdout only: passed on to stderr.
    ToStderr,
}

/// What to start. `Debug` leaves the values of variables out: they may be secret.
#[derive(Clone)]
#[non_exhaustive]
pub struct Command {
    /// Path of the program.
    pub program: PathBuf,
    /// Its arguments, to the letter.
    pub args: Vec<OsString>,
    /// Variables to set, or to remove, in the inherited environment.
    pub env: Vec<(String, Option<OsString>)>,
    /// Whether stdin is Hookward's own; else there is none.
    pub stdin: bool,
    /// Where stdout goes.
    pub stdout: Route,
    /// Where stderr goes.
    pub stderr: Route,
    /// How long restic may take to clean up after the first signal.
    pub grace: Duration,
}

impl Command {
    /// A command with streams and environment of its own.
    #[must_use]
    pub fn new(program: PathBuf, args: Vec<OsString>) -> Self {
        Self {
            program,
            args,
            env: Vec::new(),
            stdin: true,
            stdout: Route::Inherit,
            stderr: Route::Inherit,
            grace: GRACE,
        }
    }

    /// Sets or removes a variable, whatever was to become of it.
    pub fn set_env(&mut self, name: &str, value: Option<OsString>) {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value));
    }
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { program, args, env, stdin, stdout, stderr, grace } = self;
        let env: Vec<_> = env.iter().map(|(name, value)| (name, value.as_ref().map(|_| "..."))).collect();
        f.debug_struct("Command")
            .field("program", program)
            .field("args", args)
            .field("env", &env)
            .field("stdin", stdin)
            .field("stdout", stdout)
            .field("stderr", stderr)
            .field("grace", grace)
            .finish()
    }
}

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl Exit {
    /// The exit code that a shell would report.
    #[must_use]
    pub fn shell_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }

    /// Whether restic made a snapshot and ended of itself: 0, or 3 with data unread.
    #[must_use]
    pub fn finished(self) -> bool {
        matches!(self, Self::Code(0 | 3))
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            // Neither: stopped or continued, which `wait` doesn't report.
            (None, None) => Self::Code(-1),
        }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => match Signal::try_from(*signal) {
                Ok(signal) => write!(f, "was killed by {signal}"),
                Err(_) => write!(f, "was killed by signal {signal}"),
            },
        }
    }
}

/// Something that the process printed, when its stream is read.
#[derive(Debug)]
#[non_exhaustive]
pub enum Said<'a> {
    /// Nothing yet: it has been started, with this process id.
    Started(u32),
    /// A message of `--json`.
    Message(&'a Message),
    /// A line that is no such message.
    Line(&'a str),
}

/// Takes what the process prints, from both streams.
pub type Listen<'a> = &'a (dyn Fn(Said<'_>) + Send + Sync);

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub exit: Exit,
    /// What it said, as far as its streams were read.
    pub heard: Heard,
}

/// Starts the process and waits for its end. The first interrupt is passed on to
/// it; the second, or the end of the grace, kills it. The mask hides secrets in what
/// is handed to `listen` and in what was heard; a stream that is passed on is not
/// changed.
///
/// # Errors
/// When it can't be started.
pub async fn run(command: &Command, interrupts: &Interrupts, mask: &Mask, listen: Listen<'_>) -> io::Result<Ended> {
    let shared_group = has_terminal();
    // A signal before the start has reached us alone.
    let interrupted = interrupts.step(Step::Stop).is_cancelled();
    let mut child = spawn(command, shared_group)?;
    fault::point("restic spawned");
    if let Some(pid) = child.id() {
        listen(Said::Started(pid));
    }
    let heard = Mutex::new(Heard::new(mask.clone()));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let exit = {
        let out = pump(stdout, Some(tokio::io::stdout()), command.stdout, Stream::Stdout, &heard, listen);
        let err = pump(stderr, Some(tokio::io::stderr()), command.stderr, Stream::Stderr, &heard, listen);
        let mut pumps = pin!(async { tokio::join!(out, err) });
        let mut wait = pin!(wait(&mut child, shared_group, interrupted, command.grace, interrupts));
        // Both at once: restic may end only when its pipes are read.
        tokio::select! {
            exit = &mut wait => {
                drop(tokio::time::timeout(DRAIN, pumps).await);
                exit
            }
            _ = &mut pumps => wait.await,
        }?
    };
    if shared_group && !exit.finished() {
        // Ctrl-C is for both of us. Noted only later, it would stop the hooks that are
        // to be told of it.
        drop(tokio::time::timeout(SAME_SIGNAL, interrupts.step(Step::Stop).cancelled()).await);
    }
    let heard = heard.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Ended { exit, heard })
}

fn spawn(command: &Command, shared_group: bool) -> io::Result<Child> {
    let mut process = Process::new(&command.program);
    process.args(&command.args);
    for (name, value) in &command.env {
        match value {
            Some(value) => process.env(name, value),
            None => process.env_remove(name),
        };
    }
    if !command.stdin {
        process.stdin(Stdio::null());
    }
    let stdio = |route| match route {
        Route::Inherit => Ok(Stdio::inherit()),
        Route::Tee | Route::Read => Ok(Stdio::piped()),
        Route::ToStderr => io::Result::Ok(Stdio::from(io::stderr())),
    };
    process.stdout(stdio(command.stdout)?).stderr(stdio(command.stderr)?);
    if !shared_group {
        process.process_group(0);
    }
    process.spawn()
}

/// Whether Hookward has a terminal. In its background too: the shell may bring the
/// job to the front at any time, and restic has to come along.
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

/// Waits for the end, and brings it about when asked to.
async fn wait(
    child: &mut Child,
    shared_group: bool,
    interrupted: bool,
    grace: Duration,
    interrupts: &Interrupts,
) -> io::Result<Exit> {
    let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw) else {
        return child.wait().await.map(Exit::from);
    };
    tokio::select! {
        status = child.wait() => return status.map(Exit::from),
        () = interrupts.step(Step::Stop).cancelled() => {}
    }
    // A terminal that is gone is told to the first process on it alone.
    let ctrl_c = |interrupt: Interrupt| interrupt.by_terminal && interrupt.signal == Signal::SIGINT;
    let reached = shared_group && !interrupted && interrupts.first().is_some_and(ctrl_c);
    if !reached {
        // SIGINT whatever came in: every restic cleans up its lock after it, while
        // SIGTERM kills one before 0.17 and SIGHUP any, and the lock stays.
        // An error means that it has just ended.
        let _ = if shared_group { kill(pid, Signal::SIGINT) } else { killpg(pid, Signal::SIGINT) };
    }
    let end_of_grace = Instant::now() + grace;
    tokio::select! {
        status = child.wait() => return status.map(Exit::from),
        () = interrupts.step(Step::Insist).cancelled() => {}
        () = tokio::time::sleep_until(end_of_grace) => {}
    }
    if shared_group {
        for pid in descendants(pid).into_iter().chain([pid]) {
            let _ = kill(pid, Signal::SIGKILL);
        }
    } else {
        let _ = killpg(pid, Signal::SIGKILL);
    }
    child.wait().await.map(Exit::from)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

/// Reads one stream to its end.
async fn pump(
    from: Option<impl AsyncRead + Unpin>,
    to: Option<impl AsyncWrite + Unpin>,
    route: Route,
    stream: Stream,
    heard: &Mutex<Heard>,
    listen: Listen<'_>,
) {
    let Some(mut from) = from else { return };
    let mut to = to.filter(|_| route == Route::Tee);
    let mut lines = Lines::default();
    let line = |line: &[u8]| {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let message = heard.message(line);
        let shown = (message.is_none() && route == Route::Read).then(|| heard.line(line));
        drop(heard);
        match (message, shown) {
            (Some(message), _) => listen(Said::Message(&message)),
            (None, Some(line)) => listen(Said::Line(&line)),
            (None, None) => {}
        }
    };
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let bytes = buffer.get(..count).unwrap_or_default();
        if stream == Stream::Stderr {
            heard.lock().unwrap_or_else(PoisonError::into_inner).stderr(bytes);
        }
        if let Some(to) = &mut to
            && (to.write_all(bytes).await.is_err() || to.flush().await.is_err())
        {
            // Nobody reads on. Neither do we: restic's next write fails, as it
            // would have without us.
            return;
        }
        lines.feed(bytes, line);
    }
    lines.finish(line);
}
