//! Many hooks at once: lets in as many calls as the host can bear; the others wait, in
//! the order in which they came.
//!
//! A call that waits is a place in a queue and nothing else: it has no store, no memory
//! and no deadline. Its clock starts with the call itself, after it was let in.
//!
//! Calls that are in share their executor fairly: one that computes yields at each
//! [tick](crate::Options::tick), so that a short call among `n` busy ones waits for one
//! tick of each at most, `n / threads` ticks together.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::log::Sink;
use crate::{Event, Hook, Report};

/// What memory is counted in: permits are 32 bits wide, memories are more.
const PAGE: u64 = 64 << 10;

/// How many calls a [`Crowd`] lets in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Admission {
    /// Calls that may run at once.
    pub running: NonZeroUsize,
    /// Calls that may wait: one more is refused. None: any number.
    pub waiting: Option<usize>,
    /// Bytes that the limits `memory` of all running calls may come to. A small call
    /// does not overtake a large one that waits for its memory. None: no bound.
    pub memory: Option<u64>,
}

impl Default for Admission {
    fn default() -> Self {
        // Hooks wait for others more than they compute. With two threads, 64 busy ones
        // leave each a turn every 32 ticks, a third of a second.
        const RUNNING: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);
        Self { running: RUNNING, waiting: None, memory: None }
    }
}

/// Why a call was not let in. Nothing of it has happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// As many wait as may.
    #[error("too many hooks wait already ({0})")]
    Full(usize),
    /// It could never be let in.
    #[error("may use {limit} bytes of memory (limit `memory`), more than all hooks together may ({bound})")]
    TooLarge {
        /// The hook's limit.
        limit: u64,
        /// The bound of the crowd.
        bound: u64,
    },
    /// It was called off while it waited.
    #[error("was called off before it was started")]
    Cancelled,
    /// The crowd lets nobody in any more.
    #[error("was not started: no more hooks are")]
    Closed,
}

/// Runs calls of hooks, so many at once. Cheap to clone; clones share everything.
///
/// Each call runs on the task that makes it:
///
/// ```no_run
/// # use std::sync::Arc;
/// # use hookward_engine::{Admission, CancellationToken, Crowd, Event, Hook, log::Discard};
/// # async fn example(hooks: Vec<Hook>, event: Arc<Event>, cancel: CancellationToken) {
/// let crowd = Crowd::new(&Admission::default());
/// let calls: Vec<_> = hooks
///     .into_iter()
///     .map(|hook| {
///         let (crowd, event, cancel) = (crowd.clone(), event.clone(), cancel.clone());
///         tokio::spawn(async move { crowd.call(&hook, &event, Arc::new(Discard), &cancel).await })
///     })
///     .collect();
/// # }
/// ```
///
/// Hooks that compute hold a thread of the executor for up to a tick at a time. A host
/// that has to answer others meanwhile gives its hooks an executor of their own.
#[derive(Debug, Clone)]
pub struct Crowd(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Held by the call that is next, while it waits for room. Whoever finds it taken is
    /// behind others, whatever there is room for.
    next: Mutex<()>,
    running: Arc<Semaphore>,
    memory: Option<Memory>,
    waiting: Semaphore,
    places: usize,
    limit: usize,
    closed: CancellationToken,
}

#[derive(Debug)]
struct Memory {
    bound: u64,
    pages: Arc<Semaphore>,
}

/// Leave to run one call. Dropping it lets the next one in.
#[derive(Debug)]
#[must_use = "the next one is let in when this is dropped"]
pub struct Turn {
    waited: Duration,
    _running: OwnedSemaphorePermit,
    _memory: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// How long the call had to wait for it.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Crowd {
    /// A crowd that nobody is in.
    #[must_use]
    pub fn new(admission: &Admission) -> Self {
        let limit = admission.running.get().min(Semaphore::MAX_PERMITS);
        let places = admission.waiting.unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let memory = admission.memory.map(|bound| {
            let pages = usize::try_from(bound / PAGE).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
            Memory { bound, pages: Arc::new(Semaphore::new(pages)) }
        });
        Self(Arc::new(Inner {
            next: Mutex::new(()),
            running: Arc::new(Semaphore::new(limit)),
            memory,
            waiting: Semaphore::new(places),
            places,
            limit,
            closed: CancellationToken::new(),
        }))
    }

    /// Waits until the hook may run, then calls it as [`Hook::call`] does.
    ///
    /// # Errors
    /// When the hook was not called at all.
    pub async fn call(
        &self,
        hook: &Hook,
        event: &Event,
        sink: Arc<dyn Sink>,
        cancel: &CancellationToken,
    ) -> Result<Report, Refused> {
        let turn = self.admit(hook, cancel).await?;
        let report = hook.call(event, sink, cancel).await;
        drop(turn);
        Ok(report)
    }

    /// Waits until the hook may run: for a host that does more around the call, or wants
    /// to know how long it waited.
    ///
    /// # Errors
    /// When it may not.
    pub async fn admit(&self, hook: &Hook, cancel: &CancellationToken) -> Result<Turn, Refused> {
        let Inner { memory, waiting, places, closed, .. } = &*self.0;
        let (came, limit) = (Instant::now(), hook.limits().memory);
        if let Some(Memory { bound, .. }) = memory
            && pages(limit) > u64::from(u32::MAX).min(bound / PAGE)
        {
            return Err(Refused::TooLarge { limit, bound: *bound });
        }
        if closed.is_cancelled() {
            return Err(Refused::Closed);
        }
        if cancel.is_cancelled() {
            return Err(Refused::Cancelled);
        }
        let pages = u32::try_from(pages(limit)).unwrap_or(u32::MAX);
        if let Some(turn) = self.enter(pages) {
            return Ok(turn);
        }
        let _place = waiting.try_acquire().map_err(|_| Refused::Full(*places))?;
        tokio::select! {
            biased;
            () = closed.cancelled() => Err(Refused::Closed),
            () = cancel.cancelled() => Err(Refused::Cancelled),
            turn = self.wait(pages, came) => turn,
        }
    }

    /// Lets nobody in any more: calls that wait are refused, those that run go on.
    pub fn close(&self) {
        self.0.closed.cancel();
    }

    /// Calls that are in, now.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.limit.saturating_sub(self.0.running.available_permits())
    }

    /// Calls that wait, now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.places.saturating_sub(self.0.waiting.available_permits())
    }

    /// In at once, if there is room and nobody waits for it.
    fn enter(&self, pages: u32) -> Option<Turn> {
        let Inner { next, running, memory, .. } = &*self.0;
        let _next = next.try_lock().ok()?;
        let running = Arc::clone(running).try_acquire_owned().ok()?;
        let memory = match memory {
            Some(memory) => Some(Arc::clone(&memory.pages).try_acquire_many_owned(pages).ok()?),
            None => None,
        };
        Some(Turn { waited: Duration::ZERO, _running: running, _memory: memory })
    }

    /// In after all who came before.
    async fn wait(&self, pages: u32, came: Instant) -> Result<Turn, Refused> {
        let Inner { next, running, memory, .. } = &*self.0;
        let _next = next.lock().await;
        // They are never closed.
        let closed = |_| Refused::Closed;
        let running = Arc::clone(running).acquire_owned().await.map_err(closed)?;
        let memory = match memory {
            Some(memory) => Some(Arc::clone(&memory.pages).acquire_many_owned(pages).await.map_err(closed)?),
            None => None,
        };
        Ok(Turn { waited: came.elapsed(), _running: running, _memory: memory })
    }
}

/// Whole pages of so many bytes.
fn pages(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE)
}
