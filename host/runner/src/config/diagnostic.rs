//! Errors that point into a file.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::{Deserialize, Serialize};

/// A place in a file of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The file, spelled as it was found.
    #[serde(with = "hookward_engine::event::path")]
    pub file: PathBuf,
    /// Counts from 1.
    pub line: usize,
    /// In characters, counts from 1.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// A value and where it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub location: Location,
}

impl<T> std::ops::Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The text of one file.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// Where each line begins, once a place was asked for: every hook asks for several.
    lines: OnceLock<Vec<usize>>,
}

impl Source {
    pub(super) fn new(path: PathBuf, text: String) -> Self {
        Self { path, text, lines: OnceLock::new() }
    }

    /// Where a span begins.
    pub(super) fn location(&self, span: &Range<usize>) -> Location {
        let end = self.text.floor_char_boundary(span.start);
        let breaks = || self.text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = self.lines.get_or_init(|| std::iter::once(0).chain(breaks()).collect());
        // The first begins at 0, which is before everything.
        let line = lines.partition_point(|begin| *begin <= end);
        let begin = lines.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(begin..end).unwrap_or_default();
        Location { file: self.path.clone(), line, column: before.chars().count() + 1 }
    }

    /// The part of a span that stands in its first line: more would push the
    /// message out of sight.
    fn first_line(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.floor_char_boundary(span.end).max(start);
        let text = self.text.get(start..end).unwrap_or_default();
        let line = text.split('\n').next().unwrap_or_default();
        start..start + line.trim_end().len()
    }
}

/// One error of the configuration.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    file: PathBuf,
    place: Option<Place>,
    message: String,
    help: String,
    related: Vec<(Place, String)>,
}

/// A span of a source.
#[derive(Debug, Clone)]
pub(super) struct Place {
    source: Arc<Source>,
    span: Range<usize>,
}

impl Place {
    pub(super) fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        Self { source: Arc::clone(source), span }
    }

    pub(super) fn location(&self) -> Location {
        self.source.location(&self.span)
    }
}

impl Diagnostic {
    /// An error at a place.
    pub(super) fn at(place: Place, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            file: place.source.path.clone(),
            place: Some(place),
            message: message.into(),
            help: help.into(),
            related: Vec::new(),
        }
    }

    /// An error of a file as a whole.
    pub(super) fn of_file(file: &Path, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: None, message: message.into(), help: help.into(), related: Vec::new() }
    }

    /// Points to a second place.
    pub(super) fn related(mut self, place: Place, label: impl Into<String>) -> Self {
        self.related.push((place, label.into()));
        self
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Where in the file; none when it is about the file as a whole.
    #[must_use]
    pub fn location(&self) -> Option<Location> {
        self.place.as_ref().map(Place::location)
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do.
    #[must_use]
    pub fn help(&self) -> &str {
        &self.help
    }

    /// Other places that belong to it, each with what it is.
    pub fn related_locations(&self) -> impl Iterator<Item = (Location, &str)> {
        self.related.iter().map(|(place, label)| (place.location(), label.as_str()))
    }

    /// The error with its line of source, with terminal colours or plain.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        // Messages quote the file, and a file must not drive the terminal.
        let message = annotate_snippets::normalize_untrusted_str(&self.message);
        let mut group = Group::with_title(Level::ERROR.primary_title(message));
        match &self.place {
            Some(place) => {
                let mut snippet = snippet(&place.source)
                    .annotation(AnnotationKind::Primary.span(place.source.first_line(&place.span)));
                let (here, elsewhere): (Vec<_>, Vec<_>) =
                    self.related.iter().partition(|(other, _)| Arc::ptr_eq(&other.source, &place.source));
                for (other, label) in here {
                    let span = other.source.first_line(&other.span);
                    snippet = snippet.annotation(AnnotationKind::Context.span(span).label(label));
                }
                group = group.element(snippet);
                for (other, label) in elsewhere {
                    let span = other.source.first_line(&other.span);
                    let annotation = AnnotationKind::Context.span(span).label(label);
                    group = group.element(snippet_of(other).annotation(annotation));
                }
            }
            None => group = group.element(Origin::path(self.file.to_string_lossy().into_owned())),
        }
        if !self.help.is_empty() {
            let help = annotate_snippets::normalize_untrusted_str(&self.help);
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group])
    }
}

fn snippet(source: &Source) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    Snippet::source(source.text.as_str()).path(source.path.to_string_lossy().into_owned())
}

fn snippet_of(place: &Place) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    snippet(&place.source)
}

/// Everything that is wrong with a configuration.
///
/// Shown as plain text, each error with its line of source; see
/// [`render`](Self::render) for colours.
#[derive(Debug, Clone)]
pub struct ConfigError {
    diagnostics: Vec<Diagnostic>,
}

impl ConfigError {
    pub(super) fn new(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics }
    }

    /// The errors, file by file; at least one.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The errors with their lines of source, with terminal colours or plain.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let rendered: Vec<_> = self.diagnostics.iter().map(|diagnostic| diagnostic.render(color)).collect();
        rendered.join("\n\n")
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigError {}

/// From 0 to 1.
fn similarity(a: &str, b: &str) -> f64 {
    let similarity = strsim::jaro_winkler(a, b);
    // It thinks little of two letters exchanged in a short name: `nsa` for `nas`.
    let slip = a.len() > 2 && strsim::osa_distance(a, b) == 1;
    if slip { similarity.max(0.9) } else { similarity }
}

/// The known name that is nearest to a given one, if any is near.
pub(super) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Below this, suggestions are noise: `http` is not a misspelled `dirs`.
    const NEAR: f64 = 0.8;
    let given = given.to_lowercase().replace('_', "-");
    known
        .into_iter()
        .map(|name| (similarity(&given, &name.to_lowercase()), name))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

/// What to do about an unknown name: the nearest known one, or all of them.
pub(super) fn suggest<'a>(given: &str, what: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(given, known.clone()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => {
            let known: Vec<_> = known.into_iter().map(|name| format!("`{name}`")).collect();
            format!("known {what}: {}", known.join(", "))
        }
    }
}
