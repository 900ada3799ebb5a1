//! In the supervisor: from a [`Spec`] to a process.

use std::ffi::{CString, OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::unistd::{User, geteuid, initgroups, pipe2, setgid, setuid};

use super::protocol::Spec;

/// Where a program without a slash is looked for, and the command's own `PATH`. That
/// of the environment could lead anywhere.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Starts the command, with the supervisor's own stdout and stderr. The error is for
/// people.
pub(super) fn start(spec: &Spec) -> Result<Child, String> {
    let program = find(&spec.program)?;
    let current = User::from_uid(geteuid()).ok().flatten();
    let other = match &spec.user {
        Some(name) => other_user(name, current.as_ref())?,
        None => None,
    };
    let mut command = match &other {
        Some(_) => Command::new("/proc/self/exe"),
        None => Command::new(&program),
    };
    command
        .env_clear()
        .envs(environment(other.as_ref().or(current.as_ref())))
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .stdin(if spec.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .process_group(0);
    match other {
        Some(user) => as_user(command, &user, &program, spec),
        None => {
            enter(Path::new(&spec.cwd))?;
            command.args(&spec.args).spawn().map_err(|error| cannot_start(&program, &error))
        }
    }
}

fn cannot_start(program: &Path, error: &io::Error) -> String {
    format!("cannot start {}: {error}", program.display())
}

/// The program's path: looked for if it is a name.
pub(crate) fn find(program: &str) -> Result<PathBuf, String> {
    if program.contains('/') {
        return Ok(program.into());
    }
    let executable =
        |path: &PathBuf| path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    let mut candidates = PATH.split(':').map(|dir| Path::new(dir).join(program));
    candidates.find(executable).ok_or_else(|| format!("no program `{program}` in {PATH}"))
}

fn enter(dir: &Path) -> Result<(), String> {
    std::env::set_current_dir(dir).map_err(|error| format!("cannot enter {}: {error}", dir.display()))
}

/// What every command has in its environment.
fn environment(user: Option<&User>) -> Vec<(&'static str, OsString)> {
    let mut variables = vec![("PATH", PATH.into()), ("LANG", "C.UTF-8".into())];
    match user {
        Some(user) => variables.extend([
            ("HOME", user.dir.clone().into()),
            ("USER", user.name.clone().into()),
            ("LOGNAME", user.name.clone().into()),
            ("SHELL", user.shell.clone().into()),
        ]),
        // Of a user without an entry nothing is known but this much.
        None => variables.push(("HOME", "/".into())),
    }
    variables
}

/// The user, if it isn't the one that this process already is.
fn other_user(name: &str, current: Option<&User>) -> Result<Option<User>, String> {
    let user = lookup(name)?;
    if current.is_some_and(|current| current.uid == user.uid) {
        return Ok(None);
    }
    if !geteuid().is_root() {
        return Err(format!("cannot run it as `{name}`: only root can change the user"));
    }
    Ok(Some(user))
}

fn lookup(name: &str) -> Result<User, String> {
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user),
        Ok(None) => Err(format!("there is no user `{name}`")),
        Err(error) => Err(format!("cannot look the user `{name}` up: {error}")),
    }
}

/// Starts this program again, which becomes the user and then the command: groups
/// can be set for the whole process alone, and the supervisor must stay who it is.
fn as_user(mut command: Command, user: &User, program: &Path, spec: &Spec) -> Result<Child, String> {
    let broken = |error: io::Error| format!("cannot become `{}`: {error}", user.name);
    let (complaint, complain) = pipe2(OFlag::O_CLOEXEC).map_err(|error| broken(error.into()))?;
    fcntl(&complain, FcntlArg::F_SETFD(FdFlag::empty())).map_err(|error| broken(error.into()))?;
    let child = command
        .args(std::env::args_os().skip(1))
        .arg(complain.as_raw_fd().to_string())
        .args([OsStr::new(&user.name), OsStr::new(&spec.cwd), program.as_os_str()])
        .args(&spec.args)
        .spawn()
        .map_err(broken)?;
    drop(complain);
    let mut why = String::new();
    // Ends when the command has taken the process over, or with why it has not.
    std::fs::File::from(complaint).read_to_string(&mut why).map_err(broken)?;
    if why.is_empty() { Ok(child) } else { Err(why) }
}

/// The other side of [`as_user`]: returns only when it has failed.
pub(super) fn become_user(mut args: impl Iterator<Item = OsString>) -> io::Result<()> {
    let (Some(complain), Some(user), Some(cwd), Some(program)) = (args.next(), args.next(), args.next(), args.next())
    else {
        return Err(io::Error::other("arguments are missing"));
    };
    // A second way to the pipe, which ends when the command begins, as the first
    // does then.
    let complain = Path::new("/proc/self/fd").join(complain);
    let mut complain = std::fs::OpenOptions::new().write(true).open(complain)?;
    close_fds::set_fds_cloexec(3, &[]);
    let why = become_command(&user.to_string_lossy(), Path::new(&cwd), Path::new(&program), args);
    complain.write_all(why.as_bytes())
}

fn become_command(user: &str, cwd: &Path, program: &Path, args: impl Iterator<Item = OsString>) -> String {
    if let Err(why) = become_(user).and_then(|()| enter(cwd)) {
        return why;
    }
    cannot_start(program, &Command::new(program).args(args).exec())
}

fn become_(user: &str) -> Result<(), String> {
    let broken = |error: &dyn std::fmt::Display| format!("cannot become `{user}`: {error}");
    let user = lookup(user)?;
    let name = CString::new(user.name.as_str()).map_err(|error| broken(&error))?;
    initgroups(&name, user.gid)
        .and_then(|()| setgid(user.gid))
        .and_then(|()| setuid(user.uid))
        .map_err(|error| broken(&error))
}
