//! Advances the engine's epoch while a hook runs, and sleeps while none does:
//! a backup of six hours must not cost two million wakeups.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// No tick is shorter: the thread would only ever wake up.
const SHORTEST: Duration = Duration::from_millis(1);

#[derive(Debug, Default)]
struct State {
    running: usize,
    /// The thread waits for a hook, and has to be woken.
    idle: bool,
    closed: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Changed by single steps: the state is whole even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Owner of the ticking thread, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticker(Arc<Shared>);

impl Ticker {
    /// Starts the thread.
    pub(crate) fn start(engine: &wasmtime::Engine, tick: Duration) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        let engine = engine.weak();
        let tick = tick.max(SHORTEST);
        std::thread::Builder::new().name("hookward-epoch".to_owned()).spawn(move || {
            loop {
                let idle = |state: &mut State| {
                    state.idle = state.running == 0 && !state.closed;
                    state.idle
                };
                let state = theirs.changed.wait_while(theirs.state(), idle).unwrap_or_else(PoisonError::into_inner);
                if state.closed {
                    return;
                }
                drop(state);
                std::thread::sleep(tick);
                let Some(engine) = engine.upgrade() else { return };
                engine.increment_epoch();
            }
        })?;
        Ok(Self(shared))
    }

    /// Keeps the epoch advancing until the guard is dropped.
    pub(crate) fn run(&self) -> Running {
        let idle = {
            let mut state = self.0.state();
            state.running += 1;
            state.idle
        };
        // To wake a thread asks the kernel, also where none waits.
        if idle {
            self.0.changed.notify_one();
        }
        Running(Arc::clone(&self.0))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.changed.notify_one();
    }
}

/// A hook is running.
#[derive(Debug)]
pub(crate) struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.state().running -= 1;
    }
}
