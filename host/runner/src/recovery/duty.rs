//! Which open runs are whose to recover, and what has to be held for it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Duty, Recovery};
use crate::interrupt::Step;
use crate::journal::{Entry, Journal, JournalError, NoSuchRun, OpenRun, RunLock};
use crate::lock::{Holder, Lock, LockError, Name};
use crate::observer::Happening;
use crate::start::RunError;

/// Tries for the lock of a run that nobody should hold: whoever lists runs has it for
/// a moment.
const TRIES: u32 = 5;

/// Time between two tries.
const RETRY: Duration = Duration::from_millis(20);

/// Time between two looks at a run that another recovers.
const LOOK: Duration = Duration::from_millis(200);

/// A run whose process is known to be gone, and all that its hooks need.
pub(super) struct Held {
    pub(super) run: OpenRun,
    pub(super) entry: Entry,
    pub(super) locks: Vec<Lock>,
}

/// What became of one try to hold a run.
enum Tried {
    Held(Box<Held>),
    /// It is over, or its own process is there.
    Nothing,
    /// Another process has what is needed.
    Busy,
    Unreadable(JournalError),
}

/// Why nothing was given up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GiveUpError {
    /// It isn't known which run is meant.
    #[error(transparent)]
    NoSuchRun(#[from] NoSuchRun),
    /// Its process is there, or one that recovers it.
    #[error("run {0} is under way: end it, or wait for its end")]
    Running(String),
    /// The journal can't be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Recovery<'_> {
    /// Holds a run that is to be recovered; none if it isn't, or if that is another's
    /// duty.
    pub(super) async fn hold(
        &self,
        number: i64,
        id: &str,
        profile: Option<&str>,
        duty: Duty<'_>,
    ) -> Result<Option<Result<Held, JournalError>>, RunError> {
        let mut tries = TRIES;
        loop {
            match self.try_hold(number, id, profile, duty).await? {
                Tried::Held(held) => return Ok(Some(Ok(*held))),
                Tried::Unreadable(error) => return Ok(Some(Err(error))),
                Tried::Busy if matches!(duty, Duty::All { wait: true }) => {}
                // Others have its profile for a moment, to see that they can't have the
                // name that is ours.
                Tried::Busy if tries > 1 && self.is_in_the_way(number, duty)? => {
                    tries -= 1;
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
                Tried::Nothing | Tried::Busy => return Ok(None),
            }
            let stop = self.interrupts.step(Step::Stop);
            if stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
                return Ok(None);
            }
        }
    }

    async fn try_hold(&self, number: i64, id: &str, profile: Option<&str>, duty: Duty<'_>) -> Result<Tried, RunError> {
        let holder = Holder { pid: std::process::id(), run: id.to_owned(), profile: profile.map(str::to_owned) };
        let is_own = matches!(duty, Duty::Start { profile: Some(own), .. } if Some(own) == profile);
        let mut locks = Vec::new();
        if let Some(name) = profile.filter(|_| !is_own) {
            match self.locks.take(&Name::Profile(name.to_owned()), &holder) {
                Ok(lock) => locks.push(lock),
                // Its own run, which goes on; or one that has this to do first.
                Err(LockError::Held { holder, .. }) if holder.run == id => return Ok(Tried::Nothing),
                Err(LockError::Held { .. }) => return Ok(self.busy(number)?),
                Err(error) => return Err(error.into()),
            }
        }
        let Some(lock) = self.lock(id, profile.is_some()).await? else {
            // Without a profile nobody knows whether it goes on or is recovered.
            return Ok(if profile.is_some() { self.busy(number)? } else { Tried::Nothing });
        };
        // Read with the lock in hand: another may have recovered it.
        let run = match self.journal.load(number) {
            Ok(Some(run)) if run.ended.is_none() => run,
            Ok(_) => return Ok(Tried::Nothing),
            Err(error) if error.is_about_a_run() => return Ok(Tried::Unreadable(error)),
            Err(error) => return Err(error.into()),
        };
        let mut names = run.names();
        if let Duty::Start { held, .. } = duty {
            names.retain(|name| !held.contains(name));
        }
        for name in names {
            let name = Name::Exclusive(name);
            // While names are held, waiting for others could be for ever.
            let waits = is_own && matches!(duty, Duty::Start { held, .. } if held.is_empty());
            let taken = if waits {
                let stop = self.interrupts.step(Step::Stop);
                let waiting = |name: &Name, holder: &Holder| self.observer.notice(&Happening::Waiting { name, holder });
                self.locks.wait(&name, &holder, stop, waiting).await
            } else {
                self.locks.take(&name, &holder)
            };
            match taken {
                Ok(lock) => locks.push(lock),
                Err(LockError::Held { .. }) => return Ok(Tried::Busy),
                Err(error) => return Err(error.into()),
            }
        }
        let entry = self.journal.resume(&run, lock);
        Ok(Tried::Held(Box::new(Held { run, entry, locks })))
    }

    /// Whether the run has stopped what the one that starts is about to stop, too.
    fn is_in_the_way(&self, number: i64, duty: Duty<'_>) -> Result<bool, JournalError> {
        let Duty::Start { held, .. } = duty else { return Ok(false) };
        if held.is_empty() {
            return Ok(false);
        }
        match self.journal.load(number) {
            Ok(run) => Ok(run.is_some_and(|run| !run.names().is_disjoint(held))),
            Err(error) if error.is_about_a_run() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn busy(&self, number: i64) -> Result<Tried, JournalError> {
        let is_open = match self.journal.load(number) {
            Ok(run) => run.is_some_and(|run| run.ended.is_none()),
            Err(error) if error.is_about_a_run() => true,
            Err(error) => return Err(error),
        };
        Ok(if is_open { Tried::Busy } else { Tried::Nothing })
    }

    /// The run's own lock; of one whose profile is held, after a few tries.
    async fn lock(&self, id: &str, tries: bool) -> Result<Option<RunLock>, JournalError> {
        for _ in 1..if tries { TRIES } else { 2 } {
            if let Some(lock) = self.journal.lock_run(id)? {
                return Ok(Some(lock));
            }
            tokio::time::sleep(RETRY).await;
        }
        self.journal.lock_run(id)
    }
}

impl OpenRun {
    /// The exclusive names of its hooks, in the one order in which they are taken.
    fn names(&self) -> BTreeSet<String> {
        self.plan.hooks.iter().filter_map(|hook| hook.spec.exclusive.clone()).collect()
    }
}

impl Journal {
    /// Gives up what a run owes, and returns the names of the hooks: none is called. The
    /// run is meant by the beginning of its id.
    ///
    /// # Errors
    /// When it isn't clear which run is meant, it is under way, or the journal can't be
    /// used.
    pub fn give_up(&self, run: &str) -> Result<(String, Vec<String>), GiveUpError> {
        let id = self.find_run(run)??;
        let lock = self.lock_run(&id)?.ok_or_else(|| GiveUpError::Running(id.clone()))?;
        let number = self.number(&id)?;
        let run = number.map(|number| self.load(number)).transpose()?.flatten();
        let Some(run) = run.filter(|run| run.ended.is_none()) else { return Ok((id, Vec::new())) };
        let owed = run.owed();
        let names = owed.iter().filter_map(|hook| Some(run.plan.hooks.get(*hook)?.spec.name.clone())).collect();
        let entry = self.resume(&run, lock);
        entry.give_up(&owed)?;
        entry.close()?;
        self.tidy()?;
        Ok((id, names))
    }
}
