//! What restic prints with `--json`: one object a line. Everything is optional,
//! since fields come and go between versions; what isn't understood is passed over.

use std::borrow::Cow;

use hookward_engine::Mask;
use hookward_engine::event::Summary;
use nix::errno::Errno;
use serde::Deserialize;

/// Bytes of a line that is looked at; a longer one is passed on but not parsed.
const MAX_LINE: usize = 1 << 20;

/// Bytes of stderr that are kept for the outcome.
const TAIL: usize = 4 << 10;

/// One message.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Message {
    /// Progress.
    Status(Progress),
    /// The end of a backup.
    Summary(Box<Finished>),
    /// A file that could not be read.
    Error(ItemError),
    /// Why restic gives up.
    ExitError(ExitError),
    /// Of another kind.
    #[serde(other)]
    Other,
}

/// Progress of a backup.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the fields are restic's, one to one")]
pub struct Progress {
    pub percent_done: f64,
    pub total_files: u64,
    pub files_done: u64,
    pub total_bytes: u64,
    pub bytes_done: u64,
    pub error_count: u64,
    pub seconds_remaining: u64,
    pub current_files: Vec<String>,
}

/// The summary of a backup.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Finished {
    /// Its numbers.
    #[serde(flatten)]
    pub numbers: Summary,
    /// The snapshot, unless none was made.
    pub snapshot_id: Option<String>,
}

/// An error of one item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ItemError {
    error: Inner,
    message: Option<String>,
    /// File or directory.
    pub item: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Inner {
    message: Option<String>,
    /// Old versions print the parts of a Go error instead: what was tried, and the
    /// number of the system's error.
    #[serde(rename = "Op")]
    operation: Option<String>,
    #[serde(rename = "Err")]
    number: Option<serde_json::Value>,
}

impl Message {
    /// Hides secrets in every text that is told on.
    fn hide(&mut self, mask: &Mask) {
        match self {
            Self::Status(progress) => progress.current_files.iter_mut().for_each(|file| mask.apply(file)),
            Self::Error(error) => error.hide(mask),
            Self::ExitError(error) => mask.apply(&mut error.message),
            // A stand-in for restic may write anything there.
            Self::Summary(finished) => finished.snapshot_id.iter_mut().for_each(|id| mask.apply(id)),
            Self::Other => {}
        }
    }
}

impl ItemError {
    fn hide(&mut self, mask: &Mask) {
        let Self { error, message, item } = self;
        let inner = [&mut error.message, &mut error.operation, message];
        inner.into_iter().flatten().chain([item]).for_each(|text| mask.apply(text));
    }

    /// What went wrong: `check` has it at the top, `backup` inside.
    #[must_use]
    pub fn message(&self) -> Cow<'_, str> {
        if let Some(message) = self.error.message.as_deref().or(self.message.as_deref()) {
            return message.into();
        }
        let number = self.error.number.as_ref().and_then(serde_json::Value::as_i64);
        let number = number.and_then(|number| i32::try_from(number).ok());
        match (&self.error.operation, number.map(|number| Errno::from_raw(number).desc())) {
            (Some(operation), Some(what)) => format!("{operation}: {}", what.to_lowercase()).into(),
            (Some(operation), None) => format!("{operation} failed").into(),
            (None, _) => "failed".into(),
        }
    }
}

/// The last message of a restic that fails (0.18 and later).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ExitError {
    /// The exit code.
    pub code: i32,
    /// Why.
    pub message: String,
}

/// Cuts a stream into lines, of bounded memory whatever comes.
#[derive(Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
    overlong: bool,
}

impl Lines {
    /// Takes bytes, and hands every line that they end to `line`, without its
    /// line break.
    pub fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (head, tail) = bytes.split_at(end);
            self.extend(head);
            self.flush(&mut line);
            bytes = tail.get(1..).unwrap_or_default();
        }
        self.extend(bytes);
    }

    /// Hands over the last line, which no line break has ended.
    pub fn finish(&mut self, mut line: impl FnMut(&[u8])) {
        self.flush(&mut line);
    }

    fn extend(&mut self, bytes: &[u8]) {
        if self.overlong || self.partial.len() + bytes.len() > MAX_LINE {
            self.overlong = true;
            self.partial.clear();
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }

    fn flush(&mut self, line: &mut impl FnMut(&[u8])) {
        if !std::mem::take(&mut self.overlong) && !self.partial.is_empty() {
            line(&self.partial);
        }
        self.partial.clear();
    }
}

/// What restic has said, gathered from both streams.
#[derive(Debug, Default)]
pub struct Heard {
    /// The end of a backup.
    pub finished: Option<Finished>,
    /// Why restic gave up.
    pub exit_error: Option<ExitError>,
    /// The first error of an item, and how many there were.
    pub item_errors: (Option<ItemError>, u64),
    tail: Vec<u8>,
    mask: Mask,
}

