//! The host functions of a call that is recorded or replayed: each asks the tape first.
//!
//! Only what the machine, the clock or chance has a part in is asked for; what follows
//! from its arguments alone runs as ever. The functions are linked over the usual ones,
//! in a linker that no other call uses.

use std::sync::Arc;

use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::cli::WasiCliView as _;
use wasmtime_wasi::clocks::WasiClocksView as _;
use wasmtime_wasi::p2::bindings::cli::{stderr, stdout};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::bindings::io::{error, poll, streams};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, IoError, StreamError, StreamResult};

use super::answer::{Answer, Many, Reader, Value};
use super::entry::Outcome;
use super::item::Item;
use super::stage::Stage;
use super::tape::Tape;
use super::{files, http, sockets};
use crate::limiter::LimitHit;
use crate::reason::Reason;
use crate::state::State;

/// The state of a call that is recorded or replayed.
pub(crate) struct View<'a>(pub(crate) &'a mut State);

pub(super) struct HasView;

impl HasData for HasView {
    type Data<'a> = View<'a>;
}

/// Links all of them over what is linked already.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    wall_clock::add_to_linker::<_, HasView>(linker, |state| View(state))?;
    monotonic_clock::add_to_linker::<_, HasView>(linker, |state| View(state))?;
    random::add_to_linker::<_, HasView>(linker, |state| View(state))?;
    insecure::add_to_linker::<_, HasView>(linker, |state| View(state))?;
    insecure_seed::add_to_linker::<_, HasView>(linker, |state| View(state))?;
    poll::add_to_linker::<_, HasView>(linker, |state| View(state))?;
    error::add_to_linker::<_, HasView>(linker, |state| View(state))?;
    streams::add_to_linker::<_, HasView>(linker, |state| View(state))?;
    stdout::add_to_linker::<_, HasView>(linker, |state| View(state))?;
    stderr::add_to_linker::<_, HasView>(linker, |state| View(state))?;
    files::link(linker)?;
    sockets::link(linker)?;
    http::link(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl View<'_> {
    /// Where the call is taken down, or answered from.
    pub(super) fn tape(&self) -> Tape {
        // Without one, nothing of this is linked; a tape without room does no harm.
        self.0.aside.as_ref().map_or_else(|| Tape::record(0), |aside| aside.tape.clone())
    }

    fn stage(&self) -> Option<Arc<Stage>> {
        self.0.aside.as_ref().and_then(|aside| aside.stage.clone())
    }

    pub(super) fn begin(&self, call: &str, args: Item) -> wasmtime::Result<Option<Outcome>> {
        self.tape().begin(call, args, Some(&self.0.recorder))
    }

    pub(super) fn end<A: Answer>(&self, answer: A) -> A {
        let tape = self.tape();
        let (outcome, answer) = answer.write(&tape);
        tape.end(outcome);
        answer
    }

    pub(super) fn replay<A: Answer>(&mut self, outcome: Outcome) -> A {
        let tape = self.tape();
        A::read(outcome, &mut Reader { table: &mut self.0.table, tape: &tape })
    }

    pub(super) fn is_replay(&self) -> bool {
        self.tape().is_replay()
    }

    fn is_own<T: 'static>(&self, stream: &Resource<T>) -> bool {
        self.tape().is_own(stream.rep())
    }
}

/// Asks the tape for the answer of a host function, and the host if the tape has none.
macro_rules! answered {
    ($view:expr, $call:expr, [$($arg:ident),*], $real:expr) => {{
        let args = $crate::record::item::Item::named(
            [$((stringify!($arg), $crate::record::answer::Argument::write(&$arg, &$view.tape()))),*],
        );
        match $view.begin($call, args) {
            Ok(Some(outcome)) => $view.replay(outcome),
            Ok(None) => {
                let answer = $real;
                $view.end(answer)
            }
            Err(error) => $crate::record::answer::Answer::trap(error),
        }
    }};
}

