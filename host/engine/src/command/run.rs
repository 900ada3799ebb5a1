//! On the host's side: a command and its supervisor.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

use zeroize::Zeroizing;

use super::protocol::{Spec, Told, receive_async, send_async};

/// Time for a supervisor whose command is no longer wanted: its grace for the
/// command, and some for itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time for output to be read whose writers are all gone.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How supervisors are started: the processes that stand between this one and each
/// command that it runs, and end with it all that the command has started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supervisor {
    /// A program that calls [`supervise_child`](crate::supervise_child) when started
    /// with `args`: as a rule the host itself.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// One run of a program of the host: no shell, an environment of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Job {
    /// Absolute path, or a name to be looked for in the fixed path.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables besides `PATH`, `LANG`, `HOME`, `USER`, `LOGNAME` and `SHELL`, which
    /// they replace.
    pub env: Vec<(String, Zeroizing<String>)>,
    /// Name of the user that it runs as; none: that of this process.
    pub user: Option<String>,
    /// Its working directory.
    pub cwd: String,
    /// What it reads on stdin; none: nothing.
    pub stdin: Option<Vec<u8>>,
    /// Wall clock that it may take.
    pub timeout: Option<Duration>,
    /// Bytes of stdout, and of stderr, that are kept.
    pub output: usize,
}

impl Job {
    /// A program with these arguments, in `/`, with no bounds but `output`.
    #[must_use]
    pub fn new(program: impl Into<String>, args: Vec<String>, output: usize) -> Self {
        Self {
            program: program.into(),
            args,
            env: Vec::new(),
            user: None,
            cwd: "/".to_owned(),
            stdin: None,
            timeout: None,
            output,
        }
    }
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(u8),
    /// Killed by this signal.
    Signal(u8),
}

/// What a program has left.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// What it wrote to stdout, up to the job's `output`.
    pub stdout: Vec<u8>,
    /// It wrote more.
    pub stdout_truncated: bool,
    /// What it wrote to stderr, up to the job's `output`.
    pub stderr: Vec<u8>,
    /// It wrote more.
    pub stderr_truncated: bool,
}

/// Why there is nothing to tell of a program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// It could not be started, and why.
    #[error("{0}")]
    NotStarted(String),
    /// It took longer than its timeout, and was killed with all that it had started.
    #[error("was still running after {0:?} and was killed")]
    TimedOut(Duration),
    /// Its supervisor could not be started, or was lost: a defect, or somebody has
    /// killed it.
    #[error("its supervisor {0}")]
    Supervisor(String),
}

impl Supervisor {
    /// Runs a program to its end, and ends whatever it leaves behind. When the future
    /// is dropped, or this process dies, the program is killed with all that it has
    /// started.
    ///
    /// Needs a Tokio runtime with its timers and its I/O.
    ///
    /// # Errors
    /// When there is no exit to tell of.
    pub async fn run(&self, job: &Job) -> Result<Finished, JobError> {
        self.run_in(&Crew::new().0, job).await
    }

    /// The same for one call of a hook, which ends after all of its crew.
    pub(crate) async fn run_in(&self, crew: &Crew, job: &Job) -> Result<Finished, JobError> {
        let (mut process, ended) = Process::start(self, crew.clone())
            .map_err(|error| JobError::Supervisor(format!("could not be started: {error}")))?;
        let talk = process.talk(job);
        let said = match job.timeout {
            Some(timeout) => tokio::time::timeout(timeout, talk).await.map_err(|_| JobError::TimedOut(timeout)),
            None => Ok(talk.await),
        };
        // Closes the socket, by which the supervisor knows that the command is no
        // longer wanted, if it doesn't know better.
        drop(process);
        let status = match ended.await {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "unknown".to_owned(),
        };
        let (told, [stdout, stderr]) = said?.map_err(|error| JobError::Supervisor(format!("broke off: {error}")))?;
        let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
        let exit = match told {
            Some(Told::NotStarted(why)) => return Err(JobError::NotStarted(why)),
            Some(Told::Exited(code)) => Exit::Code(byte(code)),
            Some(Told::Killed(signal)) => Exit::Signal(byte(signal)),
            Some(Told::Left(_)) | None => {
                return Err(JobError::Supervisor(format!("ended before the command did ({status})")));
            }
        };
        let Captured { bytes: stdout, truncated: stdout_truncated, .. } = stdout;
        let Captured { bytes: stderr, truncated: stderr_truncated, .. } = stderr;
        Ok(Finished { exit, stdout, stdout_truncated, stderr, stderr_truncated })
    }
}

/// A supervisor that is at work. When this is dropped, it kills its command.
struct Process {
    socket: UnixStream,
    stdout: ChildStdout,
    stderr: ChildStderr,
    /// Starts the patience of [`see_off`].
    _unwanted: DropGuard,
}

