//! The closures of a test that stand in for what the host would do.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::{Request, Response};
use crate::command::{Error, Exit, Invocation, Output};
use crate::{EventKind, PlanChange, PlanError};

/// A closure of a test, shared so that it can be called while the recorder is free.
pub(crate) struct Mock<F: ?Sized>(Rc<RefCell<F>>);

pub(crate) type CommandMock = Mock<dyn FnMut(&Invocation) -> Result<Output, Error>>;
pub(crate) type HttpMock = Mock<dyn FnMut(&Request) -> Option<Response>>;

impl<F: ?Sized> Mock<F> {
    /// Calls it: none when it is being called already.
    pub(crate) fn call<R>(&self, call: impl FnOnce(&mut F) -> R) -> Option<R> {
        self.0.try_borrow_mut().ok().map(|mut closure| call(&mut closure))
    }
}

impl CommandMock {
    pub(crate) fn command(closure: impl FnMut(&Invocation) -> Result<Output, Error> + 'static) -> Self {
        Self(Rc::new(RefCell::new(closure)))
    }
}

impl HttpMock {
    pub(crate) fn http(closure: impl FnMut(&Request) -> Option<Response> + 'static) -> Self {
        Self(Rc::new(RefCell::new(closure)))
    }
}

impl<F: ?Sized> Clone for Mock<F> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<F: ?Sized> fmt::Debug for Mock<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mock(..)")
    }
}

/// The output of a command that wrote this to stdout and ended with exit code 0.
/// ```
/// use hookward_sdk::command::Output;
/// use hookward_sdk::testing;
///
/// let output: Output = testing::output("").code(4).stderr("Unit app.service not found.").into();
/// assert_eq!(output.exit.to_string(), "exit code 4");
/// ```
pub fn output(stdout: impl Into<Vec<u8>>) -> OutputBuilder {
    OutputBuilder(Output {
        exit: Exit::Code(0),
        stdout: stdout.into(),
        stdout_truncated: false,
        stderr: Vec::new(),
        stderr_truncated: false,
    })
}

/// An [`Output`] in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct OutputBuilder(Output);

impl OutputBuilder {
    /// Sets the exit code.
    pub fn code(mut self, code: u8) -> Self {
        self.0.exit = Exit::Code(code);
        self
    }

    /// Lets a signal end it.
    pub fn signal(mut self, signal: u8) -> Self {
        self.0.exit = Exit::Signal(signal);
        self
    }

    /// Sets what it wrote to stderr.
    pub fn stderr(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.stderr = bytes.into();
        self
    }
}

impl From<OutputBuilder> for Output {
    fn from(builder: OutputBuilder) -> Self {
        builder.0
    }
}

/// What a command of a test may answer with, besides a result of its own.
impl From<OutputBuilder> for Result<Output, Error> {
    fn from(builder: OutputBuilder) -> Self {
        Ok(builder.0)
    }
}

impl From<Output> for Result<Output, Error> {
    fn from(output: Output) -> Self {
        Ok(output)
    }
}

/// Which changes of the plan the host would take.
#[derive(Debug, Default)]
pub(crate) struct PlanGate {
    pub(crate) granted: Vec<String>,
    pub(crate) kind: Option<EventKind>,
    pub(crate) operation: String,
}

impl PlanGate {
    pub(crate) fn check(&self, change: &PlanChange) -> Result<(), PlanError> {
        let part = match change {
            PlanChange::SetSources(_) | PlanChange::AddSources(_) => "sources",
            PlanChange::AddTags(_) => "tags",
            PlanChange::AddExcludes(_) => "excludes",
            PlanChange::SetEnv { .. } => "env",
        };
        if !self.granted.iter().any(|granted| granted == part) {
            return Err(PlanError::NotGranted(format!(
                "the hook may not change the plan's {part}: grant it in `grants.plan`"
            )));
        }
        if self.kind != Some(EventKind::Before) || self.operation != "backup" {
            let kind = self.kind.map_or("-", EventKind::as_str);
            return Err(PlanError::NotNow(format!(
                "the plan can be changed in `before` of a backup, not in `{kind}` of `{}`",
                self.operation
            )));
        }
        invalid(change).map_or(Ok(()), |message| Err(PlanError::Invalid(message)))
    }
}

fn invalid(change: &PlanChange) -> Option<String> {
    match change {
        PlanChange::SetSources(sources) | PlanChange::AddSources(sources) => sources
            .iter()
            .find(|source| !source.starts_with('/'))
            .map(|source| format!("source `{source}` is not an absolute path")),
        PlanChange::AddTags(tags) => tags
            .iter()
            .find(|tag| tag.is_empty() || tag.contains(','))
            .map(|tag| format!("tag `{tag}` can't be used: a tag is not empty and has no comma")),
        PlanChange::AddExcludes(patterns) => {
            patterns.iter().any(String::is_empty).then(|| "an empty pattern excludes nothing".to_owned())
        }
        PlanChange::SetEnv { name, .. } => {
            (name.is_empty() || name.contains(['=', '\0'])).then(|| format!("`{name}` can't be the name of a variable"))
        }
    }
}
