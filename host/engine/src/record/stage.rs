//! A stage: what stands in the place of the machine when a hook is tried by its author.
//!
//! The hook runs as ever, under its limits and grants. But the time is the stage's, and
//! waiting takes none of it; servers, commands and secrets are those that the stage was
//! given; sources that the hook adds to the plan needn't be there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::command::{CommandError, Exit, Finished, Job};

/// What answers requests to these URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The method; none: any.
    pub method: Option<String>,
    /// The whole URL; a `*` at its end stands for any rest.
    pub url: String,
    /// What comes back.
    pub response: Result<HttpResponse, HttpFault>,
}

/// A response of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HttpFault {
    /// The name of the host is not known.
    UnknownHost,
    /// Nothing listens there.
    Refused,
    /// No answer within the time that the hook waits.
    Timeout,
    /// The certificate is not good.
    Certificate,
    /// The connection broke before the response was there.
    Broken,
}

impl HttpFault {
    fn error(self) -> Error {
        match self {
            Self::UnknownHost => Error::DnsError { rcode: Some("name not resolved".to_owned()), info_code: None },
            Self::Refused => Error::ConnectionRefused,
            Self::Timeout => Error::ConnectionReadTimeout,
            Self::Certificate => Error::TlsCertificateError,
            Self::Broken => Error::HttpResponseIncomplete,
        }
    }
}

/// What comes of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandAnswer {
    /// Its name in the grants.
    pub command: String,
    /// How it ends.
    pub end: Result<Exit, CommandFault>,
    /// What it writes to stdout.
    pub stdout: Vec<u8>,
    /// What it writes to stderr.
    pub stderr: Vec<u8>,
}

/// Why a command came to no end of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CommandFault {
    /// There is no such program, say.
    NotStarted,
    /// It took too long.
    TimedOut,
}

/// What a hook did on a stage, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act {
    /// It made a request.
    Request {
        /// The method.
        method: String,
        /// The URL.
        url: String,
        /// The header fields that the hook has set.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
        /// There was an answer for it.
        answered: bool,
    },
    /// It ran a command, with its places filled.
    Command {
        /// Its name in the grants.
        command: String,
        /// The program and its arguments.
        argv: Vec<String>,
        /// What it was given on stdin.
        stdin: Option<Vec<u8>>,
        /// There was an answer for it.
        answered: bool,
    },
}

/// A stage for one call. Of several answers for the same thing, each is given once, in
/// order, and the last one again and again.
#[derive(Debug, Default)]
pub struct Stage {
    /// The time at the begin of the call, since 1970.
    pub time: Duration,
    /// Seed of all random numbers.
    pub seed: [u8; 32],
    /// Servers.
    pub http: Mutex<Vec<HttpAnswer>>,
    /// Commands.
    pub commands: Mutex<Vec<CommandAnswer>>,
    /// Secrets, by the names of the grants.
    pub secrets: BTreeMap<String, String>,
    /// Nanoseconds since the begin.
    now: Mutex<u64>,
    acts: Mutex<Vec<Act>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next answer that fits: taken away unless it is the last that does.
fn next<T: Clone>(answers: &Mutex<Vec<T>>, fits: impl Fn(&T) -> bool) -> Option<T> {
    let mut answers = lock(answers);
    let first = answers.iter().position(&fits)?;
    if answers.iter().filter(|answer| fits(answer)).count() > 1 {
        return Some(answers.remove(first));
    }
    answers.get(first).cloned()
}

/// Where the stage's monotonic clock begins, in nanoseconds. No machine's stands at zero,
/// and Go takes one that does for broken.
const START: u64 = 1_000_000_000;

impl Stage {
    /// What the hook did.
    #[must_use]
    pub fn acts(&self) -> Vec<Act> {
        lock(&self.acts).clone()
    }

    pub(super) fn monotonic_clock(&self) -> u64 {
        START.saturating_add(*lock(&self.now))
    }

    pub(super) fn wall_clock(&self) -> Datetime {
        let now = self.time.saturating_add(Duration::from_nanos(*lock(&self.now)));
        Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() }
    }

    pub(super) fn subscribe(
        self: Arc<Self>,
        table: &mut ResourceTable,
        when: u64,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let timer = table.push(Timer { stage: self, when })?;
        subscribe(table, timer)
    }

    /// Answers a request.
    pub(crate) async fn respond(&self, request: Request<WasiBody>) -> Result<Response<WasiBody>, Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes().to_vec();
        let (method, url) = (parts.method.to_string(), parts.uri.to_string());
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = parts.headers.iter().filter(|(name, _)| **name != http::header::HOST);
        let headers = headers.map(|(name, value)| (name.to_string(), text(value))).collect();
        let answer = next(&self.http, |answer| {
            let url_fits = match answer.url.strip_suffix('*') {
                Some(begin) => url.starts_with(begin),
                None => url == answer.url,
            };
            url_fits && answer.method.as_ref().is_none_or(|wanted| *wanted == method)
        });
        lock(&self.acts).push(Act::Request { method, url, headers, body, answered: answer.is_some() });
        let Some(answer) = answer else { return Err(Error::DestinationUnavailable) };
        let HttpResponse { status, headers, body } = answer.response.map_err(HttpFault::error)?;
        let unusable = |why: String| Error::InternalError(Some(why));
        let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
        let mut response = Response::new(body);
        *response.status_mut() = status.try_into().map_err(|error| unusable(format!("{error}")))?;
        for (name, value) in headers {
            let name = HeaderName::try_from(name).map_err(|error| unusable(error.to_string()))?;
            let value = HeaderValue::try_from(value).map_err(|error| unusable(error.to_string()))?;
            response.headers_mut().append(name, value);
        }
        Ok(response)
    }

    /// Tells what comes of a command.
    pub(crate) fn run(&self, command: &str, job: &Job) -> Result<Finished, CommandError> {
        let answer = next(&self.commands, |answer| answer.command == command);
        lock(&self.acts).push(Act::Command {
            command: command.to_owned(),
            argv: std::iter::once(&job.program).chain(&job.args).cloned().collect(),
            stdin: job.stdin.clone(),
            answered: answer.is_some(),
        });
        let said = |what: &str| format!("command `{command}`: {what}");
        let Some(CommandAnswer { end, mut stdout, mut stderr, .. }) = answer else {
            return Err(CommandError::NotStarted(said("nothing is answered for it here")));
        };
        let exit = match end {
            Ok(exit) => exit,
            Err(CommandFault::NotStarted) => return Err(CommandError::NotStarted(said("cannot be started"))),
            Err(CommandFault::TimedOut) => {
                let timeout = job.timeout.unwrap_or_default();
                return Err(CommandError::TimedOut(said(&format!(
                    "was still running after {timeout:?} and was killed"
                ))));
            }
        };
        let (stdout_truncated, stderr_truncated) = (stdout.len() > job.output, stderr.len() > job.output);
        stdout.truncate(job.output);
        stderr.truncate(job.output);
        Ok(Finished { exit, stdout, stdout_truncated, stderr, stderr_truncated })
    }
}

/// A point of the stage's time, which is reached as soon as everybody waits for it.
struct Timer {
    stage: Arc<Stage>,
    when: u64,
}

/// Real time that whatever else may be waited for has to come first.
const OTHERS_FIRST: Duration = Duration::from_millis(5);

#[wasmtime_wasi::async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        if self.stage.monotonic_clock() < self.when {
            tokio::time::sleep(OTHERS_FIRST).await;
            let mut now = lock(&self.stage.now);
            *now = self.when.saturating_sub(START).max(*now);
        }
    }
}
