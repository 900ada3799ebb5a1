//! Where a secret comes from.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{capture, file};
use crate::Mask;
use crate::command::{Crew, Supervisor, find};
use crate::mask::SHORTEST;

/// Bytes of the longest secret: a private key or a service account's file has some
/// thousand.
pub(super) const LONGEST: usize = 64 << 10;

/// Variable that names the directory of a service's credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Where the value of a secret comes from. Nothing is looked at before it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct SecretSource(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    File(PathBuf),
    Env(String),
    Command { program: String, args: Vec<String> },
    Credential(String),
}

/// A source as it is kept: where a value comes from, never the value.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Written {
    File(#[serde(with = "crate::event::path")] PathBuf),
    Env(String),
    Command(Vec<String>),
    Credential(String),
}

impl From<SecretSource> for Written {
    fn from(source: SecretSource) -> Self {
        match source.0 {
            Kind::File(path) => Self::File(path),
            Kind::Env(name) => Self::Env(name),
            Kind::Command { program, args } => Self::Command(std::iter::once(program).chain(args).collect()),
            Kind::Credential(name) => Self::Credential(name),
        }
    }
}

impl TryFrom<Written> for SecretSource {
    type Error = InvalidSource;

    fn try_from(written: Written) -> Result<Self, InvalidSource> {
        match written {
            Written::File(path) => Self::file(path),
            Written::Env(name) => Self::env(name),
            Written::Command(argv) => Self::command(argv),
            Written::Credential(name) => Self::credential(name),
        }
    }
}

/// Why nothing can be a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSource {
    /// A file that depends on where the process was started.
    #[error("the path `{}` is not absolute", .0.display())]
    Relative(PathBuf),
    /// No variable can be named so.
    #[error("`{0}` is not the name of a variable")]
    Variable(String),
    /// There is no program in it.
    #[error("the command is empty")]
    EmptyCommand,
    /// A program that depends on where the process was started.
    #[error("the program `{0}` is neither an absolute path nor a name")]
    Program(String),
    /// No program can be given the argument.
    #[error("an argument of the command contains the character U+0000")]
    Argument,
    /// Not one file of the directory of credentials.
    #[error("`{0}` is not the name of a credential")]
    Credential(String),
}

/// Why a secret can't be read, for the operator. Never holds any of its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub(super) String);

impl SecretSource {
    /// The contents of a file that nobody else may read.
    ///
    /// # Errors
    /// When the path isn't absolute.
    pub fn file(path: PathBuf) -> Result<Self, InvalidSource> {
        if path.is_absolute() { Ok(Self(Kind::File(path))) } else { Err(InvalidSource::Relative(path)) }
    }

    /// An environment variable of this process.
    ///
    /// # Errors
    /// When no variable can have that name.
    pub fn env(name: String) -> Result<Self, InvalidSource> {
        let usable = !name.is_empty() && !name.contains(['=', '\0']);
        if usable { Ok(Self(Kind::Env(name))) } else { Err(InvalidSource::Variable(name)) }
    }

    /// What a program prints: `argv` is an absolute path or the name of a program of
    /// the system, and its arguments.
    ///
    /// # Errors
    /// When it can't be started by these words.
    pub fn command(argv: Vec<String>) -> Result<Self, InvalidSource> {
        let mut argv = argv.into_iter();
        let program = argv.next().filter(|program| !program.is_empty()).ok_or(InvalidSource::EmptyCommand)?;
        let args: Vec<_> = argv.collect();
        if args.iter().chain([&program]).any(|word| word.contains('\0')) {
            return Err(InvalidSource::Argument);
        }
        let named = !program.contains('/') && program != "." && program != "..";
        if !named && !Path::new(&program).is_absolute() {
            return Err(InvalidSource::Program(program));
        }
        Ok(Self(Kind::Command { program, args }))
    }

    /// A credential of the systemd service that this process runs in.
    ///
    /// # Errors
    /// When the name leads out of the service's credentials.
    pub fn credential(name: String) -> Result<Self, InvalidSource> {
        let usable = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
        if usable { Ok(Self(Kind::Credential(name))) } else { Err(InvalidSource::Credential(name)) }
    }

