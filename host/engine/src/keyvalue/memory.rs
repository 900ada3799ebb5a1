//! State that ends with its process.

use std::sync::{Mutex, PoisonError};

use super::{Changes, CommitError, Permit, Snapshot, StateStore};

/// State in memory, for a hook that is only tried: nothing of it stays.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Snapshot>);

impl MemoryStore {
    /// A store that begins with this state.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        Self(Mutex::new(snapshot))
    }
}

impl StateStore for MemoryStore {
    fn load(&self) -> Result<Snapshot, String> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn commit(&self, changes: &Changes, base: u64, permit: &Permit) -> Result<(), CommitError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.version != base {
            return Err(CommitError::Conflict);
        }
        if !permit.take() {
            return Err(CommitError::Withdrawn);
        }
        for (key, value) in changes {
            match value {
                Some(value) => drop(state.entries.insert(key.clone(), value.clone())),
                None => drop(state.entries.remove(key)),
            }
        }
        state.version += 1;
        Ok(())
    }
}
