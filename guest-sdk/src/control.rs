//! What a hook may say about the run besides ok and error.

use crate::host;

/// Asks that this run be skipped: restic isn't started, and the run counts as
/// skipped, not as failed.
///
/// It is heard in [`Before`](crate::EventKind::Before) when the hook then returns
/// `Ok`; elsewhere it does nothing but leave a warning.
/// ```
/// use hookward_sdk::prelude::*;
///
/// #[hook]
/// fn not_by_the_timer(event: Event) -> Result<(), String> {
///     if event.trigger == Trigger::Scheduled {
///         control::skip("this profile is backed up by hand only");
///     }
///     Ok(())
/// }
/// ```
pub fn skip(reason: impl AsRef<str>) {
    host::skip(reason.as_ref());
}

/// Adds a warning to the run's report. The run goes on.
///
/// [`warn!`](crate::warn!) is the other one: it writes to the log and leaves the
/// report alone.
pub fn warn(message: impl AsRef<str>) {
    host::warn(message.as_ref());
}
