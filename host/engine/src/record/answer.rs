//! From the values of host functions to those of a record, and back.

use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::TrappableError;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, InputStream, IoError, OutputStream, Pollable, ReaddirIterator,
    StreamError, StreamResult, TcpSocket, subscribe,
};

use super::entry::{Outcome, Trap};
use super::item::Item;
use super::tape::Tape;

/// What an answer from a record needs to become one for the guest.
pub(crate) struct Reader<'a> {
    pub(crate) table: &'a mut ResourceTable,
    pub(crate) tape: &'a Tape,
}

/// A value that a host function answers with.
pub(crate) trait Value: Sized {
    fn write(&self, tape: &Tape) -> Item;
    fn read(item: Item, reader: &mut Reader<'_>) -> wasmtime::Result<Self>;
}

/// An error that a host function answers with.
pub(crate) trait Code: Sized {
    fn write(&self) -> Item;
    fn read(item: &Item) -> Option<Self>;
}

/// What a host function returns.
pub(crate) trait Answer: Sized {
    /// As it is taken down, and itself.
    fn write(self, tape: &Tape) -> (Outcome, Self);
    fn read(outcome: Outcome, reader: &mut Reader<'_>) -> Self;
    fn trap(error: wasmtime::Error) -> Self;
}

/// A value that a guest passes to a host function.
pub(crate) trait Argument {
    fn write(&self, tape: &Tape) -> Item;
}

pub(crate) fn malformed() -> wasmtime::Error {
    wasmtime::Error::msg("the record's answer is none that this function gives")
}

fn resource<T: 'static>(resource: &Resource<T>, tape: &Tape) -> Item {
    Item::Number(tape.number(resource.rep()))
}

impl<T: 'static> Argument for Resource<T> {
    fn write(&self, tape: &Tape) -> Item {
        resource(self, tape)
    }
}

impl<T: Argument> Argument for Option<T> {
    fn write(&self, tape: &Tape) -> Item {
        self.as_ref().map_or(Item::Nothing, |value| value.write(tape))
    }
}

impl<T: 'static> Argument for Vec<Resource<T>> {
    fn write(&self, tape: &Tape) -> Item {
        Item::List(self.iter().map(|one| resource(one, tape)).collect())
    }
}

impl Argument for Vec<u8> {
    fn write(&self, _: &Tape) -> Item {
        Item::text(self.as_slice())
    }
}

impl Argument for String {
    fn write(&self, _: &Tape) -> Item {
        Item::text(self.as_str())
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl Argument for $number {
            fn write(&self, _: &Tape) -> Item {
                Item::Number(u64::from(*self))
            }
        }

        impl Value for $number {
            fn write(&self, _: &Tape) -> Item {
                Item::Number(u64::from(*self))
            }

            fn read(item: Item, _: &mut Reader<'_>) -> wasmtime::Result<Self> {
                let Item::Number(number) = item else { return Err(malformed()) };
                number.try_into().map_err(|_| malformed())
            }
        }
    )+};
}

numbers!(u8, u16, u32, u64);

/// Arguments that are told by their names, as Rust has them.
macro_rules! told {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::record::answer::Argument for $type {
            fn write(&self, _: &$crate::record::tape::Tape) -> $crate::record::item::Item {
                $crate::record::item::Item::text(format!("{self:?}"))
            }
        }
    )+};
}

told!(bool);

