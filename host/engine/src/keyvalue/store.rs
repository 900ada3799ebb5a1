//! Where a hook's state is kept: the host's part.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What a call has changed: a new value by key, or none where the key is deleted.
pub type Changes = BTreeMap<String, Option<Vec<u8>>>;

/// The state of one hook as it stands between two commits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Values by key.
    pub entries: BTreeMap<String, Vec<u8>>,
    /// Changes with every commit.
    pub version: u64,
}

/// Keeps the state of one hook. Its methods may block: they are called on a thread
/// of their own, which is left behind when the hook's time is over.
pub trait StateStore: std::fmt::Debug + Send + Sync {
    /// Reads the whole state.
    ///
    /// # Errors
    /// Why it can't be read, for the operator. A state that is damaged is an error,
    /// never an empty one.
    fn load(&self) -> Result<Snapshot, String>;

    /// Makes the changes, all or none of them, if the state still has the version
    /// `base`. Takes the permit right before they become visible.
    ///
    /// # Errors
    /// When nothing was changed.
    fn commit(&self, changes: &Changes, base: u64, permit: &Permit) -> Result<(), CommitError>;
}

/// Why nothing was committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Somebody else has committed since the state was read.
    #[error("another call of this hook has changed its state meanwhile, so this one's changes are not kept")]
    Conflict,
    /// The permit was withdrawn.
    #[error("the call was given up before its state was committed")]
    Withdrawn,
    /// It can't be written; why, for the operator.
    #[error("its state can't be kept: {0}")]
    Failed(String),
}

/// Whether a commit may still go on: until its call runs out of time, and not after.
#[derive(Debug, Clone, Default)]
pub struct Permit(Arc<AtomicU8>);

impl Permit {
    const OPEN: u8 = 0;
    const TAKEN: u8 = 1;
    const WITHDRAWN: u8 = 2;

    /// Asks for leave to do what can't be undone. `false`: the call has been given
    /// up, and nothing may be changed.
    #[must_use]
    pub fn take(&self) -> bool {
        self.leave(Self::TAKEN)
    }

    /// Gives the call up. `false`: too late, the commit is under way.
    pub(crate) fn withdraw(&self) -> bool {
        self.leave(Self::WITHDRAWN)
    }

    fn leave(&self, to: u8) -> bool {
        self.0.compare_exchange(Self::OPEN, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}
