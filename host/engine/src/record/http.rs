//! `wasi:http`: what servers answer, or have answered. Requests are put together as ever;
//! in a replay none of them leaves.

use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt as _, Empty};
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::IoError;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p2::bindings::http::types::{
    self, DnsErrorPayload, ErrorCode, FieldSizePayload, Host as _, RequestOptions, TlsAlertReceivedPayload, Trailers,
};
use wasmtime_wasi_http::p2::body::{HostFutureTrailers, HostIncomingBody, HostOutgoingBody};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::p2::{HttpError, HttpResult};
use wasmtime_wasi_http::{FieldMap, WasiHttpView as _};

use super::answer::{Answer, Code, Reader, StandIn, Value, malformed};
use super::entry::{Outcome, Trap};
use super::item::Item;
use super::tape::Tape;
use super::view::{View, answered};
use crate::state::State;

/// The instance whose functions are served here: its version is that of
/// wasmtime-wasi-http.
const TYPES: &str = "wasi:http/types@0.2.12";
const HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

/// What a future holds: nothing yet, nothing any more, an error, or the value.
type Future<T> = Option<Result<Result<T, ErrorCode>, ()>>;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance(HANDLER)?.func_wrap(
        "handle",
        |mut context, (request, options): (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>)| {
            told_to_guest(View(context.data_mut()).handle(request, options))
        },
    )?;
    let mut types = linker.instance(TYPES)?;
    types.func_wrap("http-error-code", |mut context, (error,): (Resource<IoError>,)| {
        Ok((View(context.data_mut()).error_code(error)?,))
    })?;
    types.resource(
        "future-incoming-response",
        ResourceType::host::<HostFutureIncomingResponse>(),
        |mut context, rep| {
            View(context.data_mut()).tape().forget(rep);
            types::HostFutureIncomingResponse::drop(&mut context.data_mut().http(), Resource::new_own(rep))
        },
    )?;
    types.func_wrap(
        "[method]future-incoming-response.get",
        |mut context, (future,): (Resource<HostFutureIncomingResponse>,)| {
            Ok((View(context.data_mut()).response(future)?,))
        },
    )?;
    types.resource("future-trailers", ResourceType::host::<HostFutureTrailers>(), |mut context, rep| {
        View(context.data_mut()).tape().forget(rep);
        types::HostFutureTrailers::drop(&mut context.data_mut().http(), Resource::new_own(rep))
    })?;
    types.func_wrap("[method]future-trailers.get", |mut context, (future,): (Resource<HostFutureTrailers>,)| {
        Ok((View(context.data_mut()).trailers(future)?,))
    })?;
    types.func_wrap(
        "[static]outgoing-body.finish",
        |mut context, (body, trailers): (Resource<HostOutgoingBody>, Option<Resource<Trailers>>)| {
            told_to_guest(View(context.data_mut()).finish(body, trailers))
        },
    )
}

/// An error is for the guest, unless it ends the call.
fn told_to_guest<T>(answer: HttpResult<T>) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
    Ok((match answer {
        Ok(value) => Ok(value),
        Err(error) => Err(error.downcast()?),
    },))
}

impl View<'_> {
    fn handle(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> HttpResult<Resource<HostFutureIncomingResponse>> {
        let args = asked(self.0.table.get(&request)?);
        self.tape().forget(request.rep());
        match self.begin("wasi:http/outgoing-handler#handle", args) {
            Ok(Some(outcome)) => {
                self.0.table.delete(request)?;
                self.replay(outcome)
            }
            Ok(None) => {
                let answer = outgoing_handler::Host::handle(&mut self.0.http(), request, options);
                self.end(answer)
            }
            Err(error) => Err(HttpError::trap(error)),
        }
    }
}

