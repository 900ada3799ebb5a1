//! A record as a file: lines of JSON, the first says what it is, the last is the digest
//! of all before it.

use std::io::Write as _;
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::entry::Entry;
use super::hide::Hider;
use crate::event::{Event, millis};
use crate::log::Record;
use crate::reason::Failure;
use crate::{Digest, Limits, Mask};

/// The version of the format.
const VERSION: u64 = 1;

/// Bytes of the largest file that is read: twice what a record may take, for what JSON
/// adds, and some for the rest.
const LARGEST: u64 = 4 * super::MAX_BYTES as u64;

/// Why a file is no record, or none that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It can't be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It doesn't begin as a record does.
    #[error("it is not a record of a hook's call")]
    NotARecord,
    /// It is of another version.
    #[error("it is a record of version {0}, and this hookward reads version {VERSION}")]
    Version(u64),
    /// It isn't what was written.
    #[error("it has been changed or cut off since it was written: its digest does not match its contents")]
    Digest,
    /// A line of it is none of a record.
    #[error("its line {line} can't be read: {message}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// Why.
        message: String,
    },
}

/// What was called, and with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Head {
    pub(crate) hookward_record: u64,
    /// The version of the program that wrote it.
    pub(crate) hookward: String,
    pub(crate) recorded: String,
    pub(crate) hook: Option<String>,
    pub(crate) component: Subject,
    pub(crate) event: Event,
    /// The hook's settings.
    pub(crate) config: Vec<(String, String)>,
    /// The variables that it was granted.
    pub(crate) env: Vec<(String, String)>,
    /// The grants, as far as they decide which interfaces may be imported.
    pub(crate) granted: Vec<String>,
    /// Bytes of state that it may keep.
    pub(crate) state: Option<u64>,
    pub(crate) limits: Limits,
    /// Of all random numbers, in hexadecimal.
    pub(crate) seed: String,
}

/// The component that was called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Subject {
    /// Where it was.
    pub(crate) file: Option<String>,
    pub(crate) digest: String,
    pub(crate) size: u64,
}

/// How the call went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct End {
    /// None: it returned ok.
    pub(crate) failure: Option<Failed>,
    pub(crate) skip: Option<String>,
    pub(crate) warnings: Vec<String>,
    /// Changes of the plan, as a report has them.
    pub(crate) plan: serde_json::Value,
    pub(crate) log: Vec<Record>,
    pub(crate) fuel: u64,
    pub(crate) peak_memory: u64,
    #[serde(rename = "duration-ms", with = "millis")]
    pub(crate) duration: Duration,
    /// The first call of a host function that the record had no room for.
    pub(crate) cut: Option<u64>,
}

/// A failure in a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Failed {
    pub(crate) reason: String,
    pub(crate) message: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) truncated: bool,
}

impl From<&Failure> for Failed {
    fn from(failure: &Failure) -> Self {
        Self {
            reason: failure.reason.name().to_owned(),
            message: failure.message.clone(),
            truncated: failure.truncated,
        }
    }
}

/// The last line but one.
#[derive(Serialize, Deserialize)]
struct Ending {
    end: End,
}

/// The last line.
#[derive(Serialize, Deserialize)]
struct Seal {
    sha256: String,
}

/// One call of a hook, with all that it was told by its host.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    pub(crate) head: Head,
    pub(crate) entries: Vec<Entry>,
    pub(crate) end: End,
}

impl Head {
    pub(crate) const VERSION: u64 = VERSION;
}

impl CallRecord {
    /// The name of the hook, if it was recorded under one.
    #[must_use]
    pub fn hook(&self) -> Option<&str> {
        self.head.hook.as_deref()
    }

