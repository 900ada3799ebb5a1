//! `wasi:http/outgoing-handler`: requests to what was granted, HTTP/1.1 and one
//! connection each.
//!
//! Nothing is set up for a hook that makes none: certificate authorities are read
//! for the first `https` request of the process.

mod address;
mod body;
mod connect;
mod grant;
mod pattern;
mod send;
mod written;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use http::header::{EXPECT, TE, TRAILER};
use wasmtime::component::Linker;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView,
    WasiHttpHooks, WasiHttpView,
};

pub use connect::Resolver;
pub use grant::{HttpGrant, InvalidHttpGrant};

use crate::log::Level;
use crate::record::{Seat, Stage, Tape};
use crate::recorder::Recorder;
use crate::state::State;
use crate::stop::Stop;
use crate::{Grants, Limits, Reason};

/// Links what the grant `http` is for.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

/// What a call needs for its requests.
pub(crate) struct Http {
    context: WasiHttpCtx,
    handler: Handler,
}

struct Handler {
    call: Arc<Call>,
    requests_left: u32,
}

/// Shared with the tasks of a call's requests.
struct Call {
    grants: Arc<Grants>,
    /// Looks names up; the system's resolver where there is none.
    resolver: Option<Arc<dyn Resolver>>,
    timeout: Duration,
    body: u64,
    headers: usize,
    recorder: Recorder,
    stop: Stop,
    /// Where the notes go, too, of a call that is recorded.
    tape: Option<Tape>,
    /// Answers in the place of servers, of a call that is staged.
    stage: Option<Arc<Stage>>,
}

impl Call {
    /// One line for the operator.
    fn note(&self, message: &str) {
        if let Some(tape) = &self.tape {
            tape.note(message);
        }
        if let Err(hit) = self.recorder.host(Level::Warn, message) {
            self.stop.now(hit.0);
        }
    }
}

impl Http {
    pub(crate) fn new(grants: &Arc<Grants>, limits: &Limits, recorder: &Recorder, stop: &Stop) -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(limits.http_headers);
        let call = Call {
            grants: Arc::clone(grants),
            resolver: None,
            timeout: limits.timeout,
            body: limits.http_body,
            headers: limits.http_headers,
            recorder: recorder.clone(),
            stop: stop.clone(),
            tape: None,
            stage: None,
        };
        Self { context, handler: Handler { call: Arc::new(call), requests_left: limits.http_requests } }
    }

    /// Puts another resolver in the place of the system's, before the first request; and
    /// a tape and a stage in theirs.
    pub(crate) fn set_up(&mut self, resolver: Option<Arc<dyn Resolver>>, aside: Option<&Seat>) {
        if let Some(call) = Arc::get_mut(&mut self.handler.call) {
            call.resolver = resolver;
            call.tape = aside.map(|aside| aside.tape.clone());
            call.stage = aside.and_then(|aside| aside.stage.clone());
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let Http { context, handler } = &mut self.http;
        WasiHttpCtxView { ctx: context, table: &mut self.table, hooks: handler }
    }
}

/// What a guest may not set: it is about the connection, which is the host's.
fn is_forbidden(name: &HeaderName) -> bool {
    DEFAULT_FORBIDDEN_HEADERS.contains(name)
        || [TE, TRAILER, EXPECT].contains(name)
        || name.as_str().starts_with("proxy-")
}

/// What is sent back to the guest when a response is there.
type Sent = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for Handler {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(is_forbidden)
    }

    /// Every scheme comes as far as [`send::check`], which denies it in words.
    fn is_supported_scheme(&mut self, _: &http::uri::Scheme) -> bool {
        true
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let Some(left) = self.requests_left.checked_sub(1) else {
            self.call.stop.now(Reason::HttpRequests);
            return Box::new(async { Err(Error::ConnectionLimitReached) });
        };
        self.requests_left = left;
        let call = Arc::clone(&self.call);
        let target = match send::check(&call.grants.http, request.method(), request.uri(), request.headers()) {
            Ok(target) => target,
            Err(why) => {
                call.note(&format!("denied {}: {why}", send::shown(request.method(), request.uri())));
                return Box::new(async { Err(Error::HttpRequestDenied) });
            }
        };
        if let Some(stage) = call.stage.clone() {
            return Box::new(async move {
                let response = stage.respond(request).await?;
                Ok((response, Box::new(std::future::ready(Ok(()))) as Box<_>))
            });
        }
        Box::new(async move {
            let (response, connection) = send::send(&call, &target, request, options.unwrap_or_default()).await?;
            let ended: Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> = Box::pin(async move {
                connection.await;
                Ok(())
            });
            Ok((response, Box::new(ended) as Box<_>))
        })
    }
}

/// Where a request would go, for fuzzers: scheme, host and port.
#[cfg(feature = "fuzzing")]
pub(crate) fn target(
    grants: &[HttpGrant],
    method: &http::Method,
    uri: &http::Uri,
    headers: &http::HeaderMap,
) -> Result<(&'static str, String, u16), String> {
    send::check(grants, method, uri, headers).map(|target| target.parts())
}
