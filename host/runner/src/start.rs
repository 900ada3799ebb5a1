//! The start of a run: its locks, and what others have left to be done before it.

use std::collections::BTreeSet;

use crate::interrupt::Step;
use crate::journal::JournalError;
use crate::lifecycle::Context;
use crate::lock::{Holder, Lock, LockError, Name};
use crate::observer::Happening;
use crate::prepare::Prepared;
use crate::recovery::{Duty, Recovered, Recovery};

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A lock can't be got.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The journal can't be used.
    #[error("nothing was started: {0}")]
    Journal(#[from] JournalError),
}

/// What a run holds while it goes on, and what it has found.
pub(crate) struct Start {
    pub(crate) locks: Vec<Lock>,
    pub(crate) recovered: Recovered,
}

/// Takes the profile's lock, pays what is owed, and takes the exclusive names in their
/// order, so that no two runs can wait for each other. The latter are always waited
/// for: two profiles that share a database are planned to take turns.
pub(crate) async fn start(prepared: &Prepared, context: &Context, id: &str) -> Result<Start, RunError> {
    let plan = &prepared.plan;
    let holder = Holder { pid: std::process::id(), run: id.to_owned(), profile: plan.profile.clone() };
    let mut locks = Vec::new();
    if let Some(name) = plan.profile_lock() {
        locks.push(if context.wait {
            wait(&name, &holder, context).await?
        } else {
            context.locks.take(&name, &holder)?
        });
    }
    let mut names = BTreeSet::new();
    let mut recovered = recover(prepared, context, &names).await?;
    for name in plan.exclusive_names() {
        locks.push(wait(&Name::Exclusive(name.clone()), &holder, context).await?);
        names.insert(name);
    }
    if !names.is_empty() {
        // Whoever held the name may have died with it, waited for or not, and what it
        // has stopped is ours to start before we begin.
        let again = recover(prepared, context, &names).await?;
        recovered.paid.extend(again.paid);
        let new = again.warnings.into_iter().filter(|warning| !recovered.warnings.contains(warning));
        let new: Vec<_> = new.collect();
        recovered.warnings.extend(new);
        recovered.failed |= again.failed;
        recovered.owed = again.owed;
    }
    Ok(Start { locks, recovered })
}

/// Waits for a lock, and tells of it if it has to.
async fn wait(name: &Name, holder: &Holder, context: &Context) -> Result<Lock, LockError> {
    let stop = context.interrupts.step(Step::Stop);
    let waiting = |name: &Name, holder: &Holder| context.observer.notice(&Happening::Waiting { name, holder });
    context.locks.wait(name, holder, stop, waiting).await
}

async fn recover(prepared: &Prepared, context: &Context, held: &BTreeSet<String>) -> Result<Recovered, RunError> {
    let Some((engine, states)) = prepared.host.as_ref().filter(|_| prepared.plan.calls_hooks()) else {
        return Ok(Recovered::default());
    };
    let Context { journal, locks, interrupts, observer, .. } = context;
    let records = prepared.plan.records.as_ref();
    let recovery = Recovery { journal, engine, states, locks, interrupts, observer, records };
    recovery.recover(Duty::Start { profile: prepared.plan.profile.as_deref(), held }).await
}
