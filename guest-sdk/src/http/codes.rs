//! The error codes of wasi:http in plain words.

#[cfg(target_family = "wasm")]
use wasip2::http::types::HeaderError;
use wasip2::http::types::{ErrorCode, FieldSizePayload};

use super::{ErrorKind, Problem};

/// What a code means for the hook.
pub(super) fn problem(code: &ErrorCode) -> Problem {
    use ErrorKind::{Connection, Protocol, Request, Timeout, TooLarge};
    let (kind, message) = match code {
        ErrorCode::HttpRequestDenied => return Problem::denied(),
        ErrorCode::DnsTimeout => (Timeout, "the name of the server was not resolved in time".to_owned()),
        ErrorCode::DnsError(error) => {
            (Connection, detailed("the name of the server can't be resolved", error.rcode.as_deref()))
        }
        ErrorCode::DestinationNotFound => (Connection, "there is no such server".to_owned()),
        ErrorCode::DestinationUnavailable => (Connection, "the server can't be reached".to_owned()),
        ErrorCode::DestinationIpProhibited => {
            (ErrorKind::Denied, "the host doesn't allow the address of the server".to_owned())
        }
        ErrorCode::DestinationIpUnroutable => (Connection, "there is no route to the server".to_owned()),
        ErrorCode::ConnectionRefused => (Connection, "the connection was refused".to_owned()),
        ErrorCode::ConnectionTerminated => (Connection, "the connection was closed too early".to_owned()),
        ErrorCode::ConnectionTimeout => (Timeout, "no connection was made in time".to_owned()),
        ErrorCode::ConnectionReadTimeout => (Timeout, "the server stopped sending for too long".to_owned()),
        ErrorCode::ConnectionWriteTimeout => (Timeout, "the server stopped reading for too long".to_owned()),
        ErrorCode::ConnectionLimitReached => {
            (ErrorKind::Denied, "the host allows this hook no more connections".to_owned())
        }
        ErrorCode::TlsProtocolError => (Connection, "no secure connection could be made (TLS)".to_owned()),
        ErrorCode::TlsCertificateError => (Connection, "the server's certificate can't be trusted".to_owned()),
        ErrorCode::TlsAlertReceived(alert) => {
            (Connection, detailed("the server refused the secure connection (TLS)", alert.alert_message.as_deref()))
        }
        ErrorCode::HttpRequestLengthRequired => (Request, "the request has to tell its length".to_owned()),
        ErrorCode::HttpRequestBodySize(size) => (Request, sized("the body of the request is too large", *size)),
        ErrorCode::HttpRequestMethodInvalid => (Request, "this can't be a method".to_owned()),
        ErrorCode::HttpRequestUriInvalid => (Request, "the URL can't be used".to_owned()),
        ErrorCode::HttpRequestUriTooLong => (Request, "the URL is too long".to_owned()),
        ErrorCode::HttpRequestHeaderSectionSize(size) => {
            (Request, sized("the headers of the request are too large", size.map(u64::from)))
        }
        ErrorCode::HttpRequestHeaderSize(field) => {
            (Request, named("a header of the request is too large", field.as_ref()))
        }
        ErrorCode::HttpRequestTrailerSectionSize(size) => {
            (Request, sized("the trailers of the request are too large", size.map(u64::from)))
        }
        ErrorCode::HttpRequestTrailerSize(field) => {
            (Request, named("a trailer of the request is too large", Some(field)))
        }
        ErrorCode::HttpResponseIncomplete => (Protocol, "the response ended too early".to_owned()),
        ErrorCode::HttpResponseHeaderSectionSize(size) => {
            (TooLarge, sized("the headers of the response are too large", size.map(u64::from)))
        }
        ErrorCode::HttpResponseHeaderSize(field) => {
            (TooLarge, named("a header of the response is too large", Some(field)))
        }
        ErrorCode::HttpResponseBodySize(size) => {
            (TooLarge, sized("the body of the response is larger than the host lets through", *size))
        }
        ErrorCode::HttpResponseTrailerSectionSize(size) => {
            (TooLarge, sized("the trailers of the response are too large", size.map(u64::from)))
        }
        ErrorCode::HttpResponseTrailerSize(field) => {
            (TooLarge, named("a trailer of the response is too large", Some(field)))
        }
        ErrorCode::HttpResponseTransferCoding(coding) => {
            (Protocol, detailed("the response comes in a transfer coding that isn't known", coding.as_deref()))
        }
        ErrorCode::HttpResponseContentCoding(coding) => {
            (Protocol, detailed("the response comes in a content coding that isn't known", coding.as_deref()))
        }
        ErrorCode::HttpResponseTimeout => (Timeout, "the server didn't answer in time".to_owned()),
        ErrorCode::HttpUpgradeFailed => (Protocol, "the server refused to change the protocol".to_owned()),
        ErrorCode::HttpProtocolError => (Protocol, "the server broke the rules of HTTP".to_owned()),
        ErrorCode::LoopDetected => (Protocol, "the request went round in a circle".to_owned()),
        ErrorCode::ConfigurationError => (Protocol, "the host isn't set up for this request".to_owned()),
        ErrorCode::InternalError(message) => (Protocol, detailed("the host failed", message.as_deref())),
    };
    Problem::new(kind, message)
}

