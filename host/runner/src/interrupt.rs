//! Signals that end a run, in three steps: the first asks, the second insists, the
//! third leaves.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::iterator::{Handle, SignalsInfo};
use signal_hook::low_level::siginfo::Cause;
use tokio_util::sync::CancellationToken;

/// One wish to end the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupt {
    /// The signal; for a wish without one, what it amounts to.
    pub signal: Signal,
    /// It came from the terminal (Ctrl-C), so that every process in the foreground
    /// has got it already.
    pub by_terminal: bool,
}

/// How far a run may still go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// After the first signal: end in order.
    Stop = 0,
    /// After the second: don't wait for restic any longer.
    Insist = 1,
    /// After the third: leave what is owed.
    Leave = 2,
}

/// The signals of a run so far. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Interrupts(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    received: Mutex<Vec<Interrupt>>,
    steps: [CancellationToken; 3],
}

impl Interrupts {
    /// Takes note of one more wish to end the run.
    pub fn interrupt(&self, interrupt: Interrupt) {
        let step = {
            let mut received = self.received();
            received.push(interrupt);
            received.len() - 1
        };
        if let Some(step) = self.0.steps.get(step) {
            step.cancel();
        }
    }

    /// The first one.
    #[must_use]
    pub fn first(&self) -> Option<Interrupt> {
        self.received().first().copied()
    }

    /// The newest one.
    #[must_use]
    pub fn last(&self) -> Option<Interrupt> {
        self.received().last().copied()
    }

    /// Cancelled once the run has come to that step.
    #[must_use]
    pub fn step(&self, step: Step) -> &CancellationToken {
        let [stop, insist, leave] = &self.0.steps;
        match step {
            Step::Stop => stop,
            Step::Insist => insist,
            Step::Leave => leave,
        }
    }

    /// What the next signal would bring about.
    #[must_use]
    pub fn next(&self) -> Step {
        match self.received().len() {
            0 => Step::Stop,
            1 => Step::Insist,
            _ => Step::Leave,
        }
    }

    fn received(&self) -> MutexGuard<'_, Vec<Interrupt>> {
        self.0.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts to listen for SIGINT, SIGTERM and SIGHUP, but for those that this
    /// process was started to ignore: under `nohup`, a hangup ends nothing.
    ///
    /// # Errors
    /// When the handlers can't be set.
    pub fn listen(&self) -> io::Result<Listener> {
        let ignored = ignored_signals();
        let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| ignored >> (signal - 1) & 1 == 0);
        let mut signals = SignalsInfo::<WithOrigin>::new(wanted)?;
        let handle = signals.handle();
        let interrupts = self.clone();
        std::thread::Builder::new().name("hookward-signals".to_owned()).spawn(move || {
            for origin in signals.forever() {
                if let Ok(signal) = Signal::try_from(origin.signal) {
                    interrupts.interrupt(Interrupt { signal, by_terminal: origin.cause == Cause::Kernel });
                }
            }
        })?;
        Ok(Listener(handle))
    }
}

/// Listens until it is dropped.
#[derive(Debug)]
pub struct Listener(Handle);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The mask of the signals that this process ignores; without /proc, none.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
