//! From a host's name to a connection, by addresses that were looked at.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::Error;

use super::address::{Class, class};
use super::grant::{HttpGrant, LOCALHOST, Scheme};
use super::pattern::Host;

/// Looks names up for HTTP requests: what a program that hosts hooks may put in
/// place of the system's resolver. The addresses are checked all the same.
pub trait Resolver: fmt::Debug + Send + Sync {
    /// The addresses of a name, in the order in which they are tried. The lookup is
    /// dropped when its time is over.
    ///
    /// # Errors
    /// When there are none.
    fn resolve<'a>(&'a self, name: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;
}

/// Lookups of the system's resolver at once, in the whole process. One that hangs
/// can't be called off, and keeps its thread.
static LOOKUPS: Semaphore = Semaphore::const_new(16);

/// Addresses of a name that are tried.
const ADDRESSES: usize = 8;

/// A connection of any kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why there is no connection: the code for the guest, and words for the operator.
#[derive(Debug)]
pub(super) struct Unconnected {
    pub(super) code: Error,
    pub(super) why: String,
}

impl Unconnected {
    fn new(code: Error, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }

    /// Refused by what was granted, not by the network.
    pub(super) fn is_denial(&self) -> bool {
        matches!(self.code, Error::DestinationIpProhibited)
    }
}

/// Connects to a host in the way that the grant says.
pub(super) async fn connect(
    grant: &HttpGrant,
    scheme: Scheme,
    host: &Host,
    port: u16,
    resolver: Option<&dyn Resolver>,
    deadline: Instant,
) -> Result<Box<dyn Stream>, Unconnected> {
    let late = |_| Unconnected::new(Error::ConnectionTimeout, "it took too long to connect");
    if let Some(socket) = grant.socket() {
        let stream = timeout_at(deadline, UnixStream::connect(socket)).await.map_err(late)?;
        return Ok(Box::new(stream.map_err(|error| unreachable(&socket.display(), &error))?));
    }
    let addresses = timeout_at(deadline, resolve(host, resolver))
        .await
        .map_err(|_| Unconnected::new(Error::DnsTimeout, "it took too long to look the name up"))??;
    for address in &addresses {
        check(grant, host, *address)?;
    }
    let stream = tcp(&addresses, port, deadline).await?;
    if scheme == Scheme::Http {
        return Ok(Box::new(stream));
    }
    timeout_at(deadline, tls(grant.authorities(), host, stream)).await.map_err(late)?
}

async fn resolve(host: &Host, resolver: Option<&dyn Resolver>) -> Result<Vec<IpAddr>, Unconnected> {
    let name = match host {
        Host::Address(address) => return Ok(vec![*address]),
        Host::Name(name) => name,
    };
    let found = match resolver {
        Some(resolver) => resolver.resolve(name).await,
        None => system(name.clone()).await,
    };
    let unknown = |why: String| {
        Unconnected::new(Error::DnsError { rcode: Some("name not resolved".to_owned()), info_code: None }, why)
    };
    let mut addresses = found.map_err(|error| unknown(format!("cannot look its name up: {error}")))?;
    if addresses.is_empty() {
        return Err(unknown("its name has no address".to_owned()));
    }
    addresses.truncate(ADDRESSES);
    Ok(addresses)
}

async fn system(name: String) -> io::Result<Vec<IpAddr>> {
    let permit = LOOKUPS.acquire().await.map_err(io::Error::other)?;
    let lookup = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        // The port is of no use to the lookup, but the function wants one.
        let found = std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 0))?;
        Ok(found.map(|address| address.ip()).collect())
    });
    lookup.await.map_err(io::Error::other)?
}

