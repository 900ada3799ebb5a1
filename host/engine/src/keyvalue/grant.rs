//! The grant of state.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::StateStore;

/// How much a hook may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct StateQuota(u64);

impl StateQuota {
    /// The most that can be granted, in bytes: a call holds all of its state in the
    /// host's memory.
    pub const MAX: u64 = 16 << 20;

    /// A quota of bytes, of all keys and values together.
    ///
    /// # Errors
    /// When it is zero, or more than [`MAX`](Self::MAX).
    pub fn new(bytes: u64) -> Result<Self, InvalidQuota> {
        match bytes {
            0 => Err(InvalidQuota::Zero),
            1..=Self::MAX => Ok(Self(bytes)),
            _ => Err(InvalidQuota::TooLarge),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for StateQuota {
    type Error = InvalidQuota;

    fn try_from(bytes: u64) -> Result<Self, InvalidQuota> {
        Self::new(bytes)
    }
}

impl From<StateQuota> for u64 {
    fn from(quota: StateQuota) -> Self {
        quota.bytes()
    }
}

impl Default for StateQuota {
    fn default() -> Self {
        // Times, counters and the results of some runs take a few KiB.
        Self(1 << 20)
    }
}

/// Why a quota can't be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidQuota {
    /// No byte.
    #[error("a state of 0 bytes can't hold anything")]
    Zero,
    /// More than [`StateQuota::MAX`].
    #[error("a state has at most {} MiB", StateQuota::MAX >> 20)]
    TooLarge,
}

/// State that a hook may keep, and where.
#[derive(Debug, Clone)]
pub struct StateGrant {
    /// Where it is kept.
    pub store: Arc<dyn StateStore>,
    /// How much of it.
    pub quota: StateQuota,
}

impl PartialEq for StateGrant {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.store, &other.store) && self.quota == other.quota
    }
}

impl Eq for StateGrant {}