impl Heard {
    /// Nothing yet; secrets are going to be hidden in what is told of it.
    #[must_use]
    pub fn new(mask: Mask) -> Self {
        Self { mask, ..Self::default() }
    }

    /// A line that is no message, as it can be shown.
    #[must_use]
    pub fn line(&self, line: &[u8]) -> String {
        self.mask.mask(&String::from_utf8_lossy(line)).into_owned()
    }

    /// Reads one line of stdout or stderr as a message.
    pub fn message(&mut self, line: &[u8]) -> Option<Message> {
        let mut message: Message = serde_json::from_slice(line).ok()?;
        // Only now: a secret that is a number may stand among restic's own.
        message.hide(&self.mask);
        match &message {
            Message::Summary(finished) => self.finished = Some((**finished).clone()),
            Message::ExitError(error) => self.exit_error = Some(error.clone()),
            Message::Error(error) => {
                let (first, count) = &mut self.item_errors;
                first.get_or_insert_with(|| error.clone());
                *count += 1;
            }
            Message::Status(_) | Message::Other => {}
        }
        Some(message)
    }

    /// Keeps the end of stderr.
    pub fn stderr(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        if self.tail.len() > 4 * TAIL {
            // More than is shown: a secret that is cut in two here is hidden no more.
            self.tail.drain(..self.tail.len() - 2 * TAIL);
        }
    }

    /// The last 4 KiB of stderr, from the beginning of a line where there is one.
    #[must_use]
    pub fn stderr_tail(&self) -> String {
        let shown = self.line(&self.tail);
        let cut = shown.ceil_char_boundary(shown.len().saturating_sub(TAIL));
        let tail = shown.get(cut..).unwrap_or_default();
        match tail.split_once('\n') {
            Some((_, whole)) if cut > 0 => whole.to_owned(),
            _ => tail.to_owned(),
        }
    }

    /// Why restic failed, in one line, as far as it has said.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        if let Some(error) = &self.exit_error
            && !error.message.trim().is_empty()
        {
            return Some(one_line(&error.message));
        }
        let tail = self.stderr_tail();
        let fatal = tail.lines().rev().find(|line| line.starts_with("Fatal:"));
        // Followed by who has it and since when, and by advice.
        let locked = || tail.lines().find(|line| line.contains("already locked by"));
        let last = || tail.lines().rev().find(|line| !line.trim().is_empty() && !line.starts_with('{'));
        fatal.or_else(locked).or_else(last).map(one_line)
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_old_and_new_versions_are_read() {
        let mut heard = Heard::default();
        let summary = br#"{"message_type":"summary","files_new":3,"total_bytes_processed":9,"total_duration":0.5,"snapshot_id":"ab12","future":{"x":1}}"#;
        assert!(matches!(heard.message(summary), Some(Message::Summary(_))));
        let finished = heard.finished.clone().unwrap();
        assert_eq!((finished.numbers.files_new, finished.snapshot_id.as_deref()), (3, Some("ab12")));
        assert_eq!(heard.message(br#"{"message_type":"verbose_status","action":"new"}"#), Some(Message::Other));
        assert_eq!(heard.message(b"not json"), None);
        assert_eq!(heard.message(br#"[{"tags":null}]"#), None);
        heard.message(br#"{"message_type":"error","error":{"message":"denied"},"during":"archival","item":"/x"}"#);
        heard.message(br#"{"message_type":"error","message":"pack broken","item":"p"}"#);
        assert_eq!(heard.item_errors.0.as_ref().unwrap().message(), "denied");
        assert_eq!(heard.item_errors.1, 2);
        let old =
            br#"{"message_type":"error","error":{"Op":"open","Path":"/x","Err":13},"during":"archival","item":"/x"}"#;
        let Some(Message::Error(old)) = heard.message(old) else { panic!("an error") };
        assert_eq!(old.message(), "open: permission denied");
        heard.message(br#"{"message_type":"exit_error","code":12,"message":"Fatal: wrong password\n"}"#);
        assert_eq!(heard.complaint().as_deref(), Some("Fatal: wrong password"));
    }

    #[test]
    fn a_line_without_end_costs_no_memory() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for _ in 0..100 {
            lines.feed(&[b'x'; 1 << 16], |line| seen.push(line.len()));
        }
        lines.feed(b"\nshort\nrest", |line| seen.push(line.len()));
        lines.finish(|line| seen.push(line.len()));
        assert_eq!(seen, [5, 4]);
    }

    #[test]
    fn the_tail_begins_with_a_whole_line() {
        let mut heard = Heard::default();
        for n in 1000..10_000 {
            let line = format!("line {n}\n");
            heard.stderr(line.as_bytes());
            let tail = heard.stderr_tail();
            assert!(tail.len() <= TAIL && tail.starts_with("line ") && tail.ends_with(&line), "{n}");
        }
    }
}
