//! What the standard library would refuse, or does otherwise.

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use wasip2::sockets::tcp::TcpSocket;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

const LOOPBACK: (u8, u8, u8, u8) = (127, 0, 0, 1);

fn said(result: Result<String, ErrorCode>) -> String {
    result.unwrap_or_else(|error| format!("refused: {}", error.name()))
}

/// All addresses of a name.
pub(crate) fn resolve(name: &str) -> String {
    said(resolve_addresses(&instance_network(), name).and_then(|stream| {
        let mut addresses = Vec::new();
        stream.subscribe().block();
        while let Some(address) = stream.resolve_next_address()? {
            addresses.push(match address {
                IpAddress::Ipv4((a, b, c, d)) => format!("{a}.{b}.{c}.{d}"),
                IpAddress::Ipv6(parts) => format!("{parts:?}"),
            });
        }
        Ok(addresses.join(" "))
    }))
}

fn v4(address: (u8, u8, u8, u8), port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address })
}

/// Listens at a port of the system's choice.
pub(crate) fn listen() -> String {
    let listen = || {
        let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
        socket.start_bind(&instance_network(), v4((0, 0, 0, 0), 0))?;
        socket.finish_bind()?;
        socket.start_listen()?;
        socket.finish_listen()
    };
    said(listen().map(|()| "ok".to_owned()))
}

/// Binds to the loopback, at a port of its own choice, then connects.
pub(crate) fn bind_then_connect(port: u16) -> String {
    let act = || {
        let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
        socket.start_bind(&instance_network(), v4(LOOPBACK, 0))?;
        socket.finish_bind()?;
        connect(&socket, v4(LOOPBACK, port))
    };
    said(act())
}

/// Connects to `::ffff:127.0.0.1`.
pub(crate) fn connect_mapped(port: u16) -> String {
    let address = (0, 0, 0, 0, 0, 0xffff, 0x7f00, 1);
    let address = IpSocketAddress::Ipv6(Ipv6SocketAddress { port, flow_info: 0, address, scope_id: 0 });
    said(create_tcp_socket(IpAddressFamily::Ipv6).and_then(|socket| connect(&socket, address)))
}

fn connect(socket: &TcpSocket, address: IpSocketAddress) -> Result<String, ErrorCode> {
    socket.start_connect(&instance_network(), address)?;
    socket.subscribe().block();
    socket.finish_connect().map(|_| "ok".to_owned())
}
