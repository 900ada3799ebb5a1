//! A new project: the templates, filled in.

mod sdk;

use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};

use crate::{Language, VERSION, contract};

/// A folder for each language, and `common` for all of them, with the cases of
/// `hookward hook test` in `common/tests`.
static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// The helpers of languages without an SDK, a folder for each.
static HELPERS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../hooks-examples/helpers");

/// Names of files that would mean something in a template's folder.
const HIDDEN: &[(&str, &str)] = &[("gitignore", ".gitignore")];

/// The longest name, in bytes.
const NAME_MAX: usize = 64;

/// Names that cargo refuses, for they are Rust's own.
const RUSTS: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "hookward-sdk",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "serde-json",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// A project to be made.
#[derive(Debug, Clone)]
pub struct New {
    /// Name of the hook, in lower-case words with hyphens between them.
    pub name: String,
    /// What it is to be written in.
    pub language: Language,
    /// Its folder, which must not be there, or be empty.
    pub dir: PathBuf,
    /// Where the source of `hookward-sdk` is; else the project gets a copy of it.
    pub sdk: Option<PathBuf>,
}

/// A name that no hook can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a hook can't be named {name:?}: {why}")]
pub struct InvalidName {
    name: String,
    why: String,
}

/// Why there is no new project.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewError {
    /// Its name can't be used.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The folder is there already.
    #[error("{} is there already, and nothing in it is overwritten: take another name, or say another folder", .0.display())]
    Exists(PathBuf),
    /// The SDK isn't where it was said to be.
    #[error("{} is not the source of hookward-sdk: it has no Cargo.toml of that name", .0.display())]
    NoSdk(PathBuf),
    /// It can't be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes a project that builds as it stands. Either all of it is there afterwards, or
/// nothing.
///
/// # Errors
/// When the name can't be used, or the folder is there already or can't be written.
pub fn create(new: &New) -> Result<(), NewError> {
    check(&new.name, new.language)?;
    let sdk = new.sdk.as_deref().map(sdk::source).transpose()?;
    let io = |source| NewError::Io { path: new.dir.clone(), source };
    let free = match new.dir.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !free {
        return Err(NewError::Exists(new.dir.clone()));
    }
    let parent = new.dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(io)?;
    let aside = tempfile::Builder::new().prefix(".hookward-new-").tempdir_in(parent).map_err(io)?;
    // A folder as any other, not one for its owner alone.
    let made = aside.path().join("project");
    std::fs::create_dir(&made).map_err(io)?;
    fill(&made, new, sdk.as_deref()).map_err(io)?;
    // Refused by the system where something has come there in the meantime.
    std::fs::rename(&made, &new.dir).map_err(io)
}

fn check(name: &str, language: Language) -> Result<(), InvalidName> {
    let refuse = |why: &str| Err(InvalidName { name: name.to_owned(), why: why.to_owned() });
    if name.is_empty() {
        return refuse("it is empty");
    }
    if name.len() > NAME_MAX {
        return refuse(&format!("it is longer than {NAME_MAX} bytes"));
    }
    if !name.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
        return refuse("write it in lower-case letters, digits and hyphens, such as `disk-is-there`");
    }
    if name.split('-').any(|word| !word.starts_with(|c: char| c.is_ascii_lowercase())) {
        return refuse("each of its words has to begin with a letter, with one hyphen between two of them");
    }
    if language == Language::Rust && RUSTS.contains(&name) {
        return refuse("that is a name of Rust's own, or of a crate that the project uses");
    }
    Ok(())
}

fn fill(dir: &Path, new: &New, sdk: Option<&Path>) -> io::Result<()> {
    let language = new.language.as_str();
    for folder in ["common", language] {
        if let Some(folder) = TEMPLATES.get_dir(folder) {
            write(folder, folder.path(), dir, &|text| filled(text, new, sdk))?;
        }
    }
    if let Some(folder) = HELPERS.get_dir(language) {
        write(folder, folder.path(), dir, &str::to_owned)?;
    }
    if new.language == Language::Rust {
        return if sdk.is_none() { sdk::copy(&dir.join(sdk::COPY)) } else { Ok(()) };
    }
    contract::write(&dir.join("wit/deps"), |_| true)
}

