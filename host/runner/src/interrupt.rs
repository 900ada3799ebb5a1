//! Signals that end a run, in three steps: the first asks, the second insists, the
//! third leaves.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::iterator::{Handle, SignalsInfo};
use signal_hook::low_level::siginfo;
use tokio_util::sync::CancellationToken;

/// One wish to end the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupt {
    /// The signal; for a wish without one, what it amounts to.
    pub signal: Signal,
    /// It came from the terminal (Ctrl-C), so that every process in the foreground
    /// has got it already.
    pub by_terminal: bool,
    /// Where it came from.
    pub cause: Cause,
}

/// Where a wish to end the run came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The signal itself.
    Signal,
    /// The run took longer than its `max-duration`, which is this.
    Deadline(Duration),
}

impl std::fmt::Display for Interrupt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.cause {
            Cause::Signal => write!(f, "cancelled by {}", self.signal),
            Cause::Deadline(after) => {
                write!(f, "ran longer than max-duration, {}", humantime::format_duration(after))
            }
        }
    }
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
    /// Those of the whole command, for one run of it.
    parent: Option<Interrupts>,
}

impl Interrupts {
    /// For one run among several: what ends all of them ends it, too.
    #[must_use]
    pub fn child(&self) -> Self {
        let steps = self.0.steps.each_ref().map(CancellationToken::child_token);
        Self(Arc::new(Shared { received: Mutex::default(), steps, parent: Some(self.clone()) }))
    }

    /// Ends the run that has taken too long, if nothing has ended it yet.
    pub fn overdue(&self, after: Duration) -> Option<Interrupt> {
        if self.first().is_some() {
            return None;
        }
        let interrupt = Interrupt { signal: Signal::SIGTERM, by_terminal: false, cause: Cause::Deadline(after) };
        self.interrupt(interrupt);
        Some(interrupt)
    }

    /// Takes note of one more wish to end the run. The step that it leads to; none after
    /// the third.
    pub fn interrupt(&self, interrupt: Interrupt) -> Option<Step> {
        let place = {
            let mut received = self.received();
            received.push(interrupt);
            received.len() - 1
        };
        let step = [Step::Stop, Step::Insist, Step::Leave].get(place).copied()?;
        self.step(step).cancel();
        Some(step)
    }

    /// The first one.
    #[must_use]
    pub fn first(&self) -> Option<Interrupt> {
        let own = self.received().first().copied();
        own.or_else(|| self.0.parent.as_ref().and_then(Self::first))
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

    /// Cancelled by the next signal; after the third, cancelled already.
    #[must_use]
    pub fn next(&self) -> &CancellationToken {
        if let Some(parent) = &self.0.parent {
            return parent.next();
        }
        self.step(match self.received().len() {
            0 => Step::Stop,
            1 => Step::Insist,
            _ => Step::Leave,
        })
    }

    fn received(&self) -> MutexGuard<'_, Vec<Interrupt>> {
        self.0.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts to listen for SIGINT, SIGTERM and SIGHUP, but for those that this
    /// process was started to ignore: under `nohup`, a hangup ends nothing.
    ///
    /// `heard` is told of each step, on a thread of its own: whatever may hang elsewhere
    /// in the process, it can still say so, or end it.
    ///
    /// # Errors
    /// When the handlers can't be set.
    pub fn listen(&self, heard: impl Fn(Interrupt, Step) + Send + 'static) -> io::Result<Listener> {
        let ignored = ignored_signals();
        let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| ignored >> (signal - 1) & 1 == 0);
        let mut signals = SignalsInfo::<WithOrigin>::new(wanted)?;
        let handle = signals.handle();
        let interrupts = self.clone();
        std::thread::Builder::new().name("hookward-signals".to_owned()).spawn(move || {
            for origin in signals.forever() {
                if let Ok(signal) = Signal::try_from(origin.signal) {
                    let by_terminal = origin.cause == siginfo::Cause::Kernel;
                    let interrupt = Interrupt { signal, by_terminal, cause: Cause::Signal };
                    if let Some(step) = interrupts.interrupt(interrupt) {
                        heard(interrupt, step);
                    }
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
