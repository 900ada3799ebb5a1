//! Ends a call from where no trap can: a task that works for it.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::Reason;

/// Shared by a call and what works for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    reason: OnceLock<Reason>,
    stopped: CancellationToken,
}

impl Stop {
    /// Ends the call for this reason; the first one stands.
    pub(crate) fn now(&self, reason: Reason) {
        // Already set: it ends anyway.
        let _ = self.0.reason.set(reason);
        self.0.stopped.cancel();
    }

    /// Why the call must end, if it must.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.0.reason.get().copied()
    }

    /// Waits until it must.
    pub(crate) async fn stopped(&self) {
        self.0.stopped.cancelled().await;
    }
}