/// Values of an enumeration, by their names.
macro_rules! named {
    ($type:ident { $($variant:ident),+ $(,)? }) => {
        impl $crate::record::answer::Code for $type {
            fn write(&self) -> $crate::record::item::Item {
                $crate::record::item::Item::text(match self {
                    $($type::$variant => stringify!($variant),)+
                })
            }

            fn read(item: &$crate::record::item::Item) -> Option<Self> {
                match item.as_str()? {
                    $(stringify!($variant) => Some($type::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use {named, told};

impl Value for () {
    fn write(&self, _: &Tape) -> Item {
        Item::Nothing
    }

    fn read(item: Item, _: &mut Reader<'_>) -> wasmtime::Result<Self> {
        if item == Item::Nothing { Ok(()) } else { Err(malformed()) }
    }
}

impl Value for bool {
    fn write(&self, _: &Tape) -> Item {
        Item::Flag(*self)
    }

    fn read(item: Item, _: &mut Reader<'_>) -> wasmtime::Result<Self> {
        if let Item::Flag(flag) = item { Ok(flag) } else { Err(malformed()) }
    }
}

impl Value for String {
    fn write(&self, _: &Tape) -> Item {
        Item::text(self.as_str())
    }

    fn read(item: Item, _: &mut Reader<'_>) -> wasmtime::Result<Self> {
        item.as_str().map(str::to_owned).ok_or_else(malformed)
    }
}

impl Value for Vec<u8> {
    fn write(&self, _: &Tape) -> Item {
        Item::text(self.as_slice())
    }

    fn read(item: Item, _: &mut Reader<'_>) -> wasmtime::Result<Self> {
        if let Item::Text(bytes) = item { Ok(bytes.to_vec()) } else { Err(malformed()) }
    }
}

/// A list of values.
pub(crate) struct Many<T>(pub(crate) Vec<T>);

impl<T: Value> Value for Many<T> {
    fn write(&self, tape: &Tape) -> Item {
        Item::List(self.0.iter().map(|value| value.write(tape)).collect())
    }

    fn read(item: Item, reader: &mut Reader<'_>) -> wasmtime::Result<Self> {
        let Item::List(items) = item else { return Err(malformed()) };
        items.into_iter().map(|item| T::read(item, reader)).collect::<Result<_, _>>().map(Self)
    }
}

/// A value in a list of one, so that it differs from none.
impl<T: Value> Value for Option<T> {
    fn write(&self, tape: &Tape) -> Item {
        self.as_ref().map_or(Item::Nothing, |value| Item::List(vec![value.write(tape)]))
    }

    fn read(item: Item, reader: &mut Reader<'_>) -> wasmtime::Result<Self> {
        match item {
            Item::Nothing => Ok(None),
            Item::List(mut items) if items.len() == 1 => {
                T::read(items.pop().unwrap_or(Item::Nothing), reader).map(Some)
            }
            _ => Err(malformed()),
        }
    }
}

macro_rules! tuples {
    ($(($($part:ident $index:tt),+))+) => {$(
        impl<$($part: Value),+> Value for ($($part,)+) {
            fn write(&self, tape: &Tape) -> Item {
                Item::List(vec![$(self.$index.write(tape)),+])
            }

            fn read(item: Item, reader: &mut Reader<'_>) -> wasmtime::Result<Self> {
                let Item::List(items) = item else { return Err(malformed()) };
                let mut items = items.into_iter();
                Ok(($($part::read(items.next().ok_or_else(malformed)?, reader)?,)+))
            }
        }
    )+};
}

tuples! {
    (A 0, B 1)
    (A 0, B 1, C 2)
}

/// A resource with something in the host's table that takes its place in a replay.
pub(crate) trait StandIn: 'static + Sized {
    fn stand_in(table: &mut ResourceTable) -> wasmtime::Result<Resource<Self>>;
}

impl<T: StandIn> Value for Resource<T> {
    fn write(&self, tape: &Tape) -> Item {
        resource(self, tape)
    }

    fn read(item: Item, reader: &mut Reader<'_>) -> wasmtime::Result<Self> {
        let resource = T::stand_in(reader.table)?;
        // Numbers are given in the order of the answers, here as there.
        if item == Item::Number(reader.tape.number(resource.rep())) { Ok(resource) } else { Err(malformed()) }
    }
}

/// Stands for a resource that no host function ever looks into: all of them are
/// answered from the record.
pub(crate) struct Opaque;

impl Opaque {
    fn of<T: 'static>(table: &mut ResourceTable) -> wasmtime::Result<Resource<T>> {
        Ok(Resource::new_own(table.push(Self)?.rep()))
    }

    /// Drops what stands for a resource.
    pub(crate) fn drop<T: 'static>(table: &mut ResourceTable, resource: &Resource<T>) -> wasmtime::Result<()> {
        table.delete(Resource::<Self>::new_own(resource.rep()))?;
        Ok(())
    }

    /// A pollable of what stands for a resource.
    pub(crate) fn subscribe<T: 'static>(
        table: &mut ResourceTable,
        resource: &Resource<T>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(table, Resource::<Self>::new_borrow(resource.rep()))
    }
}

impl StandIn for Descriptor {
    fn stand_in(table: &mut ResourceTable) -> wasmtime::Result<Resource<Self>> {
        Opaque::of(table)
    }
}

impl StandIn for ReaddirIterator {
    fn stand_in(table: &mut ResourceTable) -> wasmtime::Result<Resource<Self>> {
        Opaque::of(table)
    }
}

impl StandIn for TcpSocket {
    fn stand_in(table: &mut ResourceTable) -> wasmtime::Result<Resource<Self>> {
        Opaque::of(table)
    }
}

impl StandIn for DynPollable {
    fn stand_in(table: &mut ResourceTable) -> wasmtime::Result<Resource<Self>> {
        let behind = table.push(Opaque)?;
        subscribe(table, behind)
    }
}

impl StandIn for DynInputStream {
    fn stand_in(table: &mut ResourceTable) -> wasmtime::Result<Resource<Self>> {
        let stream: DynInputStream = Box::new(Opaque);
        Ok(table.push(stream)?)
    }
}

impl StandIn for DynOutputStream {
    fn stand_in(table: &mut ResourceTable) -> wasmtime::Result<Resource<Self>> {
        let stream: DynOutputStream = Box::new(Opaque);
        Ok(table.push(stream)?)
    }
}

impl StandIn for IoError {
    fn stand_in(table: &mut ResourceTable) -> wasmtime::Result<Resource<Self>> {
        Ok(table.push(malformed())?)
    }
}

/// Whatever is asked of it is answered from the record.
#[wasmtime_wasi::async_trait]
impl Pollable for Opaque {
    async fn ready(&mut self) {}
}

impl InputStream for Opaque {
    fn read(&mut self, _: usize) -> StreamResult<bytes::Bytes> {
        Err(StreamError::Closed)
    }
}

impl OutputStream for Opaque {
    fn write(&mut self, _: bytes::Bytes) -> StreamResult<()> {
        Err(StreamError::Closed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Err(StreamError::Closed)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Err(StreamError::Closed)
    }
}

impl<T: Value> Answer for wasmtime::Result<T> {
    fn write(self, tape: &Tape) -> (Outcome, Self) {
        let outcome = match &self {
            Ok(value) => Outcome::Ok(value.write(tape)),
            Err(error) => Outcome::Trap(Trap::of(error)),
        };
        (outcome, self)
    }

    fn read(outcome: Outcome, reader: &mut Reader<'_>) -> Self {
        match outcome {
            Outcome::Ok(item) => T::read(item, reader),
            Outcome::Trap(trap) => Err(trap.error()),
            Outcome::Error(_) => Err(malformed()),
        }
    }

    fn trap(error: wasmtime::Error) -> Self {
        Err(error)
    }
}

/// A function that the guest is told an error of.
impl<T: Value, E: Code> Answer for wasmtime::Result<Result<T, E>> {
    fn write(self, tape: &Tape) -> (Outcome, Self) {
        let outcome = match &self {
            Ok(Ok(value)) => Outcome::Ok(value.write(tape)),
            Ok(Err(code)) => Outcome::Error(code.write()),
            Err(error) => Outcome::Trap(Trap::of(error)),
        };
        (outcome, self)
    }

    fn read(outcome: Outcome, reader: &mut Reader<'_>) -> Self {
        match outcome {
            Outcome::Ok(item) => T::read(item, reader).map(Ok),
            Outcome::Error(item) => E::read(&item).map(Err).ok_or_else(malformed),
            Outcome::Trap(trap) => Err(trap.error()),
        }
    }

    fn trap(error: wasmtime::Error) -> Self {
        Err(error)
    }
}

impl<T: Value, E: Code + std::error::Error + Send + Sync + 'static> Answer for Result<T, TrappableError<E>> {
    fn write(self, tape: &Tape) -> (Outcome, Self) {
        let error = match self {
            Ok(value) => return (Outcome::Ok(value.write(tape)), Ok(value)),
            Err(error) => error.downcast(),
        };
        match error {
            Ok(code) => (Outcome::Error(code.write()), Err(code.into())),
            Err(error) => (Outcome::Trap(Trap::of(&error)), Err(TrappableError::trap(error))),
        }
    }

    fn read(outcome: Outcome, reader: &mut Reader<'_>) -> Self {
        match outcome {
            Outcome::Ok(item) => T::read(item, reader).map_err(TrappableError::trap),
            Outcome::Error(item) => Err(E::read(&item).map_or_else(|| TrappableError::trap(malformed()), Into::into)),
            Outcome::Trap(trap) => Err(TrappableError::trap(trap.error())),
        }
    }

    fn trap(error: wasmtime::Error) -> Self {
        Err(TrappableError::trap(error))
    }
}

impl<T: Value> Answer for StreamResult<T> {
    fn write(self, tape: &Tape) -> (Outcome, Self) {
        let outcome = match &self {
            Ok(value) => Outcome::Ok(value.write(tape)),
            Err(StreamError::Closed) => Outcome::Error(Item::text("closed")),
            Err(StreamError::LastOperationFailed(_)) => Outcome::Error(Item::text("last-operation-failed")),
            Err(StreamError::Trap(error)) => Outcome::Trap(Trap::of(error)),
        };
        (outcome, self)
    }

    fn read(outcome: Outcome, reader: &mut Reader<'_>) -> Self {
        Err(match outcome {
            Outcome::Ok(item) => return T::read(item, reader).map_err(StreamError::Trap),
            Outcome::Error(item) => match item.as_str() {
                Some("closed") => StreamError::Closed,
                // What can be asked of the error is answered from the record, too.
                Some("last-operation-failed") => StreamError::LastOperationFailed(malformed()),
                _ => StreamError::Trap(malformed()),
            },
            Outcome::Trap(trap) => StreamError::Trap(trap.error()),
        })
    }

    fn trap(error: wasmtime::Error) -> Self {
        Err(StreamError::Trap(error))
    }
}