/// Methods that are answered so, and otherwise are those of wasmtime-wasi.
macro_rules! methods {
    ($prefix:literal, $trait:ident of $real:ident: $(fn $name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {$(
        fn $name(&mut self, $($arg: $type),*) -> $answer {
            answered!(self, concat!($prefix, stringify!($name)), [$($arg),*], {
                $trait::$name(&mut self.0.$real(), $($arg),*)
            })
        }
    )*};
}

/// The same of those that wait.
macro_rules! async_methods {
    ($prefix:literal, $trait:ident of $real:ident: $(fn $name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {$(
        async fn $name(&mut self, $($arg: $type),*) -> $answer {
            answered!(self, concat!($prefix, stringify!($name)), [$($arg),*], {
                $trait::$name(&mut self.0.$real(), $($arg),*).await
            })
        }
    )*};
}

pub(super) use {answered, async_methods, methods};

impl Value for wall_clock::Datetime {
    fn write(&self, tape: &Tape) -> Item {
        (self.seconds, self.nanoseconds).write(tape)
    }

    fn read(item: Item, reader: &mut Reader<'_>) -> wasmtime::Result<Self> {
        let (seconds, nanoseconds) = Value::read(item, reader)?;
        Ok(Self { seconds, nanoseconds })
    }
}

impl wall_clock::Host for View<'_> {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        answered!(
            self,
            "wasi:clocks/wall-clock#now",
            [],
            match self.stage() {
                Some(stage) => Ok(stage.wall_clock()),
                None => wall_clock::Host::now(&mut self.0.clocks()),
            }
        )
    }

    methods! { "wasi:clocks/wall-clock#", HostOfWallClock of clocks:
        fn resolution() -> wasmtime::Result<wall_clock::Datetime>;
    }
}

use monotonic_clock::Host as HostOfMonotonicClock;
use wall_clock::Host as HostOfWallClock;

impl monotonic_clock::Host for View<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        answered!(
            self,
            "wasi:clocks/monotonic-clock#now",
            [],
            match self.stage() {
                Some(stage) => Ok(stage.monotonic_clock()),
                None => monotonic_clock::Host::now(&mut self.0.clocks()),
            }
        )
    }

    methods! { "wasi:clocks/monotonic-clock#", HostOfMonotonicClock of clocks:
        fn resolution() -> wasmtime::Result<u64>;
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        answered!(
            self,
            "wasi:clocks/monotonic-clock#subscribe-instant",
            [when],
            match self.stage() {
                Some(stage) => stage.subscribe(&mut self.0.table, when),
                None => self.0.clocks().subscribe_instant(when),
            }
        )
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        answered!(
            self,
            "wasi:clocks/monotonic-clock#subscribe-duration",
            [duration],
            match self.stage() {
                Some(stage) => {
                    let when = stage.monotonic_clock().saturating_add(duration);
                    stage.subscribe(&mut self.0.table, when)
                }
                None => self.0.clocks().subscribe_duration(duration),
            }
        )
    }
}

impl View<'_> {
    /// Random bytes: from the seed, here and in a replay.
    fn chance(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        let aside = self.0.aside.as_mut().ok_or_else(|| wasmtime::Error::msg("a call without a seed"))?;
        if length > aside.transfer as u64 {
            return Err(LimitHit(Reason::Transfer).into());
        }
        let mut bytes = vec![0; usize::try_from(length)?];
        aside.chance.fill(&mut bytes);
        Ok(bytes)
    }

    fn chance_u64(&mut self) -> wasmtime::Result<u64> {
        let bytes = self.chance(8)?;
        Ok(bytes.first_chunk().copied().map(u64::from_le_bytes).unwrap_or_default())
    }
}

impl random::Host for View<'_> {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.chance(len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.chance_u64()
    }
}

impl insecure::Host for View<'_> {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.chance(len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.chance_u64()
    }
}

impl insecure_seed::Host for View<'_> {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((self.chance_u64()?, self.chance_u64()?))
    }
}

impl poll::Host for View<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        let ready: wasmtime::Result<Many<u32>> = answered!(self, "wasi:io/poll#poll", [pollables], {
            poll::Host::poll(&mut self.0.table, pollables).await.map(Many)
        });
        ready.map(|ready| ready.0)
    }
}

impl poll::HostPollable for View<'_> {
    async fn ready(&mut self, this: Resource<DynPollable>) -> wasmtime::Result<bool> {
        answered!(self, "wasi:io/poll#pollable.ready", [this], {
            poll::HostPollable::ready(&mut self.0.table, this).await
        })
    }

    async fn block(&mut self, this: Resource<DynPollable>) -> wasmtime::Result<()> {
        answered!(self, "wasi:io/poll#pollable.block", [this], {
            poll::HostPollable::block(&mut self.0.table, this).await
        })
    }

    fn drop(&mut self, this: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.tape().forget(this.rep());
        poll::HostPollable::drop(&mut self.0.table, this)
    }
}

impl error::Host for View<'_> {}

impl error::HostError for View<'_> {
    fn to_debug_string(&mut self, this: Resource<IoError>) -> wasmtime::Result<String> {
        answered!(self, "wasi:io/error#error.to-debug-string", [this], {
            error::HostError::to_debug_string(&mut self.0.table, this)
        })
    }

    fn drop(&mut self, this: Resource<IoError>) -> wasmtime::Result<()> {
        self.tape().forget(this.rep());
        error::HostError::drop(&mut self.0.table, this)
    }
}

impl streams::Host for View<'_> {
    fn convert_stream_error(&mut self, error: StreamError) -> wasmtime::Result<streams::StreamError> {
        streams::Host::convert_stream_error(&mut self.0.table, error)
    }
}

