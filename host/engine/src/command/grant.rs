//! One command that the operator named, and what a hook may choose about it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::run::Job;
use super::template::{Pattern, Template};
use super::variables::{is_name, is_reserved};
use super::written::Written;
use super::{Invocation, shown};
use crate::SecretSource;

/// Bytes of stdout, and of stderr, that are kept where nothing is said: a listing
/// fits, and a program that has gone mad fills no memory.
const OUTPUT: usize = 1 << 20;

/// A command that a hook may run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
#[non_exhaustive]
pub struct CommandGrant {
    program: String,
    args: Vec<Template>,
    patterns: BTreeMap<String, Pattern>,
    env: BTreeMap<String, Value>,
    hook_env: BTreeSet<String>,
    /// Wall clock of one run; none: the hook's own.
    pub timeout: Option<Duration>,
    /// Name of the user that it runs as; none: that of the host.
    pub user: Option<String>,
    /// Its working directory.
    pub cwd: String,
    /// Whether the hook may give it something to read.
    pub stdin: bool,
    /// Bytes of stdout, and of stderr, that the hook is given; the rest is cut off.
    pub output: usize,
}

/// The value of a command's variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Value {
    Text(String),
    /// Read each time that the command is run, and never known to the hook.
    Secret(SecretSource),
}

/// A hook's wish, granted: all but the secrets that the command is given.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) job: Job,
    /// Variables that are still to be read.
    pub(super) secrets: Vec<(String, SecretSource)>,
}

/// What is wrong with the words of a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgvError {
    /// There is no program.
    #[error("the command has no program: `argv` is empty")]
    Empty,
    /// The program is one that could be anything.
    #[error("`{0}` is no program: {1}")]
    Program(String, &'static str),
    /// The word of this index can't be read.
    #[error("{message}")]
    Argument {
        /// Counts from 0, the program included.
        index: usize,
        /// What is wrong.
        message: String,
    },
    /// A place has no pattern.
    #[error("the place `{{{place}}}` has no pattern")]
    NoPattern {
        /// The word that has it. Counts from 0, the program included.
        index: usize,
        /// Its name.
        place: String,
    },
    /// A pattern has no place.
    #[error("no argument has a place `{{{0}}}`")]
    NoPlace(String),
    /// The pattern of the place can't be read.
    #[error("the pattern of `{place}` is no regular expression: {message}")]
    Pattern {
        /// Name of the place.
        place: String,
        /// What is wrong.
        message: String,
    },
}

/// Why a variable can't be granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVariable {
    /// It is no name.
    #[error("`{0}` is not the name of a variable")]
    Name(String),
    /// Its value has a character that no variable can have.
    #[error("the value of `{0}` contains the character U+0000")]
    Nul(String),
    /// With it, a hook could make another program of this one.
    #[error("no hook may set `{0}`, which decides what a program loads, runs or reads")]
    Reserved(String),
}

/// Why a hook's wish is not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("it has no place `{0}`")]
    UnknownPlace(String),
    #[error("the place `{0}` is given twice")]
    PlaceTwice(String),
    #[error("the place `{0}` is not given")]
    PlaceMissing(String),
    #[error("the value of `{0}` has a control character")]
    Control(String),
    #[error("the value of `{place}` does not match its pattern `{pattern}`")]
    Pattern { place: String, pattern: String },
    #[error("the value of `{place}` begins with `-`, which would make an option of the argument `{argument}`")]
    Option { place: String, argument: String },
    #[error("the variable `{0}` is not in `hook-env` of its grant")]
    Variable(String),
    #[error("the variable `{0}` is given twice")]
    VariableTwice(String),
    #[error("the value of the variable `{0}` contains the character U+0000")]
    Nul(String),
    #[error("its grant has no `stdin = true`")]
    Stdin,
}

