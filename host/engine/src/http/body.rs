//! Bodies that are counted, in both directions.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;
use wasmtime_wasi_http::{Error, WasiBody};

use super::send::from_hyper;
use crate::Reason;
use crate::stop::Stop;

/// Bytes that may still pass in one direction.
pub(super) struct Allowance {
    limit: u64,
    left: u64,
    stop: Stop,
}

impl Allowance {
    pub(super) fn new(limit: u64, stop: Stop) -> Self {
        Self { limit, left: limit, stop }
    }

    /// Ends the call where a body is too long: a part of it would pass for the whole.
    fn take(&mut self, bytes: usize) -> Result<(), u64> {
        match self.left.checked_sub(bytes as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.stop.now(Reason::HttpBody);
                Err(self.limit)
            }
        }
    }
}

/// The guest's body on its way out.
pub(super) struct Outgoing {
    body: WasiBody,
    allowance: Allowance,
    /// What is left of the length that the guest's headers state.
    stated: Option<u64>,
}

impl Outgoing {
    pub(super) fn new(body: WasiBody, stated: Option<u64>, allowance: Allowance) -> Self {
        Self { body, allowance, stated }
    }

    fn count(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Error> {
        let Some(data) = frame.data_ref() else { return Ok(frame) };
        self.allowance.take(data.len()).map_err(|limit| Error::HttpRequestBodySize(Some(limit)))?;
        if let Some(stated) = &mut self.stated {
            // Cut to what was stated, it would look complete.
            let too_long = Error::HttpRequestBodySize(Some(*stated));
            *stated = stated.checked_sub(data.len() as u64).ok_or(too_long)?;
        }
        Ok(frame)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.and_then(|frame| self.count(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A server's body on its way in.
pub(super) struct Response {
    body: Incoming,
    allowance: Allowance,
    pause: Duration,
    /// Runs while the guest waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Response {
    /// `pause` is how long the guest waits for the next bytes.
    pub(super) fn new(body: Incoming, pause: Duration, allowance: Allowance) -> Self {
        Self { body, allowance, pause, waiting: None }
    }
}

impl Body for Response {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            let pause = self.pause;
            let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            return waiting.as_mut().poll(cx).map(|()| Some(Err(Error::ConnectionReadTimeout)));
        };
        self.waiting = None;
        let frame = frame.map(|frame| {
            let frame = frame.map_err(|error| from_hyper(&error))?;
            let length = frame.data_ref().map_or(0, Bytes::len);
            self.allowance.take(length).map_err(|limit| Error::HttpResponseBodySize(Some(limit)))?;
            Ok(frame)
        });
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
