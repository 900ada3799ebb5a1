//! Secrets in texts, replaced before anybody is shown them.
//!
//! A text is searched as it stands and as it reads with percent-encoding and with
//! backslash escapes undone, for each secret as it stands, in hexadecimal and in
//! base64 at each of its three alignments; and for parts of all of these. What is
//! kept of a secret is wiped when the last clone of the mask is dropped.

mod forms;
mod index;
mod views;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use self::index::Index;

/// What stands in the place of a secret.
const MASKED: &str = "***";

/// Bytes of the shortest text that is masked: a shorter one stands in half of all
/// sentences, and hiding it there would show where it is.
pub(crate) const SHORTEST: usize = 4;

/// Bytes of the shortest line that is masked for itself. Those of a file with several
/// secrets are longer; words such as `user` are left alone.
const SHORTEST_LINE: usize = 6;

/// The secrets that have been read so far. Cheap to clone: clones share them. The
/// default knows none and changes no text.
///
/// Hides the text of each secret; every part of it that has at least half of its
/// bytes, no fewer than 8 and no more than 24 (of a secret under 8 bytes, only the
/// whole); and each line of a secret of several, from 6 bytes on. All of it also in
/// base64, in hexadecimal, percent-encoded, form-encoded, and escaped as in JSON.
#[derive(Clone, Default)]
pub struct Mask(Arc<RwLock<Index>>);

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mask").finish_non_exhaustive()
    }
}

/// One mask is another when they share their secrets.
impl PartialEq for Mask {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Mask {}

impl Mask {
    /// Hides this secret from now on. One of fewer than 4 bytes isn't
    /// hidden.
    pub fn add(&self, secret: &str) {
        let mut index = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if secret.len() < SHORTEST || index.knows(secret.as_bytes()) {
            return;
        }
        let mut needles = forms::needles(secret.as_bytes());
        if secret.contains(['\n', '\r']) {
            let lines = secret.split(['\n', '\r']).map(str::trim).filter(|line| line.len() >= SHORTEST_LINE);
            needles.extend(lines.flat_map(|line| forms::needles(line.as_bytes())));
        }
        index.add(needles);
    }

    /// Whether there is nothing to hide.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The text with `***` for each secret in it.
    #[must_use]
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let spans = self.spans(text);
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = String::with_capacity(text.len());
        let mut shown = 0;
        for span in spans {
            masked.push_str(text.get(shown..span.start).unwrap_or_default());
            masked.push_str(MASKED);
            shown = span.end;
        }
        masked.push_str(text.get(shown..).unwrap_or_default());
        Cow::Owned(masked)
    }

    /// The same in place.
    pub fn apply(&self, text: &mut String) {
        if let Cow::Owned(masked) = self.mask(text) {
            *text = masked;
        }
    }

    /// Where secrets are: whole characters, in order, none touching the next.
    fn spans(&self, text: &str) -> Vec<Range<usize>> {
        self.found(text.as_bytes(), |span| text.floor_char_boundary(span.start)..text.ceil_char_boundary(span.end))
    }

    /// The same in bytes that need be no text.
    pub(crate) fn places(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        self.found(bytes, |span| span)
    }

    fn found(&self, text: &[u8], whole: impl Fn(Range<usize>) -> Range<usize>) -> Vec<Range<usize>> {
        let index = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if index.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        index.find(text, |span| found.push(span));
        for view in views::of(text) {
            index.find(view.bytes(), |span| found.push(view.place(&span)));
        }
        found.sort_unstable_by_key(|span| span.start);
        let mut merged: Vec<Range<usize>> = Vec::new();
        for span in found {
            let span = whole(span);
            match merged.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                _ => merged.push(span),
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests;