    /// What kind of source it is: `file`, `env`, `command` or `credential`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.0 {
            Kind::File(_) => "file",
            Kind::Env(_) => "env",
            Kind::Command { .. } => "command",
            Kind::Credential(_) => "credential",
        }
    }

    /// The name of the credential that it is, if it is one.
    #[must_use]
    pub fn credential_name(&self) -> Option<&str> {
        if let Kind::Credential(name) = &self.0 { Some(name) } else { None }
    }

    /// Whether it could be read now, as far as can be told without reading it or
    /// starting anything.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), Unavailable> {
        match &self.0 {
            Kind::File(path) => file::open(path, is_credential(path)).map(drop),
            Kind::Credential(name) => file::open(&credential(name)?, true).map(drop),
            Kind::Env(name) => variable(name).map(drop),
            Kind::Command { program, .. } => match find(program) {
                Ok(path) if path.is_file() => Ok(()),
                Ok(_) => Err(Unavailable(format!("there is no program {program}"))),
                Err(why) => Err(Unavailable(why)),
            },
        }
    }

    /// Reads the value, and hides it from now on wherever the mask is used. A line
    /// break at its end isn't part of it.
    ///
    /// A command runs under the supervisor, and ends with the call. A file that the
    /// system doesn't give is left to its thread.
    ///
    /// # Errors
    /// When it can't be read; or isn't UTF-8, too short to be masked, or too long.
    pub(crate) async fn read(
        &self,
        mask: &Mask,
        under: Option<(&Supervisor, &Crew)>,
    ) -> Result<Zeroizing<String>, Unavailable> {
        let bytes = match &self.0 {
            Kind::File(path) => file::read(path.clone(), is_credential(path)).await?,
            Kind::Credential(name) => file::read(credential(name)?, true).await?,
            Kind::Env(name) => variable(name)?,
            Kind::Command { program, args } => capture::run(program, args, under).await?,
        };
        let text = self.text(&bytes)?;
        mask.add(&text);
        Ok(text)
    }

    fn text(&self, bytes: &[u8]) -> Result<Zeroizing<String>, Unavailable> {
        let bytes = bytes.strip_suffix(b"\n").map_or(bytes, |bytes| bytes.strip_suffix(b"\r").unwrap_or(bytes));
        let wrong = |what: String| Err(Unavailable(format!("{self} {what}")));
        match std::str::from_utf8(bytes) {
            _ if bytes.is_empty() => wrong("holds nothing".to_owned()),
            _ if bytes.len() > LONGEST => wrong(format!("holds more than {LONGEST} bytes")),
            Err(_) => wrong("holds no text: it is not UTF-8".to_owned()),
            Ok(text) if text.len() < SHORTEST => {
                wrong(format!("holds fewer than {SHORTEST} bytes: it would be too short to be masked"))
            }
            Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        }
    }
}

/// In a few words, without the value and without what is handed to a command.
impl std::fmt::Display for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Kind::File(path) => write!(f, "the file {}", path.display()),
            Kind::Env(name) => write!(f, "the variable {name}"),
            Kind::Command { program, .. } => write!(f, "the command {program}"),
            Kind::Credential(name) => write!(f, "the credential {name}"),
        }
    }
}

fn variable(name: &str) -> Result<Zeroizing<Vec<u8>>, Unavailable> {
    use std::os::unix::ffi::OsStringExt as _;
    let value = std::env::var_os(name).ok_or_else(|| Unavailable(format!("the variable {name} is not set")))?;
    Ok(Zeroizing::new(value.into_vec()))
}

fn credentials() -> Option<PathBuf> {
    std::env::var_os(CREDENTIALS).map(PathBuf::from).filter(|dir| dir.is_absolute())
}

fn credential(name: &str) -> Result<PathBuf, Unavailable> {
    let missing = || {
        Unavailable(format!(
            "there is no credential {name}, since {CREDENTIALS} is not set: \
             start hookward as a systemd service with LoadCredential={name}:..."
        ))
    };
    Ok(credentials().ok_or_else(missing)?.join(name))
}

/// Whether the file is one of the service's credentials: systemd keeps others out of
/// their directory, whatever the mode of a file in it.
fn is_credential(path: &Path) -> bool {
    let direct = !path.components().any(|part| part == std::path::Component::ParentDir);
    direct && credentials().is_some_and(|dir| path.starts_with(dir))
}