fn asked(request: &HostOutgoingRequest) -> Item {
    let text = |text: Option<&String>| text.map_or(Item::Nothing, |text| Item::text(text.as_str()));
    Item::named([
        ("method", Item::text(format!("{:?}", request.method).to_uppercase().replace("METHOD::", ""))),
        ("scheme", request.scheme.as_ref().map_or(Item::Nothing, |scheme| Item::text(format!("{scheme:?}")))),
        ("authority", text(request.authority.as_ref())),
        ("path", text(request.path_with_query.as_ref())),
        ("headers", written(&request.headers)),
    ])
}

/// Header fields, in their order.
fn written(headers: &HeaderMap) -> Item {
    let field = |(name, value): (&HeaderName, &HeaderValue)| {
        Item::List(vec![Item::text(name.as_str()), Item::text(value.as_bytes())])
    };
    Item::List(headers.iter().map(field).collect())
}

fn read(item: Item) -> wasmtime::Result<HeaderMap> {
    let Item::List(fields) = item else { return Err(malformed()) };
    let mut headers = HeaderMap::new();
    for field in fields {
        let Item::List(field) = field else { return Err(malformed()) };
        let [Item::Text(name), Item::Text(value)] = field.as_slice() else { return Err(malformed()) };
        headers.append(HeaderName::from_bytes(name)?, HeaderValue::from_bytes(value)?);
    }
    Ok(headers)
}

/// A future as it is taken down.
fn told<T>(future: &wasmtime::Result<Future<T>>, value: impl FnOnce(&T) -> Item) -> Outcome {
    match future {
        Ok(None) => Outcome::Ok(Item::Nothing),
        Ok(Some(Err(()))) => Outcome::Ok(Item::text("consumed")),
        Ok(Some(Ok(Err(code)))) => Outcome::Error(Code::write(code)),
        Ok(Some(Ok(Ok(ready)))) => Outcome::Ok(value(ready)),
        Err(error) => Outcome::Trap(Trap::of(error)),
    }
}

/// The same from a record.
fn future<T>(outcome: Outcome, value: impl FnOnce(Item) -> wasmtime::Result<T>) -> wasmtime::Result<Future<T>> {
    match outcome {
        Outcome::Ok(Item::Nothing) => Ok(None),
        Outcome::Ok(Item::Text(_)) => Ok(Some(Err(()))),
        Outcome::Ok(item) => Ok(Some(Ok(Ok(value(item)?)))),
        Outcome::Error(item) => Ok(Some(Ok(Err(Code::read(&item).ok_or_else(malformed)?)))),
        Outcome::Trap(trap) => Err(trap.error()),
    }
}

