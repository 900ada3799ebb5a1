//! Places where a test kills the process, to see what the next one makes of it.
//!
//! With the feature `fault-points`, which no release has, `HOOKWARD_FAULT_AT=N` kills
//! the process with SIGKILL at the N-th place that it passes, counted from 1, and
//! `HOOKWARD_FAULT_TRACE=FILE` gets a line with the name of each. Without the feature
//! a place is nothing.

/// One such place, before or after a step.
#[cfg(not(feature = "fault-points"))]
#[inline(always)]
pub(crate) fn point(_: &str) {}

/// One such place, before or after a step.
#[cfg(feature = "fault-points")]
pub(crate) fn point(name: &str) {
    use std::io::Write as _;
    use std::sync::atomic::{AtomicU64, Ordering};

    static PASSED: AtomicU64 = AtomicU64::new(0);
    let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    if let Some(path) = std::env::var_os("HOOKWARD_FAULT_TRACE") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        drop(file.and_then(|mut file| file.write_all(format!("{name}\n").as_bytes())));
    }
    let at = std::env::var("HOOKWARD_FAULT_AT").ok().and_then(|at| at.parse::<u64>().ok());
    if at == Some(number) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
        // The signal may reach another thread first.
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}
