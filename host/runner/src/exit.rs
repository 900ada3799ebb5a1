//! Exit codes of Hookward's own. Every other one is restic's.

/// The configuration or a component is not usable; nothing was started
/// (`EX_CONFIG` of sysexits.h).
pub const UNUSABLE: i32 = 78;
/// Another run of this profile holds the lock.
pub const LOCKED: i32 = 79;
/// A required hook kept the gate shut; restic was not started.
pub const GATE_SHUT: i32 = 80;
/// restic finished well, or the run was skipped, and a required hook failed after
/// that.
pub const FAILED_AFTERWARDS: i32 = 81;
/// restic could not be started, though the gate was open.
pub const NOT_STARTED: i32 = 1;