impl View<'_> {
    fn error_code(&mut self, error: Resource<IoError>) -> wasmtime::Result<Option<ErrorCode>> {
        answered!(self, "wasi:http/types#http-error-code", [error], self.0.http().http_error_code(error))
    }

    fn response(
        &mut self,
        this: Resource<HostFutureIncomingResponse>,
    ) -> wasmtime::Result<Future<Resource<HostIncomingResponse>>> {
        let args = Item::named([("this", Item::Number(self.tape().number(this.rep())))]);
        if let Some(outcome) = self.begin("wasi:http/types#future-incoming-response.get", args)? {
            return future(outcome, |mut item| self.recorded_response(&mut item));
        }
        let ready = types::HostFutureIncomingResponse::get(&mut self.0.http(), this);
        let table = &self.0.table;
        let outcome = told(&ready, |response| match table.get(response) {
            Ok(HostIncomingResponse { status, headers, .. }) => {
                Item::named([("status", Item::Number(u64::from(*status))), ("headers", written(headers))])
            }
            Err(_) => Item::Flag(false),
        });
        self.tape().end(outcome);
        ready
    }

    fn recorded_response(&mut self, item: &mut Item) -> wasmtime::Result<Resource<HostIncomingResponse>> {
        let Some(&Item::Number(status)) = item.get("status") else { return Err(malformed()) };
        let headers = item.get_mut("headers").map(|item| std::mem::replace(item, Item::Nothing));
        let headers = read(headers.ok_or_else(malformed)?)?;
        // What the guest reads of it is answered from the record, too.
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let view = self.0.http();
        let response = HostIncomingResponse {
            status: status.try_into()?,
            headers: FieldMap::new_immutable(view.hooks, headers),
            body: Some(HostIncomingBody::new(body)),
        };
        Ok(view.table.push(response)?)
    }

    fn trailers(&mut self, this: Resource<HostFutureTrailers>) -> wasmtime::Result<Future<Option<Resource<Trailers>>>> {
        let args = Item::named([("this", Item::Number(self.tape().number(this.rep())))]);
        if let Some(outcome) = self.begin("wasi:http/types#future-trailers.get", args)? {
            return future(outcome, |item| match item {
                Item::Flag(_) => Ok(None),
                item => {
                    let trailers = read(item)?;
                    let view = self.0.http();
                    let trailers = FieldMap::new_immutable(view.hooks, trailers);
                    Ok(Some(view.table.push(trailers)?))
                }
            });
        }
        let ready = types::HostFutureTrailers::get(&mut self.0.http(), this);
        let table = &self.0.table;
        let outcome = told(&ready, |trailers| match trailers.as_ref().map(|trailers| table.get(trailers)) {
            Some(Ok(trailers)) => written(trailers),
            _ => Item::Flag(false),
        });
        self.tape().end(outcome);
        ready
    }

    fn finish(&mut self, this: Resource<HostOutgoingBody>, trailers: Option<Resource<Trailers>>) -> HttpResult<()> {
        let with = trailers.as_ref().and_then(|trailers| Some(written(self.0.table.get(trailers).ok()?)));
        let tape = self.tape();
        let args =
            Item::named([("this", Item::Number(tape.number(this.rep()))), ("trailers", with.unwrap_or(Item::Nothing))]);
        tape.forget(this.rep());
        match self.begin("wasi:http/types#outgoing-body.finish", args) {
            Ok(Some(outcome)) => {
                drop(self.0.table.delete(this)?);
                if let Some(trailers) = trailers {
                    drop(self.0.table.delete(trailers)?);
                }
                self.replay(outcome)
            }
            Ok(None) => {
                let answer = types::HostOutgoingBody::finish(&mut self.0.http(), this, trailers);
                self.end(answer)
            }
            Err(error) => Err(HttpError::trap(error)),
        }
    }
}

impl StandIn for HostFutureIncomingResponse {
    fn stand_in(table: &mut wasmtime::component::ResourceTable) -> wasmtime::Result<Resource<Self>> {
        Ok(table.push(Self::Consumed)?)
    }
}

impl<T: Value> Answer for HttpResult<T> {
    fn write(self, tape: &Tape) -> (Outcome, Self) {
        let error = match self {
            Ok(value) => return (Outcome::Ok(value.write(tape)), Ok(value)),
            Err(error) => error.downcast(),
        };
        match error {
            Ok(code) => (Outcome::Error(Code::write(&code)), Err(code.into())),
            Err(error) => (Outcome::Trap(Trap::of(&error)), Err(HttpError::trap(error))),
        }
    }

    fn read(outcome: Outcome, reader: &mut Reader<'_>) -> Self {
        match outcome {
            Outcome::Ok(item) => T::read(item, reader).map_err(HttpError::trap),
            Outcome::Error(item) => {
                Err(<ErrorCode as Code>::read(&item).map_or_else(|| HttpError::trap(malformed()), Into::into))
            }
            Outcome::Trap(trap) => Err(HttpError::trap(trap.error())),
        }
    }

    fn trap(error: wasmtime::Error) -> Self {
        Err(HttpError::trap(error))
    }
}

impl Value for ErrorCode {
    fn write(&self, _: &Tape) -> Item {
        Code::write(self)
    }

