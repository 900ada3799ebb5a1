//! `wasi:sockets`: connections of the machine, or of the record. UDP is left as it is:
//! nothing of it is ever granted, and what a denial says follows from its arguments.

use std::net::IpAddr;

use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode, IpAddressFamily, IpSocketAddress, Network};
use wasmtime_wasi::p2::bindings::sockets::tcp::{self, HostTcpSocket, ShutdownType};
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, IoError, SocketError, SocketResult, TcpSocket};
use wasmtime_wasi::sockets::WasiSocketsView as _;

use super::answer::{Argument, Code, Many, Opaque, Reader, Value, malformed, named, told};
use super::item::Item;
use super::tape::Tape;
use super::view::{HasView, View, answered, async_methods, methods};
use crate::state::State;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    tcp::add_to_linker::<_, HasView>(linker, |state| View(state))?;
    tcp_create_socket::add_to_linker::<_, HasView>(linker, |state| View(state))?;
    linker.instance(NETWORK)?.resource("network", ResourceType::host::<Network>(), |mut context, rep| {
        network::HostNetwork::drop(&mut View(context.data_mut()), Resource::new_own(rep))
    })
}

/// The instance whose resource is served here: its version is that of wasmtime-wasi.
const NETWORK: &str = "wasi:sockets/network@0.2.12";

/// Looks a name up for a call that is recorded or replayed.
pub(crate) async fn resolve(state: &mut State, name: String) -> wasmtime::Result<Result<Vec<IpAddr>, ErrorCode>> {
    let mut view = View(state);
    let found: wasmtime::Result<Result<Many<IpAddr>, ErrorCode>> =
        answered!(view, "wasi:sockets/ip-name-lookup#resolve-addresses", [name], {
            Ok(view.0.tcp.resolve(&name).await.map(Many))
        });
    Ok(found?.map(|found| found.0))
}

told!(IpAddressFamily, ShutdownType);

named!(ErrorCode {
    Unknown,
    AccessDenied,
    NotSupported,
    InvalidArgument,
    OutOfMemory,
    Timeout,
    ConcurrencyConflict,
    NotInProgress,
    WouldBlock,
    InvalidState,
    NewSocketLimit,
    AddressNotBindable,
    AddressInUse,
    RemoteUnreachable,
    ConnectionRefused,
    ConnectionReset,
    ConnectionAborted,
    DatagramTooLarge,
    NameUnresolvable,
    TemporaryResolverFailure,
    PermanentResolverFailure,
});

named!(IpAddressFamily { Ipv4, Ipv6 });

impl Value for IpAddressFamily {
    fn write(&self, _: &Tape) -> Item {
        Code::write(self)
    }

    fn read(item: Item, _: &mut Reader<'_>) -> wasmtime::Result<Self> {
        Code::read(&item).ok_or_else(malformed)
    }
}

impl Value for IpAddr {
    fn write(&self, _: &Tape) -> Item {
        Item::text(self.to_string())
    }

    fn read(item: Item, _: &mut Reader<'_>) -> wasmtime::Result<Self> {
        item.as_str().and_then(|text| text.parse().ok()).ok_or_else(malformed)
    }
}

impl Argument for IpSocketAddress {
    fn write(&self, tape: &Tape) -> Item {
        Value::write(self, tape)
    }
}

impl Value for IpSocketAddress {
    fn write(&self, _: &Tape) -> Item {
        Item::text(std::net::SocketAddr::from(*self).to_string())
    }

    fn read(item: Item, _: &mut Reader<'_>) -> wasmtime::Result<Self> {
        let address = item.as_str().and_then(|text| text.parse::<std::net::SocketAddr>().ok());
        address.map(Into::into).ok_or_else(malformed)
    }
}

use tcp_create_socket::Host as CreateTcpSocket;

impl CreateTcpSocket for View<'_> {
    methods! { "wasi:sockets/tcp-create-socket#", CreateTcpSocket of sockets:
        fn create_tcp_socket(family: IpAddressFamily) -> SocketResult<Resource<TcpSocket>>;
    }
}

impl network::Host for View<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn network_error_code(&mut self, error: Resource<IoError>) -> wasmtime::Result<Option<ErrorCode>> {
        network::Host::network_error_code(&mut self.0.sockets(), error)
    }
}

