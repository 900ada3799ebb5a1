//! The checks of single values, each reported where the value is written.

use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;

use super::diagnostic::{Diagnostic, Located, Location, Place};
use super::load::Loaded;
use super::schema::{At, Size};

/// Longest duration: more bounds nothing, and clocks overflow somewhere above.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Characters of a name: it becomes part of a file's name, which may have 255.
const MAX_NAME: usize = 100;

/// Checks the values of one file and keeps the errors. A value that is not usable
/// gives none, so that the checks can go on.
pub(super) struct Checker<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) env: &'a dyn Fn(&str) -> Option<OsString>,
    pub(super) errors: &'a mut Vec<Diagnostic>,
}

impl Checker<'_> {
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        Place::new(&self.loaded.source, span)
    }

    pub(super) fn location<T>(&self, at: &At<T>) -> Location {
        self.loaded.source.location(&at.span())
    }

    pub(super) fn located<T, U>(&self, at: &At<T>, value: U) -> Located<U> {
        Located { value, location: self.location(at) }
    }

    pub(super) fn error<T>(&mut self, at: &At<T>, message: impl Into<String>, help: impl Into<String>) {
        let diagnostic = Diagnostic::at(self.place(at.span()), message, help);
        self.errors.push(diagnostic);
    }

    /// A name that becomes part of a file's name.
    pub(super) fn name(&mut self, what: &str, at: &At<String>) -> Option<String> {
        let name = at.get();
        let wrong = if name.is_empty() {
            format!("the name of a {what} is empty")
        } else if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
            format!("`{name}` is no name for a {what}")
        } else if name.starts_with(['.', '-']) {
            format!("the name of a {what} begins with `{}`", name.get(..1).unwrap_or_default())
        } else if name.len() > MAX_NAME {
            format!("the name of a {what} is longer than {MAX_NAME} characters")
        } else {
            return Some(name.clone());
        };
        self.error(at, wrong, "use ASCII letters, digits, `.`, `_` and `-`, and begin with none of `.` and `-`");
        None
    }

    /// A text that is handed to other programs.
    pub(super) fn text(&mut self, what: &str, at: &At<String>) -> Option<String> {
        self.not_empty(what, at, at.get().clone())
    }

    /// An argument, which may be empty.
    pub(super) fn argument(&mut self, at: &At<String>) -> Option<String> {
        self.no_nul(at, at.get().clone())
    }

    fn not_empty(&mut self, what: &str, at: &At<String>, text: String) -> Option<String> {
        if text.is_empty() {
            let message = if at.get().is_empty() {
                format!("{what} is empty")
            } else {
                format!("{what} is empty once its variables are expanded")
            };
            self.error(at, message, "give it a value, or remove it");
            return None;
        }
        self.no_nul(at, text)
    }

    fn no_nul(&mut self, at: &At<String>, text: String) -> Option<String> {
        if text.contains('\0') {
            self.error(at, "a text contains the character U+0000", "remove it: no program can be given it");
            return None;
        }
        Some(text)
    }

    pub(super) fn duration(&mut self, key: &str, at: &At<String>) -> Option<Duration> {
        let text = at.get();
        let help = "write a number and a unit, such as `30s`, `5m` or `1h 30m`";
        match humantime::parse_duration(text) {
            Ok(duration) if duration <= LONGEST => Some(duration),
            Ok(_) => {
                self.error(at, format!("`{key}` is longer than a year"), help);
                None
            }
            Err(error) => {
                let why = match error {
                    humantime::DurationError::UnknownUnit { unit, .. } if !unit.is_empty() => {
                        format!("unknown unit `{unit}`")
                    }
                    error => error.to_string(),
                };
                self.error(at, format!("`{text}` is not a duration: {why}"), help);
                None
            }
        }
    }

    pub(super) fn positive_duration(&mut self, key: &str, at: &At<String>) -> Option<Duration> {
        let duration = self.duration(key, at)?;
        self.positive(key, at, duration, Duration::ZERO)
    }

    pub(super) fn size(&mut self, at: &At<Size>) -> Option<u64> {
        match at.get() {
            Size::Bytes(bytes) => Some(*bytes),
            Size::Text(text) => match text.parse::<ByteSize>() {
                Ok(size) => Some(size.as_u64()),
                Err(_) => {
                    let help = "write a number of bytes, or a size such as `64MiB` or `512kB`";
                    self.error(at, format!("`{text}` is not a size"), help);
                    None
                }
            },
        }
    }

    pub(super) fn positive_size(&mut self, key: &str, at: &At<Size>) -> Option<u64> {
        let size = self.size(at)?;
        self.positive(key, at, size, 0)
    }

    pub(super) fn positive<T, N: PartialEq>(&mut self, key: &str, at: &At<T>, value: N, zero: N) -> Option<N> {
        if value == zero {
            let help = "a hook with none could never succeed; remove the key for the default";
            self.error(at, format!("`{key}` is zero"), help);
            return None;
        }
        Some(value)
    }

    /// A text with its variables expanded.
    pub(super) fn expanded(&mut self, what: &str, at: &At<String>) -> Option<String> {
        let text = self.variables(at)?;
        self.not_empty(what, at, text)
    }

    /// A path with its variables expanded; a relative one starts at the file.
    pub(super) fn path(&mut self, what: &str, at: &At<String>) -> Option<PathBuf> {
        let text = self.variables(at)?;
        let text = self.not_empty(what, at, text)?;
        let path = self.home(at, &text)?;
        // Takes `.` away, keeps `..`: beyond a link it means something else.
        Some(std::path::absolute(self.loaded.base.join(&path)).unwrap_or(path))
    }

    /// A program: a path, or a name to be looked for in `PATH`.
    pub(super) fn program(&mut self, what: &str, at: &At<String>) -> Option<PathBuf> {
        let text = self.variables(at)?;
        if text.contains('/') { self.path(what, at) } else { self.not_empty(what, at, text).map(PathBuf::from) }
    }

    /// Expands a leading `~`; only what was written, never what a variable holds.
    fn home(&mut self, at: &At<String>, text: &str) -> Option<PathBuf> {
        let rest = match text.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.trim_start_matches('/'),
            _ => return Some(PathBuf::from(text)),
        };
        if !at.get().starts_with('~') {
            return Some(PathBuf::from(text));
        }
        match (self.env)("HOME").map(PathBuf::from).filter(|home| home.is_absolute()) {
            Some(home) if rest.is_empty() => Some(home),
            Some(home) => Some(home.join(rest)),
            None => {
                self.error(at, "`~` needs the variable `HOME`, which is not set", "write the whole path");
                None
            }
        }
    }

    fn variables(&mut self, at: &At<String>) -> Option<String> {
        let text = at.get();
        // The crate takes an unclosed brace as it is, and restic would be given it.
        let escaped = text.replace("$$", "");
        if escaped.rsplit_once("${").is_some_and(|(_, rest)| !rest.contains('}')) {
            self.error(at, "`${` is not closed", "write `${NAME}`, or `$$` for a dollar sign");
            return None;
        }
        let env = self.env;
        let lookup = |name: &str| match env(name).map(OsString::into_string) {
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(_)) => Err("is not UTF-8"),
            None => Err("is not set"),
        };
        match shellexpand::env_with_context(text, lookup) {
            Ok(expanded) => Some(expanded.into_owned()),
            Err(error) => {
                let name = &error.var_name;
                let span = self.variable_span(at, name);
                let help =
                    format!("set `{name}`, give a default as in `${{{name}:-text}}`, or write `$$` for a dollar sign");
                let message = format!("the variable `{name}` {}", error.cause);
                let diagnostic = Diagnostic::at(self.place(span), message, help);
                self.errors.push(diagnostic);
                None
            }
        }
    }

    /// Where a variable stands in a value, or the value.
    fn variable_span(&self, at: &At<String>, name: &str) -> Range<usize> {
        let span = at.span();
        let written = self.loaded.source.text.get(span.clone()).unwrap_or_default();
        let found = [format!("${{{name}}}"), format!("${name}")]
            .into_iter()
            .find_map(|variable| Some((written.find(&variable)?, variable.len())));
        match found {
            Some((offset, length)) => span.start + offset..span.start + offset + length,
            None => span,
        }
    }
}

/// A path of the guest without what makes no difference.
pub(super) fn normal(guest: &str) -> PathBuf {
    Path::new(guest).components().collect()
}