impl CommandGrant {
    /// A command of these words: a program and its arguments, with a pattern for each
    /// `{place}` in them. It has no environment of its own, runs in `/`, and takes
    /// no stdin.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn new(argv: &[String], patterns: &BTreeMap<String, String>) -> Result<Self, Vec<ArgvError>> {
        let mut errors = Vec::new();
        let Some((program, args)) = argv.split_first() else { return Err(vec![ArgvError::Empty]) };
        let program = self::program(program).map_err(|error| errors.push(error)).unwrap_or_default();
        let mut templates = Vec::new();
        let mut open = BTreeSet::new();
        for (index, arg) in args.iter().enumerate().map(|(index, arg)| (index + 1, arg)) {
            let parsed = if arg.contains('\0') {
                Err("an argument contains the character U+0000".to_owned())
            } else {
                Template::parse(arg)
            };
            match parsed {
                Ok(template) => {
                    for place in template.places() {
                        if !patterns.contains_key(place) {
                            errors.push(ArgvError::NoPattern { index, place: place.to_owned() });
                        }
                        open.insert(place.to_owned());
                    }
                    templates.push(template);
                }
                Err(message) => errors.push(ArgvError::Argument { index, message }),
            }
        }
        let mut compiled = BTreeMap::new();
        for (place, pattern) in patterns {
            match Pattern::new(pattern) {
                Ok(pattern) => drop(compiled.insert(place.clone(), pattern)),
                Err(message) => errors.push(ArgvError::Pattern { place: place.clone(), message }),
            }
            if !open.contains(place) {
                errors.push(ArgvError::NoPlace(place.clone()));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            program,
            args: templates,
            patterns: compiled,
            env: BTreeMap::new(),
            hook_env: BTreeSet::new(),
            timeout: None,
            user: None,
            cwd: "/".to_owned(),
            stdin: false,
            output: OUTPUT,
        })
    }

    /// Gives the command a variable.
    ///
    /// # Errors
    /// When there can be no such variable.
    pub fn set_env(&mut self, name: &str, value: &str) -> Result<(), InvalidVariable> {
        if !is_name(name) {
            return Err(InvalidVariable::Name(name.to_owned()));
        }
        if value.contains('\0') {
            return Err(InvalidVariable::Nul(name.to_owned()));
        }
        self.env.insert(name.to_owned(), Value::Text(value.to_owned()));
        Ok(())
    }

    /// Gives the command a secret in a variable. The hook doesn't get to know it.
    ///
    /// # Errors
    /// When there can be no such variable.
    pub fn set_secret_env(&mut self, name: &str, source: SecretSource) -> Result<(), InvalidVariable> {
        if !is_name(name) {
            return Err(InvalidVariable::Name(name.to_owned()));
        }
        self.env.insert(name.to_owned(), Value::Secret(source));
        Ok(())
    }

    /// Lets the hook give the command this variable, in the place of the value that it
    /// may have here.
    ///
    /// # Errors
    /// When there can be no such variable, or no hook may set it.
    pub fn allow_env(&mut self, name: &str) -> Result<(), InvalidVariable> {
        if !is_name(name) {
            return Err(InvalidVariable::Name(name.to_owned()));
        }
        if is_reserved(name) {
            return Err(InvalidVariable::Reserved(name.to_owned()));
        }
        self.hook_env.insert(name.to_owned());
        Ok(())
    }

    /// The program and its arguments, as they were given.
    pub fn argv(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.program.as_str()).chain(self.args.iter().map(Template::written))
    }

    /// The pattern of each place.
    pub fn patterns(&self) -> impl Iterator<Item = (&str, &str)> {
        self.patterns.iter().map(|(place, pattern)| (place.as_str(), pattern.written()))
    }

    /// Names of the variables that the command is given.
    pub fn env(&self) -> impl Iterator<Item = &str> {
        self.env.keys().map(String::as_str)
    }

    /// Names of the variables that the hook may set.
    pub fn hook_env(&self) -> impl Iterator<Item = &str> {
        self.hook_env.iter().map(String::as_str)
    }

    /// The variables that the command is given, with their values.
    pub(super) fn variables(&self) -> &BTreeMap<String, Value> {
        &self.env
    }

    /// What a hook asks for, if all of it is granted.
    pub(super) fn grant(&self, invocation: Invocation) -> Result<Granted, Refusal> {
        let values = self.values(invocation.arguments)?;
        let fill = |template: &Template| {
            let option =
                |place: &str| Refusal::Option { place: place.to_owned(), argument: template.written().to_owned() };
            template.fill(&values).map_err(option)
        };
        let args = self.args.iter().map(fill).collect::<Result<_, _>>()?;
        if invocation.stdin.is_some() && !self.stdin {
            return Err(Refusal::Stdin);
        }
        let mut job = Job::new(self.program.clone(), args, self.output);
        let mut secrets = Vec::new();
        for (name, value) in self.environment(invocation.environment)? {
            match value {
                Value::Text(text) => job.env.push((name, Zeroizing::new(text))),
                Value::Secret(source) => secrets.push((name, source)),
            }
        }
        job.user.clone_from(&self.user);
        job.cwd.clone_from(&self.cwd);
        job.stdin = invocation.stdin;
        job.timeout = self.timeout;
        Ok(Granted { job, secrets })
    }

    fn values(&self, given: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Refusal> {
        let mut values = BTreeMap::new();
        for (place, value) in given {
            let Some(pattern) = self.patterns.get(&place) else {
                return Err(Refusal::UnknownPlace(shown(&place)));
            };
            if values.contains_key(&place) {
                return Err(Refusal::PlaceTwice(place));
            }
            // Whatever the pattern says: one line must stay one line.
            if value.contains(char::is_control) {
                return Err(Refusal::Control(place));
            }
            if !pattern.matches(&value) {
                return Err(Refusal::Pattern { place, pattern: pattern.written().to_owned() });
            }
            values.insert(place, value);
        }
        match self.patterns.keys().find(|place| !values.contains_key(*place)) {
            Some(place) => Err(Refusal::PlaceMissing(place.clone())),
            None => Ok(values),
        }
    }

    fn environment(&self, given: Vec<(String, String)>) -> Result<BTreeMap<String, Value>, Refusal> {
        let mut own = BTreeMap::new();
        for (name, value) in given {
            if !self.hook_env.contains(&name) {
                return Err(Refusal::Variable(shown(&name)));
            }
            if value.contains('\0') {
                return Err(Refusal::Nul(name));
            }
            if own.contains_key(&name) {
                return Err(Refusal::VariableTwice(name));
            }
            own.insert(name, Value::Text(value));
        }
        let mut all = self.env.clone();
        all.extend(own);
        Ok(all)
    }
}

/// A program that is the same whoever asks: an absolute path, or a name for the
/// fixed path.
fn program(word: &str) -> Result<String, ArgvError> {
    let wrong = |why| Err(ArgvError::Program(word.to_owned(), why));
    let template = Template::parse(word).map_err(|message| ArgvError::Argument { index: 0, message })?;
    if template.places().next().is_some() {
        return wrong("an open place can't stand in it");
    }
    let program = template.fill(&BTreeMap::new()).unwrap_or_default();
    if program.is_empty() {
        return wrong("it is empty");
    }
    if program.contains('\0') {
        return wrong("it contains the character U+0000");
    }
    if program.contains('/') && !program.starts_with('/') {
        return wrong("it is a relative path");
    }
    if matches!(program.as_str(), "." | "..") {
        return wrong("it is a directory");
    }
    Ok(program)
}
