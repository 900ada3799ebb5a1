//! Why a hook failed: one named reason for each way in which it can.

use serde::{Serialize, Serializer};

/// The kind of a failure. Its [name](Reason::name) is stable: reports, hooks and
/// scripts may rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The hook returned an error.
    Error,
    /// The guest executed a trapping instruction.
    Trap,
    /// A trap whose last words on stderr were those of a Rust panic.
    Panic,
    /// The guest called `exit` instead of returning, with whatever code.
    Exit,
    /// Wall clock ran out, in the guest or in a host call.
    Timeout,
    /// The host called the hook off.
    Cancelled,
    /// The compute budget ran out.
    Fuel,
    /// All linear memories together grew past the limit.
    Memory,
    /// All tables together grew past the limit.
    Tables,
    /// Too many core instances, memories or tables.
    Instances,
    /// The guest's stack ran out.
    Stack,
    /// Too many live resource handles.
    Handles,
    /// Too many bytes written to stdout, stderr and the log.
    Output,
    /// Too many messages written to the log.
    LogLines,
    /// One host call, or the result, carried too many bytes.
    Transfer,
    /// Too many commands of the host.
    Commands,
    /// Too many HTTP requests.
    HttpRequests,
    /// The body of an HTTP request or response is too long.
    HttpBody,
    /// The headers of an HTTP request are too long.
    HttpHeaders,
    /// A granted directory can't be opened.
    Directory,
    /// The hook's state can't be read or kept, or was changed by another call meanwhile.
    State,
    /// The hook keeps more state than is granted.
    StateSize,
    /// The component's file can't be read.
    Unreadable,
    /// The component isn't the one that was pinned.
    Digest,
    /// The component can't be had from its registry.
    Registry,
    /// The component isn't locked, or not as the configuration has it.
    Lock,
    /// Nobody has signed the component whose signature it needs.
    Signature,
    /// The component's file holds nothing.
    Empty,
    /// The component's file is no WebAssembly.
    NotWasm,
    /// The component's file is a core module, not a component.
    CoreModule,
    /// The component's file ends before its contents do.
    Truncated,
    /// The component breaks a rule of WebAssembly, or needs a feature that is off.
    Invalid,
    /// The component's file is too large.
    ComponentSize,
    /// Compiling took too long.
    CompileTime,
    /// The compiler failed.
    Compile,
    /// The component exports no `run`.
    MissingExport,
    /// The component's `run` has other parameters or another result.
    WrongSignature,
    /// The component imports what no host of this kind knows.
    UnknownImport,
    /// The component imports a gated interface without a grant.
    ImportNotGranted,
    /// The component was built against a version that this host doesn't serve.
    InterfaceVersion,
    /// The host itself failed: a defect, or a machine without memory or files.
    Host,
}

impl Reason {
    /// The stable name, in kebab case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Trap => "trap",
            Self::Panic => "panic",
            Self::Exit => "exit",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Fuel => "fuel",
            Self::Memory => "memory",
            Self::Tables => "tables",
            Self::Instances => "instances",
            Self::Stack => "stack",
            Self::Handles => "handles",
            Self::Output => "output",
            Self::LogLines => "log-lines",
            Self::Transfer => "transfer",
            Self::Commands => "commands",
            Self::HttpRequests => "http-requests",
            Self::HttpBody => "http-body",
            Self::HttpHeaders => "http-headers",
            Self::Directory => "directory",
            Self::State => "state",
            Self::StateSize => "state-size",
            Self::Unreadable => "unreadable",
            Self::Digest => "digest",
            Self::Registry => "registry",
            Self::Lock => "lock",
            Self::Signature => "signature",
            Self::Empty => "empty",
            Self::NotWasm => "not-wasm",
            Self::CoreModule => "core-module",
            Self::Truncated => "truncated",
            Self::Invalid => "invalid",
            Self::ComponentSize => "component-size",
            Self::CompileTime => "compile-time",
            Self::Compile => "compile",
            Self::MissingExport => "missing-export",
            Self::WrongSignature => "wrong-signature",
            Self::UnknownImport => "unknown-import",
            Self::ImportNotGranted => "import-not-granted",
            Self::InterfaceVersion => "interface-version",
            Self::Host => "host",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A failure of a hook, loading included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct Failure {
    /// What kind of failure.
    pub reason: Reason,
    /// What happened, in one line, without control characters. For
    /// [`Reason::Error`] it is the hook's own string.
    pub message: String,
    /// The hook's string was longer than the limit and has been cut.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

impl Failure {
    /// A failure told in the host's words.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), truncated: false }
    }
}