    fn read(item: Item, _: &mut Reader<'_>) -> wasmtime::Result<Self> {
        Code::read(&item).ok_or_else(malformed)
    }
}

/// What an error says besides its name.
trait Detail: Sized {
    fn write(&self) -> Item;
    fn read(item: &Item) -> Option<Self>;
}

impl Detail for u64 {
    fn write(&self) -> Item {
        Item::Number(*self)
    }

    fn read(item: &Item) -> Option<Self> {
        if let Item::Number(number) = item { Some(*number) } else { None }
    }
}

macro_rules! small_details {
    ($($number:ty),+) => {$(
        impl Detail for $number {
            fn write(&self) -> Item {
                Item::Number(u64::from(*self))
            }

            fn read(item: &Item) -> Option<Self> {
                <u64 as Detail>::read(item)?.try_into().ok()
            }
        }
    )+};
}

small_details!(u8, u16, u32);

impl Detail for String {
    fn write(&self) -> Item {
        Item::text(self.as_str())
    }

    fn read(item: &Item) -> Option<Self> {
        item.as_str().map(str::to_owned)
    }
}

impl<T: Detail> Detail for Option<T> {
    fn write(&self) -> Item {
        self.as_ref().map_or(Item::Nothing, Detail::write)
    }

    fn read(item: &Item) -> Option<Self> {
        if *item == Item::Nothing { Some(None) } else { T::read(item).map(Some) }
    }
}

macro_rules! payloads {
    ($($type:ident { $($field:ident),+ })+) => {$(
        impl Detail for $type {
            fn write(&self) -> Item {
                Item::named([$((stringify!($field), Detail::write(&self.$field))),+])
            }

            fn read(item: &Item) -> Option<Self> {
                Some(Self { $($field: Detail::read(item.get(stringify!($field))?)?),+ })
            }
        }
    )+};
}

payloads! {
    DnsErrorPayload { rcode, info_code }
    TlsAlertReceivedPayload { alert_id, alert_message }
    FieldSizePayload { field_name, field_size }
}

macro_rules! errors {
    (plain: $($plain:ident),+; with: $($with:ident),+ $(,)?) => {
        impl Code for ErrorCode {
            fn write(&self) -> Item {
                match self {
                    $(Self::$plain => Item::text(stringify!($plain)),)+
                    $(Self::$with(detail) => Item::named([(stringify!($with), Detail::write(detail))]),)+
                }
            }

            fn read(item: &Item) -> Option<Self> {
                match item.as_str() {
                    $(Some(stringify!($plain)) => return Some(Self::$plain),)+
                    _ => {}
                }
                $(if let Some(detail) = item.get(stringify!($with)) {
                    return Detail::read(detail).map(Self::$with);
                })+
                None
            }
        }
    };
}

errors! {
    plain: DnsTimeout, DestinationNotFound, DestinationUnavailable, DestinationIpProhibited, DestinationIpUnroutable,
        ConnectionRefused, ConnectionTerminated, ConnectionTimeout, ConnectionReadTimeout, ConnectionWriteTimeout,
        ConnectionLimitReached, TlsProtocolError, TlsCertificateError, HttpRequestDenied, HttpRequestLengthRequired,
        HttpRequestMethodInvalid, HttpRequestUriInvalid, HttpRequestUriTooLong, HttpResponseIncomplete,
        HttpResponseTimeout, HttpUpgradeFailed, HttpProtocolError, LoopDetected, ConfigurationError;
    with: DnsError, TlsAlertReceived, HttpRequestBodySize, HttpRequestHeaderSectionSize, HttpRequestHeaderSize,
        HttpRequestTrailerSectionSize, HttpRequestTrailerSize, HttpResponseHeaderSectionSize, HttpResponseHeaderSize,
        HttpResponseBodySize, HttpResponseTrailerSectionSize, HttpResponseTrailerSize, HttpResponseTransferCoding,
        HttpResponseContentCoding, InternalError,
}
