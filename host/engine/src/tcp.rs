//! `wasi:sockets`: TCP connections to named addresses, and nothing else.
//!
//! Names are looked up here, not by wasmtime-wasi: a lookup of just any name would be
//! a channel out of the sandbox, and one that its guest has dropped would go on.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use url::Host;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress, Network};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::sockets::SocketAddrUse;

use crate::state::State;
use crate::{Grants, record};

/// The instance that is served here, in the place of that of wasmtime-wasi, which refuses
/// every name; its version is that of the others there.
const LOOKUP: &str = "wasi:sockets/ip-name-lookup@0.2.12";

/// One address that a hook may connect to: a host, by name or by number, and a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TcpGrant {
    host: Host,
    port: u16,
}

/// Why an address can't be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTcp {
    /// It is a URL, or has a path.
    #[error("it is more than a host and a port")]
    Url,
    /// There is no `:` and port behind the host.
    #[error("it has no port")]
    NoPort,
    /// The port is no number from 1 to 65535.
    #[error("its port is not a number from 1 to 65535")]
    Port,
    /// There is nothing before the port.
    #[error("it has no host")]
    NoHost,
    /// An IPv6 address without brackets.
    #[error("an IPv6 address stands in brackets")]
    Brackets,
    /// The host has a wildcard.
    #[error("a wildcard can't be granted: each host is named")]
    Wildcard,
    /// The host is neither a name nor an address.
    #[error("its host is neither a name nor an address")]
    Host,
    /// The host is `0.0.0.0` or `[::]`.
    #[error("nothing can be reached at an unspecified address")]
    Unspecified,
}

impl FromStr for TcpGrant {
    type Err = InvalidTcp;

    /// Reads `HOST:PORT`: `127.0.0.1:5432`, `db.internal:5432`, `[::1]:5432`.
    fn from_str(text: &str) -> Result<Self, InvalidTcp> {
        if text.contains('/') {
            return Err(InvalidTcp::Url);
        }
        if text.parse::<Ipv6Addr>().is_ok() {
            return Err(InvalidTcp::Brackets);
        }
        let (host, port) = text.rsplit_once(':').ok_or(InvalidTcp::NoPort)?;
        if host.starts_with('[') && port.ends_with(']') {
            return Err(InvalidTcp::NoPort);
        }
        if host.is_empty() {
            return Err(InvalidTcp::NoHost);
        }
        if host.contains('*') {
            return Err(InvalidTcp::Wildcard);
        }
        if host.contains(':') && !host.starts_with('[') {
            return Err(InvalidTcp::Brackets);
        }
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidTcp::Port);
        }
        let port = port.parse().ok().filter(|&port| port != 0).ok_or(InvalidTcp::Port)?;
        let host = canonical(Host::parse(host).map_err(|_| InvalidTcp::Host)?);
        match &host {
            Host::Domain(name) if !is_name(name) => Err(InvalidTcp::Host),
            Host::Ipv4(address) if address.is_unspecified() => Err(InvalidTcp::Unspecified),
            Host::Ipv6(address) if address.is_unspecified() => Err(InvalidTcp::Unspecified),
            _ => Ok(Self { host, port }),
        }
    }
}

impl TryFrom<String> for TcpGrant {
    type Error = InvalidTcp;

    fn try_from(text: String) -> Result<Self, InvalidTcp> {
        text.parse()
    }
}

impl From<TcpGrant> for String {
    fn from(value: TcpGrant) -> Self {
        value.to_string()
    }
}

impl std::fmt::Display for TcpGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A URL's host may hold more than a name that is looked up.
fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// One form for each address: `::ffff:127.0.0.1` is `127.0.0.1`.
fn canonical(host: Host) -> Host {
    match host {
        Host::Ipv6(address) => match IpAddr::V6(address).to_canonical() {
            IpAddr::V4(address) => Host::Ipv4(address),
            IpAddr::V6(address) => Host::Ipv6(address),
        },
        host => host,
    }
}

/// Addresses and ports that a call may connect to.
#[derive(Clone, Default)]
struct Reachable(Arc<Mutex<HashSet<(IpAddr, u16)>>>);

impl Reachable {
    fn add(&self, address: IpAddr, port: u16) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((address.to_canonical(), port));
    }

    fn allows(&self, address: SocketAddr, used: SocketAddrUse) -> bool {
        let (ip, port) = (address.ip().to_canonical(), address.port());
        match used {
            SocketAddrUse::TcpConnect => self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&(ip, port)),
            // Every connection has an end here, of the system's choice.
            SocketAddrUse::TcpBind => ip.is_unspecified() && port == 0,
            _ => false,
        }
    }
}