impl Process {
    /// Starts the process, and a task that sees it off; the receiver hears of that.
    fn start(supervisor: &Supervisor, crew: Crew) -> io::Result<(Self, oneshot::Receiver<io::Result<ExitStatus>>)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let socket = UnixStream::from_std(ours)?;
        let mut child = Command::new(&supervisor.program)
            .args(&supervisor.args)
            // What stands there is not the command's to find in its parent.
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("no pipes"));
        };
        let unwanted = CancellationToken::new();
        let (tell, ended) = oneshot::channel();
        let late = unwanted.clone();
        tokio::spawn(async move {
            let status = see_off(child, late).await;
            drop(tell.send(status));
            drop(crew);
        });
        Ok((Self { socket, stdout, stderr, _unwanted: unwanted.drop_guard() }, ended))
    }

    /// Has the job done: what the supervisor told of its end, and stdout and stderr.
    async fn talk(&mut self, job: &Job) -> io::Result<(Option<Told>, [Captured; 2])> {
        let (mut stdout, mut stderr) = (Captured::new(job.output), Captured::new(job.output));
        let Self { socket, stdout: out, stderr: err, .. } = self;
        let told = {
            let drain = async { tokio::join!(stdout.drain(out), stderr.drain(err)) };
            let converse = converse(socket, job);
            tokio::pin!(drain, converse);
            tokio::select! {
                told = &mut converse => {
                    // Whom the supervisor could not kill may hold a pipe open.
                    drop(tokio::time::timeout(LAST_WORDS, drain).await);
                    told
                }
                _ = &mut drain => converse.await,
            }
        };
        Ok((told?, [stdout, stderr]))
    }
}

/// Sends the job, and hears what becomes of it.
async fn converse(socket: &mut UnixStream, job: &Job) -> io::Result<Option<Told>> {
    let Job { program, args, env, user, cwd, stdin, .. } = job;
    let spec = Spec {
        program: program.clone(),
        args: args.clone(),
        env: env.clone(),
        user: user.clone(),
        cwd: cwd.clone(),
        stdin: stdin.as_ref().map(Vec::len),
    };
    send_async(socket, &spec).await?;
    socket.write_all(stdin.as_deref().unwrap_or_default()).await?;
    let mut ended = None;
    while let Some(told) = receive_async(socket).await? {
        match told {
            Told::Left(count) => {
                tracing::warn!("{count} processes that the command {program} has started could not be killed");
            }
            told => ended = Some(told),
        }
    }
    Ok(ended)
}

/// Waits for the end of a supervisor, for ever as long as its command is wanted.
async fn see_off(mut child: Child, unwanted: CancellationToken) -> io::Result<ExitStatus> {
    let late = async {
        unwanted.cancelled().await;
        tokio::time::sleep(PATIENCE).await;
    };
    tokio::select! {
        status = child.wait() => return status,
        () = late => {}
    }
    tracing::warn!("a supervisor of a command did not end within {PATIENCE:?}; it is killed");
    child.start_kill()?;
    child.wait().await
}

/// The beginning of a stream that is read to its end.
struct Captured {
    bytes: Vec<u8>,
    truncated: bool,
    limit: usize,
}

impl Captured {
    fn new(limit: usize) -> Self {
        // With its room from the beginning, of which the system gives only what is
        // used: a vector that grows leaves copies behind, and this may be a secret.
        Self { bytes: Vec::with_capacity(limit), truncated: false, limit }
    }

    async fn drain(&mut self, from: &mut (impl AsyncRead + Unpin)) {
        let mut chunk = Zeroizing::new(vec![0; 16 << 10]);
        // A stream that breaks has ended: what counts is what the supervisor tells.
        while let Ok(read @ 1..) = from.read(&mut chunk).await {
            let read = chunk.get(..read).unwrap_or_default();
            let room = self.limit.saturating_sub(self.bytes.len());
            self.bytes.extend_from_slice(read.get(..room).unwrap_or(read));
            self.truncated |= read.len() > room;
        }
    }
}

/// Membership of those supervisors whose end one call of a hook waits for.
#[derive(Debug, Clone)]
pub(crate) struct Crew {
    /// Dropped with the last of its clones.
    _member: Arc<DropGuard>,
}

/// Knows when the last member of a crew is gone.
#[derive(Debug)]
pub(crate) struct Roll(CancellationToken);

impl Crew {
    pub(crate) fn new() -> (Self, Roll) {
        let gone = CancellationToken::new();
        (Self { _member: Arc::new(gone.clone().drop_guard()) }, Roll(gone))
    }
}

impl Roll {
    /// Waits for all to be gone. Each is killed when it takes too long, so that this
    /// bound is only for a system that doesn't even do that.
    pub(crate) async fn all_gone(self) {
        // Most have never been joined by anyone, and need no timer.
        if !self.0.is_cancelled() {
            drop(tokio::time::timeout(PATIENCE + LAST_WORDS, self.0.cancelled()).await);
        }
    }
}
