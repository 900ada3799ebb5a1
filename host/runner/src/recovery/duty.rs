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
    pub(super) part: Part,
    /// Hooks whose obligation the journal had lost.
    pub(super) lost: Vec<String>,
}

/// Which hooks of a run are this process's to call.
pub(super) enum Part {
    All,
    /// Those that hold these names. The others' names, or the run's profile, are
    /// another's, who may wait for one of these.
    Holding(BTreeSet<String>),
}

impl Part {
    pub(super) fn has_finally(&self, run: &OpenRun, hook: usize) -> bool {
        match (self, run.exclusive(hook)) {
            (Self::All, _) => true,
            (Self::Holding(names), Some(name)) => names.contains(name),
            (Self::Holding(_), None) => false,
        }
    }

    /// The outcome is told before any `finally`, and by whoever can.
    pub(super) fn has_outcome(&self, run: &OpenRun, hook: usize) -> bool {
        run.exclusive(hook).is_none() || self.has_finally(run, hook)
    }
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
            let mut tried = self.try_hold(number, id, profile, duty).await?;
            if let Tried::Busy = tried
                && let Some(names) = self.in_the_way(number, duty)?
            {
                // Others have its profile for a moment, to see that they can't have the
                // name that is ours.
                if tries > 1 {
                    tries -= 1;
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
                tried = self.hold_part(number, id, names).await?;
            }
            match tried {
                Tried::Held(held) => return Ok(Some(Ok(*held))),
                Tried::Unreadable(error) => return Ok(Some(Err(error))),
                Tried::Busy if matches!(duty, Duty::All { wait: true }) => {}
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
                // Its own run, which goes on; or one that has this to do first. Neither has a
                // name that is ours: who dies with it loses one lock before the other.
                Err(LockError::Held { holder, .. }) if holder.run == id => {
                    let dies = self.in_the_way(number, duty)?.is_some();
                    return Ok(if dies { self.busy(number)? } else { Tried::Nothing });
                }
                Err(LockError::Held { .. }) => return Ok(self.busy(number)?),
                Err(error) => return Err(error.into()),
            }
        }
        // While names are held, waiting for others could be for ever.
        let waits = is_own && matches!(duty, Duty::Start { held, .. } if held.is_empty());
        let mut names = match duty {
            Duty::Start { held, .. } => held.clone(),
            Duty::All { .. } => BTreeSet::new(),
        };
        loop {
            // Who has a name of its hooks may need it, for a part; nobody who waits does.
            let lock = if is_own { self.wait_for_run(id).await? } else { self.lock(id, profile.is_some()).await? };
            let Some(lock) = lock else {
                // Without a profile nobody knows whether it goes on or is recovered.
                return Ok(if profile.is_some() { self.busy(number)? } else { Tried::Nothing });
            };
            let mut held = match self.look(number, lock)? {
                Looked::Held(held) => held,
                Looked::Over => return Ok(Tried::Nothing),
                Looked::Unreadable(error) => return Ok(Tried::Unreadable(error)),
            };
            let mut taken_by_others = None;
            for name in held.run.names().difference(&names.clone()) {
                match self.locks.take(&Name::Exclusive(name.clone()), &holder) {
                    Ok(lock) => locks.push(lock),
                    Err(LockError::Held { .. }) if waits => {
                        taken_by_others = Some(name.clone());
                        break;
                    }
                    Err(LockError::Held { .. }) => return Ok(Tried::Busy),
                    Err(error) => return Err(error.into()),
                }
                names.insert(name.clone());
            }
            let Some(name) = taken_by_others else {
                held.locks = locks;
                return Ok(Tried::Held(held));
            };
            drop(held);
            let stop = self.interrupts.step(Step::Stop);
            let waiting = |name: &Name, holder: &Holder| self.observer.notice(&Happening::Waiting { name, holder });
            locks.push(self.locks.wait(&Name::Exclusive(name.clone()), &holder, stop, waiting).await?);
            names.insert(name);
        }
    }

    /// Holds a run for those of its hooks alone whose names this process holds. That of
    /// the run's lock waits for nothing that is ours: it is had in the end.
    async fn hold_part(&self, number: i64, id: &str, names: BTreeSet<String>) -> Result<Tried, RunError> {
        let Some(lock) = self.wait_for_run(id).await? else { return Ok(Tried::Nothing) };
        Ok(match self.look(number, lock)? {
            Looked::Held(mut held) => {
                held.part = Part::Holding(names);
                Tried::Held(held)
            }
            Looked::Over => Tried::Nothing,
            Looked::Unreadable(error) => Tried::Unreadable(error),
        })
    }

    /// Reads the run with its lock in hand: another may have recovered it. First it is
    /// as its lock says that it should be.
    fn look(&self, number: i64, lock: RunLock) -> Result<Looked, JournalError> {
        let load = || match self.journal.load(number) {
            Ok(run) => Ok(Ok(run.filter(|run| run.ended.is_none()))),
            Err(error) if error.is_about_a_run() => Ok(Err(error)),
            Err(error) => Err(error),
        };
        let run = match load()? {
            Ok(Some(run)) => run,
            Ok(None) => return Ok(Looked::Over),
            Err(error) => return Ok(Looked::Unreadable(error)),
        };
        let (run, lost) = match self.journal.mend(&lock, &run)? {
            None => (run, Vec::new()),
            Some(lost) => match load()? {
                Ok(Some(run)) => (run, lost),
                Ok(None) => {
                    lock.remove();
                    return Ok(Looked::Over);
                }
                Err(error) => return Ok(Looked::Unreadable(error)),
            },
        };
        let entry = self.journal.resume(&run, lock);
        Ok(Looked::Held(Box::new(Held { run, entry, locks: Vec::new(), part: Part::All, lost })))
    }

    /// Those of the names that this process holds that the run's hooks held: what it
    /// has stopped may be what is about to be stopped.
    fn in_the_way(&self, number: i64, duty: Duty<'_>) -> Result<Option<BTreeSet<String>>, JournalError> {
        let Duty::Start { held, .. } = duty else { return Ok(None) };
        if held.is_empty() {
            return Ok(None);
        }
        let names = match self.journal.load(number) {
            Ok(run) => run.map(|run| run.names().intersection(held).cloned().collect::<BTreeSet<_>>()),
            Err(error) if error.is_about_a_run() => None,
            Err(error) => return Err(error),
        };
        Ok(names.filter(|names| !names.is_empty()))
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

    /// The run's own lock, as soon as another that pays a part of it has done so; none
    /// when this process is to end before that.
    async fn wait_for_run(&self, id: &str) -> Result<Option<RunLock>, JournalError> {
        if let Some(lock) = self.lock(id, true).await? {
            return Ok(Some(lock));
        }
        self.observer.notice(&Happening::WaitingForRecovery { run_id: id });
        let stop = self.interrupts.step(Step::Stop);
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            if let Some(lock) = self.journal.lock_run(id)? {
                return Ok(Some(lock));
            }
        }
        Ok(None)
    }
}

