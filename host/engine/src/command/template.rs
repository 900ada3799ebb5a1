//! Arguments with open places, and the patterns of what may fill them.

use std::collections::BTreeMap;

use regex::Regex;

/// What a value must match, as a whole.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    written: String,
    anchored: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// The error is one line, for people.
    pub(super) fn new(written: &str) -> Result<Self, String> {
        // Alone first: `a)|(?:b` would be no error with what is put around it, and
        // would be no longer anchored.
        let anchored = Regex::new(written)
            .and_then(|_| Regex::new(&format!("^(?:{written})$")))
            .map_err(|error| in_one_line(&error))?;
        Ok(Self { written: written.to_owned(), anchored })
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        self.anchored.is_match(value)
    }

    pub(super) fn written(&self) -> &str {
        &self.written
    }
}

/// The crate draws an arrow under the place; its last line says what is wrong.
fn in_one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// A part of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(String),
}

/// One argument as the operator wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    written: String,
    pieces: Vec<Piece>,
}

impl Template {
    /// Reads `--file={name}`; `{{` and `}}` stand for braces. The error is one line,
    /// for people.
    pub(super) fn parse(written: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = written;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            text.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                text.extend(from.chars().next());
                rest = after;
                continue;
            }
            let place = from.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let Some((name, after)) = place else {
                return Err("a brace is not closed, or not opened".to_owned());
            };
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
                return Err(format!("`{{{name}}}` is no open place"));
            }
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(Piece::Place(name.to_owned()));
            rest = after;
        }
        text.push_str(rest);
        if !text.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Self { written: written.to_owned(), pieces })
    }

    pub(super) fn written(&self) -> &str {
        &self.written
    }

    /// The names of its places.
    pub(super) fn places(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Place(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The argument with its places filled. The error is the place whose value would
    /// make an option of it, or another one than the operator wrote.
    pub(super) fn fill<'a>(&'a self, values: &BTreeMap<String, String>) -> Result<String, &'a str> {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Place(name) => {
                    let value = values.get(name).map(String::as_str).unwrap_or_default();
                    if value.starts_with('-') && filled.chars().all(|c| c == '-') {
                        return Err(name);
                    }
                    filled.push_str(value);
                }
            }
        }
        Ok(filled)
    }
}
