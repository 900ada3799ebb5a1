//! What the locks of dead runs know, and the journal doesn't: writes that could not be
//! made in time, and obligations that it has lost. A damaged `-wal` file is no error to
//! SQLite, which takes it for the end of what was written.

use hookward_engine::event::EventKind;

use super::entry::place;
use super::holder::Note;
use super::{Durable, Journal, JournalError, OpenRun, RunLock, Write, now};

/// A run that owes something, and of which the journal knows nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct LostRun {
    /// Its id.
    pub run_id: String,
    /// Its profile.
    pub profile: Option<String>,
    /// Hooks whose `before` was called, and whose `finally` may have to be.
    pub hooks: Vec<String>,
}

impl std::fmt::Display for LostRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { run_id, profile, hooks } = self;
        write!(f, "the journal has lost run {run_id}")?;
        if let Some(profile) = profile {
            write!(f, " of profile `{profile}`")?;
        }
        f.write_str(", whose process is gone: what it owed can't be called any more. ")?;
        if hooks.is_empty() {
            f.write_str("No `before` of a pair had been called")?;
        } else {
            write!(f, "Undo by hand what these hooks have done: {}", hooks.join(", "))?;
        }
        write!(f, "; `hookward recover --give-up {run_id}` ends this message")
    }
}

impl Journal {
    /// Writes what the run's lock says and the journal doesn't. Returns the names of
    /// the hooks whose obligation it had lost; none if it had lost nothing.
    pub(crate) fn mend(&self, lock: &RunLock, run: &OpenRun) -> Result<Option<Vec<String>>, JournalError> {
        let (mut writes, mut names, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        let mut call = run.last_call;
        for note in lock.notes()? {
            match note {
                Note::Late { writes: late } => {
                    writes.extend(late);
                    continue;
                }
                Note::Owes { hook, ref name } => {
                    let is_known =
                        |known: &super::kept::CallRow| known.hook == hook && known.event == EventKind::Before;
                    if !run.calls.iter().any(is_known) {
                        call += 1;
                        let (hook, event) = (place(hook), EventKind::Before);
                        let at = now();
                        writes.push(Write::CallBegun { call, hook, event, attempt: 1, recovered: false, at });
                        names.push(name.clone());
                    }
                }
                Note::Begun { .. } => {}
            }
            kept.push(note);
        }
        if writes.is_empty() {
            return Ok(None);
        }
        self.write("late", Durable::Yes, |transaction| {
            writes.iter().try_for_each(|write| write.make(transaction, run.number))
        })?;
        lock.keep(&kept)?;
        Ok(Some(names))
    }

    /// Runs of which there is nothing but the lock, and that had begun.
    ///
    /// # Errors
    /// When the journal or the locks can't be read.
    pub fn lost(&self) -> Result<Vec<LostRun>, JournalError> {
        let mut lost = Vec::new();
        for id in self.locked_runs()? {
            if self.is_held(&id) || (self.exists() && self.is_open(&id)?.is_some()) {
                continue;
            }
            let Some(lock) = self.lock_run(&id)? else { continue };
            let notes = lock.notes()?;
            // Again, with the lock in hand: it may have begun just now, or be over.
            if notes.is_empty() || (self.exists() && self.is_open(&id)?.is_some()) {
                continue;
            }
            let (mut profile, mut hooks) = (None, Vec::new());
            for note in notes {
                match note {
                    Note::Begun { profile: known } => profile = known,
                    Note::Owes { name, .. } => hooks.push(name),
                    Note::Late { .. } => {}
                }
            }
            lost.push(LostRun { run_id: id, profile, hooks });
        }
        lost.sort_by(|a, b| a.run_id.cmp(&b.run_id));
        Ok(lost)
    }
}