/// The network of one call.
pub(crate) struct Tcp {
    grants: Arc<Grants>,
    reachable: Reachable,
}

impl Tcp {
    pub(crate) fn new(grants: &Arc<Grants>) -> Self {
        let reachable = Reachable::default();
        for TcpGrant { host, port } in &grants.tcp {
            match host {
                Host::Ipv4(address) => reachable.add((*address).into(), *port),
                Host::Ipv6(address) => reachable.add((*address).into(), *port),
                Host::Domain(_) => {}
            }
        }
        Self { grants: Arc::clone(grants), reachable }
    }

    /// Opens the network as far as it is granted.
    pub(crate) fn open(&self, wasi: &mut WasiCtxBuilder) {
        let reachable = self.reachable.clone();
        // Denied by default; said here so that a new default can't open a door.
        wasi.allow_udp(false).allow_ip_name_lookup(false).allow_tcp(!self.grants.tcp.is_empty()).socket_addr_check(
            move |address, used| {
                let allowed = reachable.allows(address, used);
                Box::pin(std::future::ready(allowed)) as Pin<Box<dyn Future<Output = bool> + Send + Sync>>
            },
        );
    }

    /// Looks a granted name up, and opens its ports at the addresses that it has now.
    pub(crate) async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ErrorCode> {
        let host = match (name.parse::<Ipv6Addr>(), Host::parse(name)) {
            (Ok(address), _) => Host::Ipv6(address),
            (_, Ok(host)) => host,
            _ => return Err(ErrorCode::InvalidArgument),
        };
        let host = canonical(host);
        let ports: Vec<_> = self.grants.tcp.iter().filter(|grant| grant.host == host).map(|grant| grant.port).collect();
        if ports.is_empty() {
            return Err(ErrorCode::PermanentResolverFailure);
        }
        let mut addresses = match host {
            Host::Ipv4(address) => vec![address.into()],
            Host::Ipv6(address) => vec![address.into()],
            Host::Domain(name) => {
                let found = tokio::net::lookup_host((name.as_str(), 0)).await;
                let found = found.map_err(|error| {
                    tracing::debug!("cannot resolve {name}: {error}");
                    ErrorCode::NameUnresolvable
                })?;
                found.map(|address| address.ip().to_canonical()).collect::<Vec<_>>()
            }
        };
        // The order is the resolver's, and says which it prefers.
        let mut seen = HashSet::new();
        addresses.retain(|address| seen.insert(*address));
        for (address, port) in addresses.iter().flat_map(|address| ports.iter().map(move |port| (address, port))) {
            self.reachable.add(*address, *port);
        }
        Ok(addresses)
    }
}

/// The addresses of a name, all there already.
struct Addresses(std::vec::IntoIter<IpAddr>);

#[wasmtime_wasi::async_trait]
impl Pollable for Addresses {
    async fn ready(&mut self) {}
}

/// Puts this lookup in the place of the one of wasmtime-wasi.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut lookup = linker.instance(LOOKUP)?;
    lookup.resource("resolve-address-stream", ResourceType::host::<Addresses>(), |mut context, rep| {
        context.data_mut().table.delete(Resource::<Addresses>::new_own(rep))?;
        Ok(())
    })?;
    lookup.func_wrap_async("resolve-addresses", |mut context, (network, name): (Resource<Network>, String)| {
        Box::new(async move {
            let state = context.data_mut();
            state.table.get(&network)?;
            let found = if state.aside.is_some() {
                record::resolve(state, name).await?
            } else {
                state.tcp.resolve(&name).await
            };
            Ok((match found {
                Ok(addresses) => Ok(state.table.push(Addresses(addresses.into_iter()))?),
                Err(error) => Err(error),
            },))
        })
    })?;
    lookup.func_wrap(
        "[method]resolve-address-stream.resolve-next-address",
        |mut context, (stream,): (Resource<Addresses>,)| {
            let next = context.data_mut().table.get_mut(&stream)?.0.next();
            Ok((Ok::<Option<IpAddress>, ErrorCode>(next.map(Into::into)),))
        },
    )?;
    lookup.func_wrap(
        "[method]resolve-address-stream.subscribe",
        |mut context, (stream,): (Resource<Addresses>,)| -> wasmtime::Result<(Resource<DynPollable>,)> {
            Ok((subscribe(&mut context.data_mut().table, stream)?,))
        },
    )?;
    Ok(())
}
