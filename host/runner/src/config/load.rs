//! Reads a file and those that it includes.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glob::{MatchOptions, Pattern};

use super::diagnostic::{ConfigError, Diagnostic, Place, Source};
use super::schema::{self, At};

/// Bytes of one file. A thousand hooks fit; `/dev/zero` doesn't.
const MAX_SIZE: u64 = 4 << 20;

/// Files of one configuration, and so the depth of includes too.
const MAX_FILES: usize = 1000;

/// One file that was read.
pub(super) struct Loaded {
    pub(super) source: Arc<Source>,
    /// Absolute directory at which its relative paths start.
    pub(super) base: PathBuf,
    pub(super) file: schema::File,
}

/// Reads a file and those that it includes, each before the ones it includes.
pub(super) fn load(path: &Path) -> Result<Vec<Loaded>, ConfigError> {
    let mut loader = Loader::default();
    match read(path) {
        Ok(bytes) => loader.file(path, bytes),
        Err(error) => loader.errors.push(Diagnostic::of_file(path, unreadable(path, &error), help(&error))),
    }
    if loader.errors.is_empty() { Ok(loader.loaded) } else { Err(ConfigError::new(loader.errors)) }
}

#[derive(Default)]
struct Loader {
    loaded: Vec<Loaded>,
    errors: Vec<Diagnostic>,
    /// The files that are being read, outermost first: real path, path as spelled.
    chain: Vec<(PathBuf, PathBuf)>,
    /// Real paths of all files.
    seen: Vec<PathBuf>,
}

impl Loader {
    fn file(&mut self, path: &Path, bytes: Vec<u8>) {
        let source = match text(path, bytes) {
            Ok(source) => source,
            Err(error) => return self.errors.push(error),
        };
        let file = match super::parse::parse(&source) {
            Ok(file) => file,
            Err(error) => return self.errors.push(error),
        };
        let dir = path.parent().unwrap_or(Path::new(""));
        let base = std::env::current_dir().map_or_else(|_| dir.to_owned(), |cwd| cwd.join(dir));
        let includes = file.include.clone();
        self.loaded.push(Loaded { source: Arc::clone(&source), base, file });

        let real = real(path);
        self.seen.push(real.clone());
        self.chain.push((real, path.to_owned()));
        for include in &includes {
            self.include(&source, dir, include);
        }
        self.chain.pop();
    }

    fn include(&mut self, source: &Arc<Source>, dir: &Path, include: &At<String>) {
        let place = || Place::new(source, include.span());
        let paths = match matches(dir, include.get()) {
            Ok(paths) => paths,
            Err(message) => {
                let help = "write a path or a glob, relative to this file, such as `conf.d/*.toml`";
                return self.errors.push(Diagnostic::at(place(), message, help));
            }
        };
        for path in paths {
            let real = real(&path);
            if let Some(start) = self.chain.iter().position(|(other, _)| *other == real) {
                let spelled = self.chain.iter().skip(start).map(|(_, path)| path).chain([&path]);
                let chain: Vec<_> = spelled.map(|path| path.display().to_string()).collect();
                let message = format!("files include each other: {}", chain.join(" -> "));
                self.errors.push(Diagnostic::at(place(), message, "remove one of these includes"));
                continue;
            }
            // Two globs may name the same file.
            if self.seen.contains(&real) {
                continue;
            }
            if self.seen.len() >= MAX_FILES {
                let message = format!("more than {MAX_FILES} files are included");
                return self.errors.push(Diagnostic::at(place(), message, "narrow this glob, or join files"));
            }
            match read_regular(&path) {
                Ok(bytes) => self.file(&path, bytes),
                Err(error) => {
                    self.errors.push(Diagnostic::at(place(), unreadable(&path, &error), help(&error)));
                }
            }
        }
    }
}

/// The files that an include names: one, or those that match, sorted.
fn matches(dir: &Path, include: &str) -> Result<Vec<PathBuf>, String> {
    if include.is_empty() {
        return Err("an include is empty".to_owned());
    }
    if !include.contains(['*', '?', '[']) {
        return Ok(vec![dir.join(include)]);
    }
    let dir = dir.to_str().ok_or("globs need a directory whose name is UTF-8")?;
    // Joined as paths: an absolute glob replaces the directory.
    let pattern = Path::new(&Pattern::escape(dir)).join(include);
    let pattern = pattern.to_string_lossy();
    // As in a shell: an editor's hidden copy is not part of the configuration.
    let options =
        MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let paths = glob::glob_with(&pattern, options).map_err(|error| format!("bad glob `{include}`: {}", error.msg))?;
    let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(|error| {
        format!("cannot read {} for the glob `{include}`: {}", error.path().display(), error.error())
    })?;
    paths.retain(|path| !path.is_dir());
    paths.sort();
    Ok(paths)
}

/// The one name of a file, to see that two spellings mean the same.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Only for included files: the first one may be a pipe, as in `<(generate)`.
fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    // Before it is opened: opening a pipe waits for its writer.
    if path.metadata()?.is_file() { read(path) } else { Err(io::Error::other("not a regular file")) }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_SIZE) {
        Ok(bytes)
    } else {
        Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {} MiB", MAX_SIZE >> 20)))
    }
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("cannot read {}: {error}", path.display())
}

fn help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "check the path; `hookward init` writes a new configuration",
        io::ErrorKind::PermissionDenied => "run as a user who may read this file, or change its permissions",
        io::ErrorKind::FileTooLarge => "name a configuration; split one that is so large with `include`",
        _ => "name a regular file that can be read",
    }
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<Arc<Source>, Diagnostic> {
    let path = path.to_owned();
    match String::from_utf8(bytes) {
        Ok(mut text) => {
            // A byte order mark would count as a column.
            if text.starts_with('\u{feff}') {
                text.remove(0);
            }
            Ok(Arc::new(Source::new(path, text)))
        }
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let bad = error.as_bytes().get(at).copied().unwrap_or_default();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let source = Arc::new(Source::new(path, text));
            let end = at + char::REPLACEMENT_CHARACTER.len_utf8();
            Err(Diagnostic::at(
                Place::new(&source, at..end),
                format!("the file is not UTF-8: byte 0x{bad:02x}"),
                "save the file as UTF-8",
            ))
        }
    }
}
