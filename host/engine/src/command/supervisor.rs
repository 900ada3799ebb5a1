//! The supervisor: a process between the host and one command, so that nothing of
//! the command outlives its end, nor that of the host, however that comes.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::SigSet;
use nix::unistd::setsid;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::protocol::{Spec, Told, receive, send};
use super::{descendants, start};

/// Time for a command that is no longer wanted to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// The same for what a command has left behind: it had its time.
const SHORT_GRACE: Duration = Duration::from_millis(200);

/// The whole work of a [`Supervisor`](super::Supervisor)'s process: to be called by
/// the program's `main`, before it does anything else. `args` are the arguments that
/// follow [`Supervisor::args`](super::Supervisor::args).
///
/// # Errors
/// When the process isn't one that the engine has started, or the system denies what
/// it needs. Nothing was started then.
pub fn supervise_child(args: impl IntoIterator<Item = OsString>) -> io::Result<()> {
    let mut args = args.into_iter().peekable();
    if args.peek().is_some() { start::become_user(args) } else { supervise() }
}

fn supervise() -> io::Result<()> {
    let children = set_apart()?;
    let mut host = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let spec: Spec = receive(&mut host)?;
    let mut stdin = vec![0; spec.stdin.unwrap_or_default()];
    host.read_exact(&mut stdin)?;
    let mut child = match begin(&spec) {
        Ok(child) => child,
        Err(why) => {
            // What became of a second stage.
            descendants::end_all(Duration::ZERO);
            return send(&host, &Told::NotStarted(why));
        }
    };
    let ended = feed(&mut child, stdin).and_then(|()| wait(&host, &children, child.id()));
    let grace = match &ended {
        Ok(Some(told)) => {
            // A host that is gone hears nothing.
            drop(send(&host, told));
            SHORT_GRACE
        }
        Ok(None) | Err(_) => GRACE,
    };
    let left = descendants::end_all(grace);
    if left > 0 {
        drop(send(&host, &Told::Left(left)));
    }
    ended.map(drop)
}

/// Makes this process one that no signal for others reaches, and from which nothing
/// of the host's goes on to the command. What it returns can be read when a child
/// has ended.
fn set_apart() -> io::Result<UnixStream> {
    // No terminal: neither its signals, nor a password prompt on it.
    setsid()?;
    // Sent to a whole service, they would leave nobody to clean up. A handler, since
    // the command would inherit what is ignored or blocked.
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        signal_hook::flag::register(signal, Arc::default())?;
    }
    let (children, sender) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(SIGCHLD, sender)?;
    children.set_nonblocking(true)?;
    SigSet::all().thread_unblock()?;
    set_child_subreaper(true)?;
    close_fds::set_fds_cloexec(3, &[]);
    // A dump of a program that held a password would lie around.
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    Ok(children)
}

fn begin(spec: &Spec) -> Result<Child, String> {
    if !descendants::visible() {
        return Err("commands need /proc, to see what they have started".to_owned());
    }
    start::start(spec)
}

/// Writes to the command's stdin, aside: it may never read.
fn feed(child: &mut Child, bytes: Vec<u8>) -> io::Result<()> {
    if let Some(mut stdin) = child.stdin.take() {
        // A command may end without having read all of it.
        std::thread::Builder::new().spawn(move || drop(stdin.write_all(&bytes)))?;
    }
    Ok(())
}

/// Waits for the end of the command, or, with none, for that of the host.
fn wait(host: &UnixStream, mut children: &UnixStream, child: u32) -> io::Result<Option<Told>> {
    loop {
        if let (Some(status), _) = descendants::reap(Some(child)) {
            return Ok(match status.terminating_signal() {
                Some(signal) => Some(Told::Killed(signal)),
                None => status.exit_status().map(Told::Exited),
            });
        }
        // It has nothing to say: this can only be its end.
        if host_spoke(host, children)? {
            return Ok(None);
        }
        while children.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
    }
}

/// Waits until one of them can be read, or has ended: whether the host's has.
fn host_spoke(host: &UnixStream, children: &UnixStream) -> io::Result<bool> {
    let mut both = [host, children].map(|stream| PollFd::new(stream.as_fd(), PollFlags::POLLIN));
    loop {
        match poll(&mut both, PollTimeout::NONE) {
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let [host, _] = both;
    Ok(host.any().unwrap_or(true))
}