impl network::HostNetwork for View<'_> {
    fn drop(&mut self, this: Resource<Network>) -> wasmtime::Result<()> {
        self.tape().forget(this.rep());
        self.0.table.delete(this)?;
        Ok(())
    }
}

impl tcp::Host for View<'_> {}

impl HostTcpSocket for View<'_> {
    async_methods! { "wasi:sockets/tcp#tcp-socket.", HostTcpSocket of sockets:
        fn start_bind(this: Resource<TcpSocket>, network: Resource<Network>, local: IpSocketAddress) -> SocketResult<()>;
        fn start_listen(this: Resource<TcpSocket>) -> SocketResult<()>;
    }

    methods! { "wasi:sockets/tcp#tcp-socket.", HostTcpSocket of sockets:
        fn finish_bind(this: Resource<TcpSocket>) -> SocketResult<()>;
        fn start_connect(
            this: Resource<TcpSocket>, network: Resource<Network>, remote: IpSocketAddress
        ) -> SocketResult<()>;
        fn finish_connect(
            this: Resource<TcpSocket>
        ) -> SocketResult<(Resource<DynInputStream>, Resource<DynOutputStream>)>;
        fn finish_listen(this: Resource<TcpSocket>) -> SocketResult<()>;
        fn accept(
            this: Resource<TcpSocket>
        ) -> SocketResult<(Resource<TcpSocket>, Resource<DynInputStream>, Resource<DynOutputStream>)>;
        fn local_address(this: Resource<TcpSocket>) -> SocketResult<IpSocketAddress>;
        fn remote_address(this: Resource<TcpSocket>) -> SocketResult<IpSocketAddress>;
        fn is_listening(this: Resource<TcpSocket>) -> wasmtime::Result<bool>;
        fn address_family(this: Resource<TcpSocket>) -> wasmtime::Result<IpAddressFamily>;
        fn set_listen_backlog_size(this: Resource<TcpSocket>, value: u64) -> SocketResult<()>;
        fn keep_alive_enabled(this: Resource<TcpSocket>) -> SocketResult<bool>;
        fn set_keep_alive_enabled(this: Resource<TcpSocket>, value: bool) -> SocketResult<()>;
        fn keep_alive_idle_time(this: Resource<TcpSocket>) -> SocketResult<u64>;
        fn set_keep_alive_idle_time(this: Resource<TcpSocket>, value: u64) -> SocketResult<()>;
        fn keep_alive_interval(this: Resource<TcpSocket>) -> SocketResult<u64>;
        fn set_keep_alive_interval(this: Resource<TcpSocket>, value: u64) -> SocketResult<()>;
        fn keep_alive_count(this: Resource<TcpSocket>) -> SocketResult<u32>;
        fn set_keep_alive_count(this: Resource<TcpSocket>, value: u32) -> SocketResult<()>;
        fn hop_limit(this: Resource<TcpSocket>) -> SocketResult<u8>;
        fn set_hop_limit(this: Resource<TcpSocket>, value: u8) -> SocketResult<()>;
        fn receive_buffer_size(this: Resource<TcpSocket>) -> SocketResult<u64>;
        fn set_receive_buffer_size(this: Resource<TcpSocket>, value: u64) -> SocketResult<()>;
        fn send_buffer_size(this: Resource<TcpSocket>) -> SocketResult<u64>;
        fn set_send_buffer_size(this: Resource<TcpSocket>, value: u64) -> SocketResult<()>;
        fn shutdown(this: Resource<TcpSocket>, how: ShutdownType) -> SocketResult<()>;
    }

    fn subscribe(&mut self, this: Resource<TcpSocket>) -> wasmtime::Result<Resource<DynPollable>> {
        if self.is_replay() {
            return Opaque::subscribe(&mut self.0.table, &this);
        }
        HostTcpSocket::subscribe(&mut self.0.sockets(), this)
    }

    fn drop(&mut self, this: Resource<TcpSocket>) -> wasmtime::Result<()> {
        self.tape().forget(this.rep());
        if self.is_replay() {
            return Opaque::drop(&mut self.0.table, &this);
        }
        HostTcpSocket::drop(&mut self.0.sockets(), this)
    }
}