/// Why the host doesn't take headers.
#[cfg(target_family = "wasm")]
pub(super) fn header(error: &HeaderError) -> &'static str {
    match error {
        HeaderError::InvalidSyntax => "one of them isn't well formed",
        HeaderError::Forbidden => "one of them is for the host to set",
        HeaderError::Immutable => "they can't be changed any more",
    }
}

fn detailed(message: &str, detail: Option<&str>) -> String {
    detail
        .filter(|detail| !detail.is_empty())
        .map_or_else(|| message.to_owned(), |detail| format!("{message}: {detail}"))
}

fn sized(message: &str, size: Option<u64>) -> String {
    size.map_or_else(|| message.to_owned(), |size| format!("{message} ({size} bytes)"))
}

fn named(message: &str, field: Option<&FieldSizePayload>) -> String {
    let name = field.and_then(|field| field.field_name.as_deref());
    let message = detailed(message, name);
    sized(&message, field.and_then(|field| field.field_size).map(u64::from))
}

#[cfg(test)]
mod tests {
    use wasip2::http::types::DnsErrorPayload;

    use super::*;

    fn told(code: &ErrorCode) -> (ErrorKind, String) {
        let Problem { kind, message } = problem(code);
        (kind, message)
    }

    #[test]
    fn codes_are_told_with_what_they_carry() {
        let (kind, message) = told(&ErrorCode::HttpRequestDenied);
        assert_eq!(kind, ErrorKind::Denied);
        assert_eq!(message, "the host doesn't allow it: grant it in `grants.http`");
        let (kind, message) = told(&ErrorCode::DestinationIpProhibited);
        assert_eq!((kind, message.as_str()), (ErrorKind::Denied, "the host doesn't allow the address of the server"));
        let dns = DnsErrorPayload { rcode: Some("NXDOMAIN".to_owned()), info_code: None };
        assert_eq!(told(&ErrorCode::DnsError(dns)).1, "the name of the server can't be resolved: NXDOMAIN");
        assert_eq!(
            told(&ErrorCode::HttpResponseBodySize(Some(10))),
            (
                ErrorKind::TooLarge,
                "the body of the response is larger than the host lets through (10 bytes)".to_owned()
            )
        );
        let field = FieldSizePayload { field_name: Some("cookie".to_owned()), field_size: Some(9000) };
        assert_eq!(
            told(&ErrorCode::HttpRequestHeaderSize(Some(field))).1,
            "a header of the request is too large: cookie (9000 bytes)"
        );
        assert_eq!(told(&ErrorCode::InternalError(Some(String::new()))).1, "the host failed");
        assert_eq!(told(&ErrorCode::ConnectionReadTimeout).0, ErrorKind::Timeout);
    }
}