    /// The digest of the component that was called.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        Digest::from_str(&self.head.component.digest).ok()
    }

    /// Where the component was when it was called.
    #[must_use]
    pub fn component(&self) -> Option<&Path> {
        self.head.component.file.as_deref().map(Path::new)
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.head.event
    }

    /// The limits of the call.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.head.limits
    }

    /// When it was called, in RFC 3339.
    #[must_use]
    pub fn recorded(&self) -> &str {
        &self.head.recorded
    }

    /// How it ended: the reason and the message of its failure, if it failed.
    #[must_use]
    pub fn failure(&self) -> Option<(&str, &str)> {
        self.end.failure.as_ref().map(|failed| (failed.reason.as_str(), failed.message.as_str()))
    }

    /// The first call of a host function that there was no room for, if any.
    #[must_use]
    pub fn cut(&self) -> Option<u64> {
        self.end.cut
    }

    /// Of each host function, how often it was called.
    #[must_use]
    pub fn calls(&self) -> std::collections::BTreeMap<&str, u64> {
        super::entry::counts(&self.entries)
    }

    /// The record as a file.
    ///
    /// # Errors
    /// None that a record of this process has.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        self.sealed(None)
    }

    /// The same. Whatever secret is still found in it is hidden.
    pub(super) fn sealed(&self, hider: Option<&Hider<'_>>) -> Result<Vec<u8>, RecordError> {
        let unwritable = |error: serde_json::Error| RecordError::Io(error.into());
        let mut bytes = serde_json::to_vec(&self.head).map_err(unwritable)?;
        for entry in &self.entries {
            bytes.push(b'\n');
            serde_json::to_writer(&mut bytes, entry).map_err(unwritable)?;
        }
        bytes.push(b'\n');
        serde_json::to_writer(&mut bytes, &Ending { end: self.end.clone() }).map_err(unwritable)?;
        bytes.push(b'\n');
        if let Some(hider) = hider {
            hider.cover_rest(&mut bytes);
        }
        let sha256 = hex::encode(Sha256::digest(&bytes));
        serde_json::to_writer(&mut bytes, &Seal { sha256 }).map_err(unwritable)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Writes the record to a file that only its owner may read, in one piece: another
    /// file of that name is replaced.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn save(&self, path: &Path) -> Result<(), RecordError> {
        let bytes = self.to_bytes()?;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Temporary files have the mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(&bytes)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Reads a record from a file.
    ///
    /// # Errors
    /// When it can't be read, or isn't the record that was written.
    pub fn load(path: &Path) -> Result<Self, RecordError> {
        use std::io::Read as _;

        let file = std::fs::File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(RecordError::NotARecord);
        }
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(RecordError::NotARecord);
        }
        Self::parse(&bytes)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// When it isn't the record that was written.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Version {
            hookward_record: u64,
        }

        let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let Version { hookward_record } = serde_json::from_slice(first).map_err(|_| RecordError::NotARecord)?;
        if hookward_record != VERSION {
            return Err(RecordError::Version(hookward_record));
        }
        let body = bytes.strip_suffix(b"\n").ok_or(RecordError::Digest)?;
        let seal = body.iter().rposition(|byte| *byte == b'\n').map(|end| body.split_at(end + 1));
        let (body, seal) = seal.ok_or(RecordError::Digest)?;
        let Seal { sha256 } = serde_json::from_slice(seal).map_err(|_| RecordError::Digest)?;
        if sha256 != hex::encode(Sha256::digest(body))
            || seal != serde_json::to_vec(&Seal { sha256 }).unwrap_or_default()
        {
            return Err(RecordError::Digest);
        }
        let mut lines: Vec<_> = body.split(|byte| *byte == b'\n').collect();
        // What follows the last line break.
        lines.pop();
        let wrong = |line: usize| {
            move |error: serde_json::Error| RecordError::Line { line: line + 1, message: error.to_string() }
        };
        let last = lines.pop().ok_or(RecordError::Digest)?;
        let end: Ending = serde_json::from_slice(last).map_err(wrong(lines.len()))?;
        let (head, entries) = lines.split_first().ok_or(RecordError::Digest)?;
        let head = serde_json::from_slice(head).map_err(wrong(0))?;
        let entry = |(index, line): (usize, &&[u8])| serde_json::from_slice(line).map_err(wrong(index + 1));
        let entries = entries.iter().enumerate().map(entry).collect::<Result<_, _>>()?;
        Ok(Self { head, entries, end: end.end })
    }

    /// Hides what the call was told besides the answers of host functions, and what it
    /// said.
    pub(super) fn hide(&mut self, hider: &Hider<'_>, mask: &Mask) -> Result<(), RecordError> {
        if mask.is_empty() {
            return Ok(());
        }
        let unreadable = |error: serde_json::Error| RecordError::Io(error.into());
        let mut event = serde_json::to_value(&self.head.event).map_err(unreadable)?;
        hide_in(&mut event, &|text| hider.hide_text(text));
        self.head.event = serde_json::from_value(event).map_err(unreadable)?;
        let pairs = self.head.config.iter_mut().chain(&mut self.head.env);
        pairs.for_each(|(name, value)| {
            hider.hide_text(name);
            hider.hide_text(value);
        });
        let mut end = serde_json::to_value(&self.end).map_err(unreadable)?;
        hide_in(&mut end, &|text| mask.apply(text));
        self.end = serde_json::from_value(end).map_err(unreadable)?;
        Ok(())
    }
}

/// Every text of a value.
fn hide_in(value: &mut serde_json::Value, hide: &dyn Fn(&mut String)) {
    use serde_json::Value;

    match value {
        Value::String(text) => hide(text),
        Value::Array(values) => values.iter_mut().for_each(|value| hide_in(value, hide)),
        Value::Object(entries) => entries.values_mut().for_each(|value| hide_in(value, hide)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