/// Writes a folder's files, below `dir` as they stand below `root`.
fn write(folder: &Dir<'_>, root: &Path, dir: &Path, change: &dyn Fn(&str) -> String) -> io::Result<()> {
    for entry in folder.entries() {
        let below = entry.path().strip_prefix(root).unwrap_or(entry.path());
        match entry {
            DirEntry::Dir(folder) => write(folder, root, dir, change)?,
            DirEntry::File(file) => {
                let name = below.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let shown = HIDDEN.iter().find(|(hidden, _)| *hidden == name).map_or(name, |(_, shown)| shown);
                let path = dir.join(below).with_file_name(shown);
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent)?;
                }
                match file.contents_utf8() {
                    Some(text) => std::fs::write(path, change(text))?,
                    None => std::fs::write(path, file.contents())?,
                }
            }
        }
    }
    Ok(())
}

/// A template's text for this project.
fn filled(text: &str, new: &New, sdk: Option<&Path>) -> String {
    let part = |name: &str| {
        let file = TEMPLATES.get_file(format!("parts/{}-{name}.md", new.language.as_str()));
        file.and_then(|file| file.contents_utf8()).unwrap_or_default().trim_end()
    };
    // The parts first, for there are names in them.
    text.replace("@build@", part("build"))
        .replace("@test@", part("test"))
        .replace("@sdk@", &sdk::dependency(sdk))
        .replace("@language@", new.language.title())
        .replace("@lang@", new.language.as_str())
        .replace("@source@", source(new.language))
        .replace("@name@", &new.name)
        .replace("@module@", &new.name.replace('-', "_"))
        .replace("@version@", VERSION)
}

/// Where the template has the hook.
const fn source(language: Language) -> &'static str {
    match language {
        Language::Rust => "src/lib.rs",
        Language::Python => "app.py",
        Language::Javascript => "hook.js",
        Language::C => "hook.c",
        Language::Go => "main.go",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn why(name: &str, language: Language) -> String {
        check(name, language).unwrap_err().to_string()
    }

    #[test]
    fn names_are_words_with_hyphens() {
        for name in ["a", "disk", "disk-is-there", "s3-check", "a1"] {
            for language in Language::ALL {
                check(name, *language).unwrap();
            }
        }
        for (name, said) in [
            ("", "it is empty"),
            ("Disk", "lower-case"),
            ("a_b", "lower-case"),
            ("../a", "lower-case"),
            ("höhe", "lower-case"),
            ("-a", "begin with a letter"),
            ("a-", "begin with a letter"),
            ("a--b", "begin with a letter"),
            ("1a", "begin with a letter"),
            (&"a".repeat(65), "longer than 64 bytes"),
        ] {
            assert!(why(name, Language::C).contains(said), "{name}: {}", why(name, Language::C));
        }
        assert!(why("fn", Language::Rust).contains("Rust's own"));
        check("fn", Language::Python).unwrap();
    }

    #[test]
    fn every_language_has_a_template_and_every_place_is_filled() {
        for language in Language::ALL {
            let dir = tempfile::tempdir().unwrap();
            let project = dir.path().join("new/disk-is-there");
            let new = New { name: "disk-is-there".into(), language: *language, dir: project.clone(), sdk: None };
            create(&new).unwrap();
            let opened = crate::Project::open(&project).unwrap();
            assert_eq!((opened.name.as_str(), opened.language), ("disk-is-there", *language));
            assert_eq!(opened.component, project.join("dist/disk-is-there.wasm"));
            for file in ["README.md", ".gitignore", "hookward.toml"] {
                let text = std::fs::read_to_string(project.join(file)).unwrap();
                assert!(!text.is_empty() && !text.contains('@'), "{language} {file}:\n{text}");
            }
            assert!(matches!(create(&new), Err(NewError::Exists(_))));
            assert_eq!(dir.path().join("new").read_dir().unwrap().count(), 1, "nothing is left aside");
        }
    }
}
