//! Everything that one call says: log, warnings, skip, stdout and stderr. Counts
//! it against the limits, cleans it, and hands it to the operator's sink.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limiter::LimitHit;
use crate::log::{Level, Record, Sink, Source};
use crate::text::{cut, shown};
use crate::{Limits, Mask, Reason};

/// Bytes of a line of stdout or stderr that are shown as one record.
const LINE: usize = 4 << 10;

/// Which of the guest's two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// What a call has said about the run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) skip: Option<String>,
    pub(crate) warnings: Vec<String>,
    /// The message of a Rust panic, from stderr.
    pub(crate) panic: Option<String>,
    /// The last line of stderr that wasn't empty.
    pub(crate) last_words: Option<String>,
}

/// Shared by the store's state and the guest's output streams.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Mutex<Inner>>);

struct Inner {
    sink: Arc<dyn Sink>,
    mask: Mask,
    output_left: u64,
    lines_left: u32,
    error_length: usize,
    partial: [Vec<u8>; 2],
    said: Said,
}

impl Recorder {
    pub(crate) fn new(limits: &Limits, mask: &Mask, sink: Arc<dyn Sink>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            sink,
            mask: mask.clone(),
            output_left: limits.output,
            lines_left: limits.log_lines,
            error_length: limits.error_length,
            partial: [Vec::new(), Vec::new()],
            said: Said::default(),
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One message of the log interface.
    pub(crate) fn log(&self, level: Level, message: &str, fields: Vec<(String, String)>) -> Result<(), LimitHit> {
        let mut inner = self.inner();
        // A field of no text still takes room: two bytes, as in ` =`.
        let bytes = fields.iter().fold(message.len(), |sum, (key, value)| sum + key.len() + value.len() + 2);
        inner.count_line()?;
        inner.count_output(bytes)?;
        let shown = |text: &str| shown(text, &inner.mask, usize::MAX).0;
        let fields = fields.into_iter().map(|(key, value)| (shown(&key), shown(&value))).collect();
        inner.sink.record(Record { source: Source::Log, level, message: shown(message), fields });
        Ok(())
    }

    /// The host's own words about the hook.
    pub(crate) fn host(&self, level: Level, message: &str) -> Result<(), LimitHit> {
        let mut inner = self.inner();
        inner.count_line()?;
        inner.count_output(message.len())?;
        let message = inner.summary(message);
        inner.sink.record(Record { source: Source::Host, level, message, fields: Vec::new() });
        Ok(())
    }

    /// A warning for the run's report.
    pub(crate) fn warn(&self, message: &str) -> Result<(), LimitHit> {
        let mut inner = self.inner();
        inner.count_line()?;
        inner.count_output(message.len())?;
        let message = inner.summary(message);
        inner.said.warnings.push(message.clone());
        inner.sink.record(Record { source: Source::Warning, level: Level::Warn, message, fields: Vec::new() });
        Ok(())
    }

    /// A wish to skip the run: the first one stands.
    pub(crate) fn skip(&self, reason: &str) -> Result<(), LimitHit> {
        let mut inner = self.inner();
        inner.count_output(reason.len())?;
        if inner.said.skip.is_none() {
            inner.said.skip = Some(inner.summary(reason));
        }
        Ok(())
    }

    /// Bytes of stdout or stderr. What is within the limit is kept.
    pub(crate) fn write(&self, stream: Stream, bytes: &[u8]) -> Result<(), LimitHit> {
        let mut inner = self.inner();
        let kept = usize::try_from(inner.output_left).map_or(bytes, |left| bytes.get(..left).unwrap_or(bytes));
        inner.lines(stream, kept);
        inner.count_output(bytes.len())
    }

    /// Ends the call: hands over the last lines, which no line break has ended.
    pub(crate) fn finish(&self) -> Said {
        let mut inner = self.inner();
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = std::mem::take(inner.partial(stream));
            inner.line(stream, &rest);
        }
        std::mem::take(&mut inner.said)
    }
}

impl Inner {
    fn partial(&mut self, stream: Stream) -> &mut Vec<u8> {
        let [stdout, stderr] = &mut self.partial;
        match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        }
    }

    fn count_line(&mut self) -> Result<(), LimitHit> {
        self.lines_left = self.lines_left.checked_sub(1).ok_or(LimitHit(Reason::LogLines))?;
        Ok(())
    }

    fn count_output(&mut self, bytes: usize) -> Result<(), LimitHit> {
        if let Some(left) = self.output_left.checked_sub(bytes as u64) {
            self.output_left = left;
            return Ok(());
        }
        self.output_left = 0;
        self.sink.record(Record {
            source: Source::Host,
            level: Level::Warn,
            message: "the hook's output has reached its limit; the rest is cut off".to_owned(),
            fields: Vec::new(),
        });
        Err(LimitHit(Reason::Output))
    }

    fn summary(&self, text: &str) -> String {
        shown(text, &self.mask, self.error_length).0
    }

    fn lines(&mut self, stream: Stream, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (head, tail) = rest.split_at(end);
            let mut line = std::mem::take(self.partial(stream));
            line.extend_from_slice(head);
            self.line(stream, &line);
            rest = tail.get(1..).unwrap_or_default();
        }
        self.partial(stream).extend_from_slice(rest);
        // A line that never ends is shown in pieces; but not where a secret could be cut
        // in two. It is bounded by the limit of the output then.
        while self.mask.is_empty() && self.partial(stream).len() >= LINE {
            let tail = self.partial(stream).split_off(LINE);
            let piece = std::mem::replace(self.partial(stream), tail);
            self.line(stream, &piece);
        }
    }

    fn line(&mut self, stream: Stream, bytes: &[u8]) {
        let (line, _) = shown(&String::from_utf8_lossy(bytes), &self.mask, usize::MAX);
        let mut rest = line.as_str();
        while !rest.is_empty() {
            let message = cut(rest, LINE).0.to_owned();
            rest = rest.get(message.len()..).unwrap_or_default();
            let (source, level) = match stream {
                Stream::Stdout => (Source::Stdout, Level::Info),
                Stream::Stderr => (Source::Stderr, Level::Warn),
            };
            if stream == Stream::Stderr {
                self.listen_for_panic(&message);
            }
            self.sink.record(Record { source, level, message, fields: Vec::new() });
        }
    }

    /// Rust's standard library writes `thread 'main' (1) panicked at FILE:LINE:COL:`
    /// and the message on the line after it. Who feigns that gets no more than a
    /// line: copying an ever longer one takes the host's time, which no limit counts.
    fn listen_for_panic(&mut self, line: &str) {
        let said = &mut self.said;
        if let Some((_, place)) = line.split_once(" panicked at ") {
            said.panic = Some(place.to_owned());
        } else if let Some(place) = said.panic.as_mut().filter(|place| place.ends_with(':') && place.len() < LINE) {
            *place = format!("{place} {line}");
        }
        said.last_words = Some(line.to_owned());
    }
}
