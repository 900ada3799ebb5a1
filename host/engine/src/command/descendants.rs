//! All processes below this one: finding them and ending them.
//!
//! This process is a subreaper: who loses its parent becomes its child, so that it
//! has no child exactly when nothing is left below it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::{Duration, Instant};

use nix::unistd::getpid;
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, kill_process, pidfd_open, pidfd_send_signal, wait,
};

/// Pause between two looks: short, since whoever forks meanwhile gets away until
/// the next one.
const PAUSE: Duration = Duration::from_millis(2);

/// Time to kill everything. A process that is still there then waits in the kernel,
/// which ends it as soon as it leaves, or belongs to a user beyond reach.
const GIVE_UP: Duration = Duration::from_secs(2);

/// A process as `/proc` shows it.
struct Process {
    parent: i32,
    /// Since boot, in ticks: another process of the same id has another.
    started: u64,
    dead: bool,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<_> = fields.split_whitespace().collect();
        let [state, parent, rest @ ..] = fields.as_slice() else { return None };
        Some(Self {
            parent: parent.parse().ok()?,
            started: rest.get(17)?.parse().ok()?,
            dead: matches!(*state, "Z" | "X"),
        })
    }
}

/// Whether this process can see those below it.
pub(super) fn visible() -> bool {
    Process::read(getpid().as_raw()).is_some()
}

/// Every process below this one that isn't dead.
fn descendants() -> Vec<(i32, Process)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let mut others: HashMap<i32, Process> = pids.filter_map(|pid| Some((pid, Process::read(pid)?))).collect();
    let mut below = HashSet::from([getpid().as_raw()]);
    loop {
        let before = below.len();
        below.extend(
            others
                .iter()
                .filter(|(_, process)| below.contains(&process.parent))
                .map(|(pid, _)| *pid)
                .collect::<Vec<_>>(),
        );
        if below.len() == before {
            break;
        }
    }
    others.retain(|pid, process| below.contains(pid) && *pid != getpid().as_raw() && !process.dead);
    others.into_iter().collect()
}

/// Signals everything below this process.
fn signal_all(signal: Signal) {
    let me = getpid().as_raw();
    for (number, process) in descendants() {
        let Some(pid) = Pid::from_raw(number) else { continue };
        if process.parent == me {
            // Its id stays its own until it is reaped, here.
            let _ = kill_process(pid, signal);
            continue;
        }
        // Others are reaped by their parents, and their ids given to strangers: hold
        // on to the process, then look whether it is the one that was seen.
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        if Process::read(number).is_some_and(|now| now.started == process.started) {
            let _ = pidfd_send_signal(handle, signal);
        }
    }
}

/// Kills the children: a look that takes microseconds, to be ahead of one that
/// forks and ends without pause.
fn kill_children() {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return };
    for thread in threads.filter_map(Result::ok) {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for pid in children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Reaps what has ended: how the process `child` ended if it is among them, and
/// whether anything is left.
pub(super) fn reap(child: Option<u32>) -> (Option<WaitStatus>, bool) {
    let child = child.and_then(|pid| Pid::from_raw(pid.cast_signed()));
    let mut ended = None;
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if Some(pid) == child => ended = Some(status),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return (ended, true),
            // There is none.
            Err(_) => return (ended, false),
        }
    }
}

/// Asks everything to end, kills what is there after the grace, and returns how
/// many are left: none, as a rule.
pub(super) fn end_all(grace: Duration) -> usize {
    let begun = Instant::now();
    if !reap(None).1 {
        return 0;
    }
    signal_all(Signal::TERM);
    // Who is stopped can't obey.
    signal_all(Signal::CONT);
    while begun.elapsed() < grace {
        if !reap(None).1 {
            return 0;
        }
        std::thread::sleep(PAUSE);
    }
    let begun = Instant::now();
    for round in 0u32.. {
        kill_children();
        if round % 8 == 0 {
            signal_all(Signal::KILL);
        }
        if !reap(None).1 {
            return 0;
        }
        if begun.elapsed() > GIVE_UP {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    descendants().len()
}
