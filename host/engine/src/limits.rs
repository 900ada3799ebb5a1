//! The limits of one hook call, and the one table of their defaults.
//!
//! Every limit is enforced and has a [`Reason`](crate::Reason) of its own: a
//! limit that is only parsed would be a lie.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one call of a hook may use. [`Limits::default`] is the table of defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Limits {
    /// Wall clock from the start of instantiation to the result, host calls included.
    pub timeout: Duration,
    /// Units of fuel: roughly one for each WebAssembly instruction.
    pub fuel: u64,
    /// Bytes of all linear memories of the call together.
    pub memory: u64,
    /// Elements of all tables of the call together.
    pub table_elements: u64,
    /// Core instances, memories and tables that the component may create, each.
    pub instances: u32,
    /// Live resource handles (streams, descriptors, pollables), in the guest's
    /// tables and in the host's, each.
    pub handles: u32,
    /// Bytes written to stdout, stderr and the log together.
    pub output: u64,
    /// Messages written to the log.
    pub log_lines: u32,
    /// Bytes of the error string that are kept; the rest is cut off.
    pub error_length: usize,
    /// Bytes that one call of a host function, or the result, may carry out of
    /// the guest, and random bytes that one call may bring in.
    pub transfer: usize,
    /// Commands of the host that one call may ask for, refused ones included.
    pub commands: u32,
    /// HTTP requests, those that are denied included.
    pub http_requests: u32,
    /// Bytes of the body of each HTTP request, and of each response.
    pub http_body: u64,
    /// Bytes of the headers of an HTTP request, and of those of a response.
    pub http_headers: usize,
    /// Bytes of the component's file.
    pub component_size: u64,
    /// Wall clock of compiling the component, when its image isn't cached.
    pub compile_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A database's clean stop takes minutes, not hours.
            timeout: Duration::from_secs(5 * 60),
            // Some seconds of pure computation, far more than glue code needs.
            fuel: 10_000_000_000,
            // A Python hook starts with about 30 MiB; twice that leaves room.
            memory: 64 << 20,
            // StarlingMonkey and CPython need some ten thousand function slots.
            table_elements: 100_000,
            // Interpreters with adapters come to about ten core instances.
            instances: 64,
            // A hook that walks a deep tree holds one descriptor for each level, and a
            // process has 1,024 by default: one hook must not take them all.
            handles: 256,
            // Enough to read what went wrong, too little to fill a disk.
            output: 1 << 20,
            // A person reads these.
            log_lines: 1000,
            // Rule 8 of the lifecycle: an error is a summary.
            error_length: 4 << 10,
            // Bounds the copy that the host makes before it can look at a value.
            transfer: 16 << 20,
            // Some for each of a hundred databases. Each is several processes, so that a
            // hook that asks without end is a burden.
            commands: 1000,
            // Waiting for a service to come up, asked every few seconds.
            http_requests: 100,
            // Answers of an API and notes for a chat, not downloads.
            http_body: 16 << 20,
            // Eight times what web servers accept.
            http_headers: 64 << 10,
            // The largest guest runtime known (Python) makes 18 MB.
            component_size: 64 << 20,
            // An 18 MB component takes ten seconds on a slow machine of two cores.
            compile_time: Duration::from_secs(2 * 60),
        }
    }
}

/// Bytes of stack that a guest may use; host-wide, since it is part of the
/// engine's configuration. Deep recursion of interpreters fits, and 1,000 idle
/// hooks of a hosting process still cost only the pages that they touched.
pub const STACK: usize = 1 << 20;

/// Time between two looks at the clock while a hook computes; host-wide, see
/// [`Options::tick`](crate::Options::tick).
///
/// Each look makes the hook yield to its executor, which costs some microseconds; a cut
/// 10 ms past the limit is as good as exact for limits of seconds.
pub const TICK: Duration = Duration::from_millis(10);
