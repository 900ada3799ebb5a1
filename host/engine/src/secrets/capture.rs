//! Secrets that a program prints.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

use super::source::{LONGEST, Unavailable};

/// Where programs are looked for: not in the `PATH` of whoever started the host.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Variables that a password manager finds its store and its agent by.
const KEPT: &[&str] = &["HOME", "USER", "LOGNAME"];

/// A store that is asked over a network answers within seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The program's path.
pub(super) fn find(program: &Path) -> Result<PathBuf, Unavailable> {
    let executable = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    if program.is_absolute() {
        let path = program.to_owned();
        let missing = || Unavailable(format!("there is no program {}", program.display()));
        return Some(path).filter(executable).ok_or_else(missing);
    }
    let missing = || Unavailable(format!("there is no program `{}` in {PATH}", program.display()));
    std::env::split_paths(PATH).map(|dir| dir.join(program)).find(executable).ok_or_else(missing)
}

/// What the program prints, without a shell, a terminal or the host's environment.
/// It and all that it started are killed when the time is up, or when the future is
/// dropped. Its stderr isn't read: it may hold what nobody should see.
pub(super) async fn run(program: &Path, args: &[String]) -> Result<Zeroizing<Vec<u8>>, Unavailable> {
    let failed = |what: String| Unavailable(format!("the command {} {what}", program.display()));
    let mut child = Command::new(find(program)?)
        .args(args)
        .env_clear()
        .env("PATH", PATH)
        .envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("can't be started: {error}")))?;
    let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
    let Some(stdout) = child.stdout.take() else { return Err(failed("has no stdout".to_owned())) };
    let most = LONGEST + "\r\n".len() + 1;
    // With room to spare, since a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most * 2));
    let ended = tokio::time::timeout(TIMEOUT, async {
        stdout.take(most as u64).read_to_end(&mut bytes).await?;
        // One that prints for ever would never end by itself.
        if bytes.len() >= most { Ok(None) } else { child.wait().await.map(Some) }
    });
    let status = match ended.await {
        Err(_) => return Err(failed(format!("was still running after {} s", TIMEOUT.as_secs()))),
        Ok(Err(error)) => return Err(failed(format!("was lost: {error}"))),
        Ok(Ok(None)) => return Ok(bytes),
        Ok(Ok(Some(status))) => status,
    };
    group.has_ended();
    match status.code() {
        Some(0) => Ok(bytes),
        Some(code) => Err(failed(format!("exited with code {code}"))),
        None => Err(failed("was killed by a signal".to_owned())),
    }
}

/// The command's process group, killed unless its leader has been waited for.
struct Group(Option<Pid>);

impl Group {
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // An error means that it has just ended.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}
