//! One request: checked in the form in which it is sent, then sent.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout};
use wasmtime_wasi::runtime::AbortOnDropJoinHandle;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::body::{Allowance, Outgoing, Response};
use super::connect::connect;
use super::grant::{Asked, HttpGrant, Scheme, is_never_allowed, parse_port};
use super::pattern::{Host, unambiguous};
use super::{Call, is_forbidden};

/// Timeouts of a guest that sets none. A hook's own `timeout` comes first.
const CONNECT: Duration = Duration::from_secs(10);
const FIRST_BYTE: Duration = Duration::from_secs(60);
const BETWEEN_BYTES: Duration = Duration::from_secs(60);

/// The least that hyper takes for its buffer.
const MIN_BUFFER: usize = 8 << 10;

/// Header fields of a response.
const MAX_FIELDS: usize = 200;

/// Where a request goes, in the one spelling that was checked.
#[derive(Debug)]
pub(super) struct Target {
    grant: HttpGrant,
    scheme: Scheme,
    host: Host,
    port: u16,
}

impl Target {
    #[cfg(feature = "fuzzing")]
    pub(super) fn parts(&self) -> (&'static str, String, u16) {
        (self.scheme.as_str(), self.host.to_string(), self.port)
    }

    fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Looks for the grant that covers a request. Otherwise says why there is none.
pub(super) fn check(grants: &[HttpGrant], method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Target, String> {
    if is_never_allowed(method) {
        return Err(format!("{method} is never allowed"));
    }
    let scheme = match uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => return Err("its scheme is neither http nor https".to_owned()),
    };
    let (host, port) = authority(uri, scheme)?;
    unambiguous(uri.path())?;
    if !uri.query().unwrap_or_default().bytes().all(|b| b.is_ascii_graphic()) {
        return Err("its query has characters that must be written with `%`".to_owned());
    }
    // `Host` is the host's own by now: it stands for what is in the URL.
    if let Some(name) = headers.keys().find(|&name| name != HOST && is_forbidden(name)) {
        return Err(format!("its header `{name}` is the host's business"));
    }
    let asked = Asked { method, scheme, host: &host, port, path: uri.path(), query: uri.query() };
    match grants.iter().find(|grant| grant.covers(asked)) {
        Some(grant) => Ok(Target { grant: grant.clone(), scheme, host, port }),
        None => Err("no grant covers it (grants.http)".to_owned()),
    }
}

/// Host and port, if the authority is nothing more than these.
fn authority(uri: &Uri, scheme: Scheme) -> Result<(Host, u16), String> {
    let authority = uri.authority().ok_or("it names no host")?.as_str();
    if authority.contains('@') {
        return Err("its URL has a user or a password".to_owned());
    }
    let host = Host::parse(uri.host().unwrap_or_default())?;
    let rest = authority.get(uri.host().unwrap_or_default().len()..).unwrap_or_default();
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => scheme.default_port(),
        port => port.and_then(parse_port).ok_or("its port is no number from 1 to 65535")?,
    };
    Ok((host, port))
}

/// What a message may show of a request: no query, no password.
pub(super) fn shown(method: &Method, uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{method} {}://{host}{port}{}", uri.scheme_str().unwrap_or_default(), uri.path())
}

/// What works on for a response: the connection.
pub(super) type Connection = AbortOnDropJoinHandle<()>;

/// Connects, sends, and waits for the head of the response. Whoever drops the
/// future, or what it returns, closes the connection.
pub(super) async fn send(
    call: &Call,
    target: &Target,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<(http::Response<WasiBody>, Connection), Error> {
    let pause = |given: Option<Duration>, default: Duration| given.unwrap_or(default).min(call.timeout);
    let shown = shown(request.method(), request.uri());
    let connect_timeout = pause(options.connect_timeout, CONNECT);
    let first_byte_timeout = pause(options.first_byte_timeout, FIRST_BYTE);
    // Whether something is there at once is chance.
    if connect_timeout.is_zero() {
        return Err(Error::ConnectionTimeout);
    }
    if first_byte_timeout.is_zero() {
        return Err(Error::ConnectionReadTimeout);
    }
    let deadline = Instant::now().checked_add(connect_timeout).unwrap_or_else(Instant::now);
    let Target { grant, scheme, host, port } = target;
    let stream = connect(grant, *scheme, host, *port, call.resolver.as_deref(), deadline).await.map_err(|failed| {
        let what = if failed.is_denial() { "denied" } else { "failed" };
        call.note(&format!("{what} {shown}: {}", failed.why));
        failed.code
    })?;

    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.max_buf_size(call.headers.max(MIN_BUFFER)).max_headers(MAX_FIELDS);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| from_hyper(&error))?;
    let connection = wasmtime_wasi::runtime::spawn(async move {
        // The guest is told by its body, or by the response that doesn't come.
        if let Err(error) = connection.await {
            tracing::debug!("an HTTP connection ended early: {error}");
        }
    });
    let request = outgoing(call, target, request)?;
    let response = timeout(first_byte_timeout, sender.send_request(request))
        .await
        .map_err(|_| Error::ConnectionReadTimeout)?
        .map_err(|error| from_hyper(&error))?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS || response.status().is_informational() {
        return Err(Error::HttpUpgradeFailed);
    }
    // As on the wire: `name: value`, line break.
    let size: usize = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > call.headers {
        return Err(Error::HttpResponseHeaderSectionSize(u32::try_from(size).ok()));
    }
    let between = pause(options.between_bytes_timeout, BETWEEN_BYTES);
    let allowance = Allowance::new(call.body, call.stop.clone());
    Ok((response.map(|body| Response::new(body, between, allowance).boxed_unsync()), connection))
}

/// The request as it goes over the wire.
fn outgoing(call: &Call, target: &Target, request: Request<WasiBody>) -> Result<Request<Outgoing>, Error> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    // Without its slash, a query would stand alone in the request line.
    let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
    parts.uri = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let host = HeaderValue::from_str(&target.authority()).map_err(|_| Error::HttpRequestUriInvalid)?;
    parts.headers.insert(HOST, host);
    let stated = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let allowance = Allowance::new(call.body, call.stop.clone());
    Ok(Request::from_parts(parts, Outgoing::new(body, stated, allowance)))
}

/// What the guest is told of an error on the wire.
pub(super) fn from_hyper(error: &hyper::Error) -> Error {
    let source = std::error::Error::source(error);
    if let Some(Error::HttpRequestBodySize(size)) = source.and_then(|source| source.downcast_ref()) {
        return Error::HttpRequestBodySize(*size);
    }
    let early = source
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof);
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else if error.is_incomplete_message() || early {
        Error::HttpResponseIncomplete
    } else if error.is_closed() || error.is_canceled() {
        Error::ConnectionTerminated
    } else {
        tracing::debug!("an HTTP error: {error:?}");
        Error::HttpProtocolError
    }
}
