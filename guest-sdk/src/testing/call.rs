//! One call of a hook.

use std::fmt::Display;

use serde::Serialize;
use serde_json::Value;

use super::mock::{CommandMock, HttpMock};
use super::recorder::{self, Recorder};
use super::{Report, Request, Response};
use crate::command::{self, Invocation, Output};
use crate::{Event, state};

/// One call of a hook, with a stand-in for the host.
#[derive(Debug)]
#[must_use = "nothing is called before `run`"]
pub struct Call {
    event: Event,
    host: Recorder,
}

impl Call {
    /// A call for an event: one that [`event`](super::event()) makes, or a whole
    /// [`Event`].
    pub fn new(event: impl Into<Event>) -> Self {
        Self { event: event.into(), host: Recorder::default() }
    }

    /// The hook's `config` table: `serde_json::json!({ .. })`, or whatever else
    /// serializes as a table. The values reach the hook as the host encodes them, a
    /// string as its text and anything else as JSON.
    pub fn config(mut self, table: impl Serialize) -> Self {
        self.host.config = encode(&table);
        self
    }

    /// Grants a command, and answers for it: with an [`Output`], what
    /// [`output`](super::output) makes, or a result. One that isn't granted is
    /// unknown, as to the host. What the grant would refuse is not checked here.
    /// ```
    /// use hookward_sdk::prelude::*;
    /// use hookward_sdk::testing::{self, Call, Invocation};
    ///
    /// let before = Call::new(testing::event(EventKind::Before));
    /// let report = before
    ///     .command("systemctl", |invocation: &Invocation| match invocation.argument("verb") {
    ///         Some("stop") => testing::output(""),
    ///         _ => testing::output("").code(1).stderr("what?"),
    ///     })
    ///     .run(|_: &Event| command("systemctl").arg("verb", "stop").run_ok().map(drop));
    /// assert!(report.is_ok());
    /// assert_eq!(report.commands[0].argument("verb"), Some("stop"));
    /// ```
    pub fn command<R: Into<Result<Output, command::Error>>>(
        mut self,
        name: impl Into<String>,
        mut answer: impl FnMut(&Invocation) -> R + 'static,
    ) -> Self {
        let mock = CommandMock::command(move |invocation| answer(invocation).into());
        self.host.command_mocks.insert(name.into(), mock);
        self
    }

    /// Grants a secret. One that isn't granted is unknown, as to the host.
    pub fn secret(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.host.secrets.insert(name.into(), value.into());
        self
    }

    /// Grants parts of the plan: `sources`, `tags`, `excludes`, `env`. What the hook
    /// asks for in another event than `before` of a backup is refused, as by the host.
    pub fn plan_grants(mut self, parts: &[&str]) -> Self {
        self.host.plan.granted.extend(parts.iter().map(|part| (*part).to_owned()));
        self
    }

    /// Answers requests: with a [`Response`], or with none for those that it leaves to
    /// the next. What nobody answers is denied, as by the host. Those that were added
    /// first are asked first, [routes](Self::route) among them.
    /// ```
    /// use hookward_sdk::prelude::*;
    /// use hookward_sdk::testing::{self, Call, Request};
    /// use hookward_sdk::http;
    ///
    /// let before = Call::new(testing::event(EventKind::Before));
    /// let report = before
    ///     .http(|request: &Request| testing::response(201).json(request.text().len()))
    ///     .run(|_: &Event| {
    ///         let length: usize = http::post("http://localhost/").text("four").send()?.json()?;
    ///         assert_eq!(length, 4);
    ///         Ok::<(), http::Error>(())
    ///     });
    /// assert_eq!(report.requests[0].header("content-type"), Some("text/plain; charset=utf-8"));
    /// ```
    pub fn http<R: Into<Option<Response>>>(mut self, mut answer: impl FnMut(&Request) -> R + 'static) -> Self {
        self.host.http_mocks.push(HttpMock::http(move |request| answer(request).into()));
        self
    }

    /// Answers one method of the URLs that match a pattern, in which `*` stands for
    /// any text. The query is a part of the URL.
    pub fn route(self, method: impl Into<String>, pattern: impl Into<String>, response: Response) -> Self {
        let (method, pattern) = (method.into(), pattern.into());
        self.http(move |request| request.matches(&method, &pattern).then(|| response.clone()))
    }

    /// Sets a value of the [state](crate::state) that the hook finds. What can't be
    /// JSON becomes an error that the hook is told.
    pub fn state<T: Serialize + ?Sized>(mut self, key: impl Into<String>, value: &T) -> Self {
        let key = key.into();
        if let Ok(state) = &mut self.host.state {
            match state::encode(&key, value) {
                Ok(bytes) => {
                    state.insert(key, bytes);
                }
                Err(error) => self.host.state = Err(error),
            }
        }
        self
    }

    /// Calls the hook.
    ///
    /// The error is told as in WebAssembly when `hook` is, or calls, a function
    /// under `#[hook]`. Of any other function it is what `Display` writes: the
    /// sources of an error are then not joined.
    ///
    /// A closure has to name the type of its argument: `|event: Event| ...`.
    pub fn run<M>(self, hook: impl Hook<M>) -> Report {
        let Self { event, mut host } = self;
        host.plan.kind = Some(event.kind);
        host.plan.operation.clone_from(&event.operation);
        let (returned, host) = recorder::during(host, || hook.call(event));
        let result = returned.map_err(|error| match host.error {
            // Else it is the error of some other hook, called on the way.
            Some(told) if told.starts_with(&error.brief) => told,
            _ => error.full,
        });
        Report {
            result,
            logs: host.logs,
            warnings: host.warnings,
            skip: host.skip,
            commands: host.commands,
            plan: host.changes,
            requests: host.requests,
            state: host.state.unwrap_or_default(),
        }
    }
}

/// What a [`Call`] can run: a function of an [`Event`] or a reference to one.
///
/// `M` keeps the kinds of function apart and is never named.
pub trait Hook<M> {
    /// Calls it, and turns its error into text.
    #[doc(hidden)]
    fn call(self, event: Event) -> Result<(), Told>;
}

/// An error as `{}` and as `{:#}`.
#[doc(hidden)]
#[derive(Debug)]
pub struct Told {
    brief: String,
    full: String,
}

impl Told {
    fn new(error: impl Display) -> Self {
        Self { brief: error.to_string(), full: format!("{error:#}") }
    }
}

impl<F: FnOnce(Event) -> Result<(), E>, E: Display> Hook<fn(Event) -> E> for F {
    fn call(self, event: Event) -> Result<(), Told> {
        self(event).map_err(Told::new)
    }
}

impl<F: FnOnce(&Event) -> Result<(), E>, E: Display> Hook<fn(&Event) -> E> for F {
    fn call(self, event: Event) -> Result<(), Told> {
        self(&event).map_err(Told::new)
    }
}

/// Encodes a table as the host does.
fn encode(table: &impl Serialize) -> Result<Vec<(String, String)>, String> {
    let table = serde_json::to_value(table)
        .map_err(|error| format!("what the test gave to `config` can't be a table: {error}"))?;
    let Value::Object(table) = table else {
        return Err(format!("the test gave `{table}` to `config`, which wants a table"));
    };
    Ok(table
        .into_iter()
        // TOML has no null: such a key isn't there.
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| match value {
            Value::String(text) => (key, text),
            other => (key, other.to_string()),
        })
        .collect())
}
