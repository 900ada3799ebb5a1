//! Other processes, as far as /proc tells of them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgid};
use tokio::time::Instant;

use crate::fault;
use crate::interrupt::{Interrupts, Step};
use crate::journal::ResticProcess;
use crate::restic::process::GRACE;

/// Variable that marks the restic of a run, with the run's id.
pub(crate) const RUN: &str = "HOOKWARD_RUN";

/// Time between two looks at a process that is to end: it is no child, and can't be
/// waited for.
const LOOK: Duration = Duration::from_millis(50);

/// How long a process may take to be gone after SIGKILL: one in a system call that
/// can't be broken off stays longer than anybody wants to wait.
const KILLED: Duration = Duration::from_secs(5);

/// What a process is known by, beyond its id, which another may get.
pub(crate) fn identity(pid: i32) -> Option<ResticProcess> {
    Some(ResticProcess { pid, start: start(pid)?, boot: boot()? })
}

fn boot() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}

/// When a process was started, in clock ticks since the boot; none when it has ended.
fn start(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and parentheses; what follows the last one is not it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let is_gone = matches!(state, "Z" | "X");
    fields.nth(18).filter(|_| !is_gone)?.parse().ok()
}

/// Whether it is still there.
fn is_alive(process: &ResticProcess) -> bool {
    start(process.pid) == Some(process.start) && boot().as_deref() == Some(process.boot.as_str())
}

/// The restic of this run, if it has outlived the run's process. One that was started
/// without the journal hearing of it is found by the mark in its environment.
pub(crate) fn outlived(known: Option<&ResticProcess>, run: &str) -> Option<ResticProcess> {
    match known {
        Some(process) => Some(process.clone()).filter(is_alive),
        None => marked(run),
    }
}

fn marked(run: &str) -> Option<ResticProcess> {
    let mark = format!("{RUN}={run}");
    let is_marked = |dir: &Path| {
        let environment = fs::read(dir.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    let entries = fs::read_dir("/proc").ok()?;
    let found = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let pid = entry.file_name().to_str()?.parse().ok()?;
        if is_marked(&entry.path()) { identity(pid) } else { None }
    });
    // Children of it have the mark, too.
    found.min_by_key(|process| (process.start, process.pid))
}

/// The children of a process, and theirs; without /proc, none.
pub(crate) fn descendants(pid: Pid) -> Vec<Pid> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw);
    children.flat_map(|child| descendants(child).into_iter().chain([child])).collect()
}

/// Ends a restic that nobody waits for: as in a run, with time to remove its lock.
pub(crate) async fn end(process: &ResticProcess, interrupts: &Interrupts) {
    let pid = Pid::from_raw(process.pid);
    let leads = getpgid(Some(pid)).is_ok_and(|group| group == pid);
    fault::point("before ending restic");
    // Errors mean that it has just ended.
    let _ = if leads { killpg(pid, Signal::SIGINT) } else { kill(pid, Signal::SIGINT) };
    let insisted = interrupts.step(Step::Insist);
    let _ = insisted.run_until_cancelled(gone(process, GRACE)).await;
    if is_alive(process) {
        // Looked for before their parent goes.
        let children = descendants(pid);
        let _ = if leads { killpg(pid, Signal::SIGKILL) } else { kill(pid, Signal::SIGKILL) };
        for child in children {
            let _ = kill(child, Signal::SIGKILL);
        }
        gone(process, KILLED).await;
    }
    fault::point("after ending restic");
}

async fn gone(process: &ResticProcess, within: Duration) {
    let end = Instant::now() + within;
    while is_alive(process) && Instant::now() < end {
        tokio::time::sleep(LOOK).await;
    }
}
