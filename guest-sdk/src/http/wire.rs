//! One exchange over `wasi:http/outgoing-handler`.

use std::time::Duration;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme, http_error_code,
};
use wasip2::io::streams::StreamError;

use super::{ErrorKind, Incoming, Outgoing, Problem, codes};

/// What `blocking-write-and-flush` takes at most.
const WRITE: usize = 4096;
const READ: u64 = 64 * 1024;

pub(crate) fn http(outgoing: &Outgoing) -> Result<Incoming, Problem> {
    let request = request(outgoing)?;
    let body = match outgoing.body.as_slice() {
        [] => None,
        _ => Some(request.body().map_err(|()| refused("body"))?),
    };
    let future = outgoing_handler::handle(request, options(outgoing.timeout)?).map_err(|code| codes::problem(&code))?;
    // The host starts to read the body when the request is on its way, not before.
    let sent = body.map_or(Ok(()), |body| send(body, &outgoing.body).map_err(|code| code.as_ref().map(codes::problem)));
    match (wait(&future), sent) {
        // A server may answer before it has read everything.
        (Ok(response), _) => receive(&response, outgoing.max_body).map_err(|code| match code {
            ReadError::Code(code) => codes::problem(&code),
            ReadError::TooLarge => Problem::too_large(outgoing.max_body),
            ReadError::Other(message) => Problem::new(ErrorKind::Protocol, message),
        }),
        (Err(Some(code)), _) => Err(codes::problem(&code)),
        (Err(None), Err(Some(problem))) => Err(problem),
        (Err(None), _) => Err(Problem::new(ErrorKind::Protocol, "the host gave no response")),
    }
}

fn refused(what: &str) -> Problem {
    Problem::new(ErrorKind::Request, format!("the host can't send its {what} as it stands"))
}

fn request(outgoing: &Outgoing) -> Result<OutgoingRequest, Problem> {
    let mut headers: Vec<(String, Vec<u8>)> =
        outgoing.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    let says_length = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let wants_length = !outgoing.body.is_empty() || matches!(outgoing.method.as_str(), "POST" | "PUT" | "PATCH");
    if wants_length && !says_length {
        // Without it the body goes out in chunks, which not every server takes.
        headers.push(("content-length".to_owned(), outgoing.body.len().to_string().into_bytes()));
    }
    let headers = Fields::from_list(&headers).map_err(|error| {
        Problem::new(ErrorKind::Request, format!("the host doesn't take its headers: {}", codes::header(&error)))
    })?;
    let request = OutgoingRequest::new(headers);
    request.set_method(&method(&outgoing.method)).map_err(|()| refused("method"))?;
    let scheme = if outgoing.url.secure { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).map_err(|()| refused("scheme"))?;
    request.set_authority(Some(&outgoing.url.authority())).map_err(|()| refused("host"))?;
    request.set_path_with_query(Some(&outgoing.url.path_and_query())).map_err(|()| refused("path"))?;
    Ok(request)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "PATCH" => Method::Patch,
        "OPTIONS" => Method::Options,
        "CONNECT" => Method::Connect,
        "TRACE" => Method::Trace,
        other => Method::Other(other.to_owned()),
    }
}

fn options(timeout: Option<Duration>) -> Result<Option<RequestOptions>, Problem> {
    let Some(timeout) = timeout else {
        return Ok(None);
    };
    let nanos = Some(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
    let options = RequestOptions::new();
    options
        .set_connect_timeout(nanos)
        .and_then(|()| options.set_first_byte_timeout(nanos))
        .and_then(|()| options.set_between_bytes_timeout(nanos))
        .map_err(|()| refused("timeout"))?;
    Ok(Some(options))
}

/// Writes the body and ends it. When that fails, the response mostly tells why.
fn send(body: OutgoingBody, bytes: &[u8]) -> Result<(), Option<ErrorCode>> {
    let stream = body.write().map_err(|()| None)?;
    for chunk in bytes.chunks(WRITE) {
        stream.blocking_write_and_flush(chunk).map_err(code_of)?;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(Some)
}

fn wait(future: &FutureIncomingResponse) -> Result<IncomingResponse, Option<ErrorCode>> {
    future.subscribe().block();
    match future.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(code))) => Err(Some(code)),
        Some(Err(())) | None => Err(None),
    }
}

enum ReadError {
    Code(ErrorCode),
    TooLarge,
    Other(String),
}

fn receive(response: &IncomingResponse, max_body: usize) -> Result<Incoming, ReadError> {
    let broken = |what: &str| ReadError::Other(format!("the host doesn't give the {what} of the response"));
    let broke_off = || ReadError::Other("the response broke off".to_owned());
    let (status, headers) = (response.status(), response.headers().entries());
    let incoming = response.consume().map_err(|()| broken("body"))?;
    let stream = incoming.stream().map_err(|()| broken("body"))?;
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(READ) {
            Ok(chunk) => {
                if chunk.len() > max_body - body.len() {
                    return Err(ReadError::TooLarge);
                }
                body.extend(chunk);
            }
            Err(StreamError::Closed) => break,
            Err(error) => return Err(code_of(error).map_or_else(broke_off, ReadError::Code)),
        }
    }
    drop(stream);
    drop(IncomingBody::finish(incoming));
    Ok(Incoming { status, headers, body })
}

fn code_of(error: StreamError) -> Option<ErrorCode> {
    match error {
        StreamError::Closed => None,
        StreamError::LastOperationFailed(error) => http_error_code(&error),
    }
}