/// Refuses an address that the grant doesn't stand for.
fn check(grant: &HttpGrant, host: &Host, address: IpAddr) -> Result<(), Unconnected> {
    let class = class(address);
    let allowed = match (host, class) {
        // The grant names it, so it is meant.
        (Host::Address(_), _) => true,
        // Whoever answers for this name, it is this machine.
        (Host::Name(name), class) if name == LOCALHOST => class == Class::Loopback,
        (Host::Name(_), Class::Public) => true,
        (Host::Name(_), Class::Private | Class::Loopback) => grant.is_private(),
        (Host::Name(_), Class::LinkLocal | Class::Special) => false,
    };
    if allowed {
        return Ok(());
    }
    let why = format!("{host} is at {address}, {} address", class.name());
    Err(Unconnected::new(Error::DestinationIpProhibited, why))
}

/// Tries one address after the other, each with its share of the time.
async fn tcp(addresses: &[IpAddr], port: u16, deadline: Instant) -> Result<TcpStream, Unconnected> {
    let mut failed = Unconnected::new(Error::DestinationUnavailable, "it has no address");
    for (index, address) in addresses.iter().enumerate() {
        let others = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let share = Instant::now() + deadline.saturating_duration_since(Instant::now()) / others;
        let address = SocketAddr::new(*address, port);
        failed = match timeout_at(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => unreachable(&address, &error),
            Err(_) => Unconnected::new(Error::ConnectionTimeout, format!("{address} doesn't answer")),
        };
    }
    Err(failed)
}

fn unreachable(place: &dyn fmt::Display, error: &io::Error) -> Unconnected {
    let code = match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        _ => Error::DestinationUnavailable,
    };
    Unconnected::new(code, format!("cannot connect to {place}: {error}"))
}

async fn tls(authorities: Option<&Path>, host: &Host, stream: TcpStream) -> Result<Box<dyn Stream>, Unconnected> {
    let name = match host {
        Host::Address(address) => ServerName::from(*address),
        Host::Name(name) => ServerName::try_from(name.clone())
            .map_err(|_| Unconnected::new(Error::TlsCertificateError, "no certificate can be for such a name"))?,
    };
    let connector = TlsConnector::from(client(authorities).await?);
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(insecure(&error)),
    }
}

fn insecure(error: &io::Error) -> Unconnected {
    let code = match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Error::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            Error::TlsAlertReceived { alert_id: Some((*alert).into()), alert_message: Some(format!("{alert:?}")) }
        }
        Some(_) => Error::TlsProtocolError,
        None => Error::ConnectionTerminated,
    };
    Unconnected::new(code, format!("TLS failed: {error}"))
}

/// The system's certificate authorities, read when the first hook wants them.
async fn system_roots() -> Result<Arc<RootCertStore>, Unconnected> {
    static ROOTS: OnceCell<Arc<RootCertStore>> = OnceCell::const_new();
    let load = || {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!("cannot read a certificate authority of the system: {error}");
        }
        roots.add_parsable_certificates(found.certs);
        Arc::new(roots)
    };
    ROOTS.get_or_try_init(|| off_thread(load)).await.cloned()
}

/// How TLS is spoken: HTTP/1.1 and nothing else, no session kept for another hook.
async fn client(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, Unconnected> {
    let mut roots = system_roots().await?;
    if let Some(file) = authorities {
        let file = file.to_owned();
        roots = off_thread(move || extended(&roots, &file)).await??;
    }
    if roots.is_empty() {
        let why = "this machine has no certificate authorities (and no `ca-file` is granted)";
        return Err(Unconnected::new(Error::TlsCertificateError, why));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Unconnected::new(Error::ConfigurationError, format!("TLS can't be set up: {error}")))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

fn extended(roots: &RootCertStore, file: &Path) -> Result<Arc<RootCertStore>, Unconnected> {
    let unusable = |error: &dyn fmt::Display| {
        let why = format!("cannot use the certificate authorities in {}: {error}", file.display());
        Unconnected::new(Error::TlsCertificateError, why)
    };
    let mut roots = roots.clone();
    let mut found = false;
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unusable(&error))? {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
        found = true;
    }
    if found { Ok(Arc::new(roots)) } else { Err(unusable(&"it has none")) }
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unconnected> {
    let crashed = |error| Unconnected::new(Error::InternalError(None), format!("reading certificates failed: {error}"));
    tokio::task::spawn_blocking(work).await.map_err(crashed)
}