impl View<'_> {
    fn table(&mut self) -> &mut wasmtime::component::ResourceTable {
        &mut self.0.table
    }
}

impl streams::HostInputStream for View<'_> {
    fn read(&mut self, this: Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        answered!(self, "wasi:io/streams#input-stream.read", [this, len], self.table().read(this, len))
    }

    async fn blocking_read(&mut self, this: Resource<DynInputStream>, len: u64) -> StreamResult<Vec<u8>> {
        answered!(self, "wasi:io/streams#input-stream.blocking-read", [this, len], {
            self.table().blocking_read(this, len).await
        })
    }

    fn skip(&mut self, this: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        answered!(self, "wasi:io/streams#input-stream.skip", [this, len], self.table().skip(this, len))
    }

    async fn blocking_skip(&mut self, this: Resource<DynInputStream>, len: u64) -> StreamResult<u64> {
        answered!(self, "wasi:io/streams#input-stream.blocking-skip", [this, len], {
            self.table().blocking_skip(this, len).await
        })
    }

    fn subscribe(&mut self, this: Resource<DynInputStream>) -> wasmtime::Result<Resource<DynPollable>> {
        streams::HostInputStream::subscribe(self.table(), this)
    }

    async fn drop(&mut self, this: Resource<DynInputStream>) -> wasmtime::Result<()> {
        self.tape().forget(this.rep());
        streams::HostInputStream::drop(self.table(), this).await
    }
}

/// What is written to the call's own output is neither taken down nor answered: it goes
/// to the log, in a replay too.
macro_rules! written {
    ($view:expr, $this:ident, $call:expr, [$($arg:ident),*], $real:expr) => {
        if $view.is_own(&$this) { $real } else { answered!($view, $call, [$this $(, $arg)*], $real) }
    };
}

impl streams::HostOutputStream for View<'_> {
    fn check_write(&mut self, this: Resource<DynOutputStream>) -> StreamResult<u64> {
        written!(self, this, "wasi:io/streams#output-stream.check-write", [], self.table().check_write(this))
    }

    fn write(&mut self, this: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        written!(self, this, "wasi:io/streams#output-stream.write", [bytes], self.table().write(this, bytes))
    }

    async fn blocking_write_and_flush(&mut self, this: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        written!(self, this, "wasi:io/streams#output-stream.blocking-write-and-flush", [bytes], {
            self.table().blocking_write_and_flush(this, bytes).await
        })
    }

    fn flush(&mut self, this: Resource<DynOutputStream>) -> StreamResult<()> {
        written!(self, this, "wasi:io/streams#output-stream.flush", [], self.table().flush(this))
    }

    async fn blocking_flush(&mut self, this: Resource<DynOutputStream>) -> StreamResult<()> {
        written!(self, this, "wasi:io/streams#output-stream.blocking-flush", [], {
            self.table().blocking_flush(this).await
        })
    }

    fn subscribe(&mut self, this: Resource<DynOutputStream>) -> wasmtime::Result<Resource<DynPollable>> {
        streams::HostOutputStream::subscribe(self.table(), this)
    }

    fn write_zeroes(&mut self, this: Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        written!(self, this, "wasi:io/streams#output-stream.write-zeroes", [len], {
            self.table().write_zeroes(this, len)
        })
    }

    async fn blocking_write_zeroes_and_flush(&mut self, this: Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        written!(self, this, "wasi:io/streams#output-stream.blocking-write-zeroes-and-flush", [len], {
            self.table().blocking_write_zeroes_and_flush(this, len).await
        })
    }

    fn splice(
        &mut self,
        this: Resource<DynOutputStream>,
        src: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        answered!(self, "wasi:io/streams#output-stream.splice", [this, src, len], {
            self.table().splice(this, src, len)
        })
    }

    async fn blocking_splice(
        &mut self,
        this: Resource<DynOutputStream>,
        src: Resource<DynInputStream>,
        len: u64,
    ) -> StreamResult<u64> {
        answered!(self, "wasi:io/streams#output-stream.blocking-splice", [this, src, len], {
            self.table().blocking_splice(this, src, len).await
        })
    }

    async fn drop(&mut self, this: Resource<DynOutputStream>) -> wasmtime::Result<()> {
        self.tape().forget(this.rep());
        streams::HostOutputStream::drop(self.table(), this).await
    }
}

impl stdout::Host for View<'_> {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        let stream = stdout::Host::get_stdout(&mut self.0.cli())?;
        self.tape().own(stream.rep());
        Ok(stream)
    }
}

impl stderr::Host for View<'_> {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        let stream = stderr::Host::get_stderr(&mut self.0.cli())?;
        self.tape().own(stream.rep());
        Ok(stream)
    }
}
