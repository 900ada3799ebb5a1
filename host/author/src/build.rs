//! From a project to its component.

mod c;
mod go;
mod javascript;
mod python;
mod reserve;
mod rust;
mod world;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::metadata::{Metadata, Stamp};
use crate::project::ProjectError;
use crate::tool::Tools;
use crate::{Language, Project};

/// How a project is built.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct BuildOptions {
    /// Folders in which tools are looked for first, before those of the project and
    /// those of `PATH`.
    pub tools: Vec<PathBuf>,
    /// Where the component goes, if not where `hook.toml` says.
    pub output: Option<PathBuf>,
}

/// A component that was built.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Built {
    /// Name of the hook.
    pub name: String,
    /// What it is written in.
    pub language: Language,
    /// Where its component is.
    pub component: PathBuf,
}

/// Why a project can't be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The folder is no project, or one of its manifests is not understood.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A program is not installed.
    #[error("a hook in {language} is built with {tool}, which is missing here; get it:\n  {get}")]
    MissingTool {
        /// What the hook is written in.
        language: Language,
        /// The program, or a part of it.
        tool: &'static str,
        /// How to get it: a command, in the project's folder, or where to look.
        get: String,
    },
    /// A program has failed, and has said why on stderr.
    #[error("`{command}` failed ({why}); what it said stands above")]
    Tool {
        /// The command line, shortened.
        command: String,
        /// How it ended.
        why: String,
    },
    /// Something is missing in the project that the language's tool needs.
    #[error("{}: {message}", path.display())]
    Source {
        /// The file or the folder.
        path: PathBuf,
        /// What is missing, and what to do.
        message: String,
    },
    /// The world can't be used.
    #[error("{}: {message}", path.display())]
    World {
        /// The folder of WIT files.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A part of the metadata is not in the form that it has to have.
    #[error("the metadata's `{field}` can't be {value:?}: {why}")]
    Metadata {
        /// The part.
        field: &'static str,
        /// What was written.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// What the tools have made doesn't become a component.
    #[error("cannot {what}: {message}")]
    Encode {
        /// The step.
        what: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A file can't be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// `read` or `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl BuildError {
    fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what: "read", path: path.to_owned(), source }
    }

    fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what: "write", path: path.to_owned(), source }
    }
}

/// For what doesn't become a component.
pub(crate) fn encode<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> BuildError {
    move |error| BuildError::Encode { what, message: format!("{error:#}") }
}

/// What a language's tool has made.
struct Made {
    component: Vec<u8>,
    /// What the language's own manifest says.
    metadata: Metadata,
    /// The SDK that was used and its version, unless the component says it.
    sdk: Option<(String, String)>,
    /// The component doesn't say its language.
    silent: bool,
}

/// Builds the project in a folder: calls the language's own tool, and writes what is
/// known of the hook into the component. What tools say goes to stderr.
///
/// # Errors
/// When something is missing, or a tool fails.
pub fn build(dir: &Path, options: &BuildOptions) -> Result<Built, BuildError> {
    let project = Project::open(dir)?;
    let language = project.language;
    let tools = Tools::new(language, &project.dir, &options.tools);
    let made = match language {
        Language::Rust => rust::build(&project, &tools),
        Language::Python => python::build(&project, &tools),
        Language::Javascript => javascript::build(&project, &tools),
        Language::C => c::build(&project, &tools),
        Language::Go => go::build(&project, &tools),
    }?;
    let Made { component, metadata, sdk, silent } = made;
    let metadata = project.metadata.clone().or(metadata);
    let stamp = Stamp { name: &project.name, language: silent.then_some(language), sdk };
    let component = metadata.stamp(&component, stamp)?;
    let path = options.output.clone().unwrap_or(project.component);
    put(&path, &component)?;
    Ok(Built { name: project.name, language, component: path })
}

/// Puts a file in its place whole: a run may be reading the old one.
fn put(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    use std::os::unix::fs::PermissionsExt as _;
    let write = || -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        // As any other file, where the umask allows it.
        let mode = std::fs::Permissions::from_mode(0o666);
        let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(BuildError::write(path))
}

/// The SDK of a project, as the first of these files says that is there: its first
/// line names the SDK and its version.
fn sdk(project: &Project, files: &[&str]) -> Option<(String, String)> {
    let text = files.iter().find_map(|file| std::fs::read_to_string(project.dir.join(file)).ok())?;
    let line = text.lines().next()?;
    let mut words = line.split_whitespace().skip_while(|word| !word.starts_with("hookward-"));
    let name = words.next()?.to_owned();
    let version = words.next()?.trim_end_matches([':', ',', '.', ';']);
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| (name, version.to_owned()))
}
