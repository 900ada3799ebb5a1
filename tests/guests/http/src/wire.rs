//! The requests themselves, by the bindings: no library stands in between that
//! would mend what is sent.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::streams::{OutputStream, StreamError};

use crate::Request;

/// Bytes that one call may write.
const CHUNK: u64 = 4096;

/// What came of a request: the status, the headers named `x-*` and the body, or what failed.
pub(crate) fn exchange(request: &Request) -> String {
    let outcome = send(request).and_then(|future| receive(&future));
    let response = match outcome {
        Ok(response) => response,
        Err(error) => return error,
    };
    if request.follow && (300..400).contains(&response.status()) {
        return match next(request, &response) {
            Some(request) => exchange(&request),
            None => "no location".to_owned(),
        };
    }
    let mut said = response.status().to_string();
    for (name, value) in response.headers().entries() {
        if name.starts_with("x-") {
            said.push_str(&format!(" {name}={}", String::from_utf8_lossy(&value)));
        }
    }
    format!("{said} {}", read(&response))
}

/// Sends a request with its body.
pub(crate) fn send(given: &Request) -> Result<FutureIncomingResponse, String> {
    let fields = Fields::new();
    for (name, value) in &given.headers {
        fields.append(name, value.as_bytes()).map_err(|error| format!("header {name}: {error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    let refused = |what: &str| format!("refused: {what}");
    request.set_method(&method(&given.method)).map_err(|()| refused("method"))?;
    request.set_scheme(given.scheme.as_deref().map(scheme).as_ref()).map_err(|()| refused("scheme"))?;
    request.set_authority(given.authority.as_deref()).map_err(|()| refused("authority"))?;
    request.set_path_with_query(given.path.as_deref()).map_err(|()| refused("path"))?;
    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(given.connect_timeout);
    let _ = options.set_first_byte_timeout(given.first_byte_timeout);
    let _ = options.set_between_bytes_timeout(given.between_bytes_timeout);

    let body = match given.body.is_some() || given.fill > 0 {
        true => Some(request.body().map_err(|()| refused("body"))?),
        false => None,
    };
    let future = handle(request, Some(options)).map_err(|error| format!("{error:?}"))?;
    if let Some(body) = body {
        write(&body, given)?;
        if given.unfinished {
            std::mem::forget(body);
        } else {
            OutgoingBody::finish(body, None).map_err(|error| format!("finish: {error:?}"))?;
        }
    }
    Ok(future)
}

fn write(body: &OutgoingBody, given: &Request) -> Result<(), String> {
    let stream = body.write().map_err(|()| "no stream".to_owned())?;
    let failed = |error: StreamError| match error {
        // The response says why.
        StreamError::Closed => Ok(()),
        StreamError::LastOperationFailed(error) => Err(format!("write: {}", error.to_debug_string())),
    };
    for part in given.body.iter().flat_map(|body| body.as_bytes().chunks(CHUNK as usize)) {
        stream.blocking_write_and_flush(part).or_else(failed)?;
    }
    fill(&stream, given.fill).or_else(failed)
}

fn fill(stream: &OutputStream, mut left: u64) -> Result<(), StreamError> {
    let chunk = [b'x'; CHUNK as usize];
    while left > 0 {
        let part = chunk.get(..left.min(CHUNK) as usize).unwrap_or(&chunk);
        stream.blocking_write_and_flush(part)?;
        left -= part.len() as u64;
    }
    Ok(())
}

fn receive(future: &FutureIncomingResponse) -> Result<IncomingResponse, String> {
    future.subscribe().block();
    match future.get() {
        Some(Ok(response)) => response.map_err(|error| format!("{error:?}")),
        other => Err(format!("no response: {other:?}")),
    }
}

/// The body, shortened.
fn read(response: &IncomingResponse) -> String {
    let Ok(body) = response.consume() else { return "no body".to_owned() };
    let Ok(stream) = body.stream() else { return "no stream".to_owned() };
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(part) => bytes.extend(part),
            Err(StreamError::Closed) if bytes.len() > 1000 => return format!("{} bytes", bytes.len()),
            Err(StreamError::Closed) => return String::from_utf8_lossy(&bytes).into_owned(),
            Err(StreamError::LastOperationFailed(error)) => {
                return format!("{} bytes, then {}", bytes.len(), error.to_debug_string());
            }
        }
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn scheme(name: &str) -> Scheme {
    match name {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    }
}

/// The request that a redirect asks for.
fn next(request: &Request, response: &IncomingResponse) -> Option<Request> {
    let location = String::from_utf8(response.headers().get("location").pop()?).ok()?;
    let (scheme, rest) = location.split_once("://")?;
    let (authority, path) = rest.split_once('/')?;
    Some(Request {
        method: request.method.clone(),
        scheme: Some(scheme.to_owned()),
        authority: Some(authority.to_owned()),
        path: Some(format!("/{path}")),
        headers: Vec::new(),
        body: None,
        fill: 0,
        unfinished: false,
        connect_timeout: None,
        first_byte_timeout: None,
        between_bytes_timeout: None,
        follow: true,
    })
}
