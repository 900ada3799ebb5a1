//! What can go wrong between a reference and its component.

/// What kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The registry can't be reached, or breaks its protocol.
    Unreachable,
    /// The registry has nothing under that name, or doesn't say so to strangers.
    NotFound,
    /// The registry wants other credentials.
    Denied,
    /// What is there is no WebAssembly component in the layout of such.
    NotAComponent,
    /// Larger than is allowed.
    TooLarge,
    /// Other bytes than the digest says.
    Digest,
    /// The network may not be used.
    Offline,
    /// Nobody who counts has signed it.
    Signature,
    /// A file of this machine can't be read or written.
    File,
}

/// A failure, in words for a person.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind.
    pub reason: Reason,
    /// What happened, in one line.
    pub message: String,
}

impl Failure {
    /// A failure told in these words.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// An error and what is behind it, each said once.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
    }
    clean(&text)
}

/// A text of a stranger's, in one line and of a length that fits one.
pub(crate) fn clean(text: &str) -> String {
    const LONGEST: usize = 300;
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}