/// A run, looked at with its lock in hand.
enum Looked {
    Held(Box<Held>),
    Over,
    Unreadable(JournalError),
}

impl OpenRun {
    /// The exclusive names of its hooks, in the one order in which they are taken.
    fn names(&self) -> BTreeSet<String> {
        self.plan.hooks.iter().filter_map(|hook| hook.spec.exclusive.clone()).collect()
    }

    fn exclusive(&self, hook: usize) -> Option<&str> {
        self.plan.hooks.get(hook)?.spec.exclusive.as_deref()
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
        let id = match self.find_run(run)? {
            Ok(id) => id,
            Err(unknown) => return self.give_up_lost(run)?.ok_or(GiveUpError::NoSuchRun(unknown)),
        };
        let lock = self.lock_run(&id)?.ok_or_else(|| GiveUpError::Running(id.clone()))?;
        let number = self.number(&id)?;
        let run = number.map(|number| self.load(number)).transpose()?.flatten();
        let Some(mut run) = run.filter(|run| run.ended.is_none()) else { return Ok((id, Vec::new())) };
        if self.mend(&lock, &run)?.is_some() {
            match self.load(run.number)?.filter(|run| run.ended.is_none()) {
                Some(mended) => run = mended,
                None => {
                    lock.remove();
                    return Ok((id, Vec::new()));
                }
            }
        }
        let owed = run.owed();
        let names = owed.iter().filter_map(|hook| Some(run.plan.hooks.get(*hook)?.spec.name.clone())).collect();
        let entry = self.resume(&run, lock);
        entry.give_up(&owed)?;
        entry.close()?;
        self.tidy()?;
        Ok((id, names))
    }

    /// The same for a run that the journal has lost.
    fn give_up_lost(&self, run: &str) -> Result<Option<(String, Vec<String>)>, JournalError> {
        let mut lost = self.lost()?;
        lost.retain(|lost| !run.is_empty() && lost.run_id.starts_with(run));
        let [lost] = lost.as_slice() else { return Ok(None) };
        if let Some(lock) = self.lock_run(&lost.run_id)? {
            lock.remove();
        }
        Ok(Some((lost.run_id.clone(), lost.hooks.clone())))
    }
}
