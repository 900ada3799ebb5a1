//! Programs that others have written: finding and running them.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Language;
use crate::build::BuildError;

/// Where a project installs tools of its own: those of Python, and those of npm.
const OWN: &[&str] = &[".venv/bin", "node_modules/.bin"];

/// Where tools are looked for.
#[derive(Debug)]
pub(crate) struct Tools {
    language: Language,
    path: OsString,
}

impl Tools {
    /// In these folders, in those of the project, and then in `PATH`.
    pub(crate) fn new(language: Language, project: &Path, more: &[PathBuf]) -> Self {
        let own = OWN.iter().map(|folder| project.join(folder));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = more.iter().cloned().chain(own).chain(std::env::split_paths(&path));
        // A folder whose name can't stand in `PATH` can't be searched.
        let path = std::env::join_paths(all).unwrap_or(path);
        Self { language, path }
    }

    /// The first of these programs that is there.
    pub(crate) fn find(&self, names: &[&str]) -> Option<PathBuf> {
        names.iter().find_map(|name| which::which_in_global(name, Some(&self.path)).ok()?.next())
    }

    /// The program, or how to get it.
    pub(crate) fn need(&self, name: &'static str, get: &str) -> Result<PathBuf, BuildError> {
        self.find(&[name]).ok_or_else(|| self.missing(name, get))
    }

    pub(crate) fn missing(&self, tool: &'static str, get: &str) -> BuildError {
        BuildError::MissingTool { language: self.language, tool, get: get.to_owned() }
    }

    /// A command that finds the other tools, too.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", &self.path).stdin(Stdio::null());
        command
    }
}

/// Runs a tool to its end. What it says goes to stderr.
pub(crate) fn run(command: &mut Command) -> Result<(), BuildError> {
    let aside = std::io::stderr().as_fd().try_clone_to_owned();
    let status = aside.and_then(|aside| command.stdout(aside).status());
    let status = status.map_err(|error| BuildError::Tool { command: line(command), why: error.to_string() })?;
    ended(command, status)
}

/// The same, for what it writes to stdout.
pub(crate) fn read(command: &mut Command) -> Result<String, BuildError> {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| BuildError::Tool { command: line(command), why: error.to_string() })?;
    ended(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn ended(command: &Command, status: std::process::ExitStatus) -> Result<(), BuildError> {
    if status.success() {
        return Ok(());
    }
    Err(BuildError::Tool { command: line(command), why: status.to_string() })
}

/// The command line, for people.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_else(|| command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
