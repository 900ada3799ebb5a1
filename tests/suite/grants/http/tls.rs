//! HTTPS, with a certificate authority of the test's own.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hookward_engine::HttpGrant;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::server::{Server, bytes, serve, text};
use super::{Call, Outcome};

/// A certificate authority, and its certificate in a file.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, dir }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A server's configuration, with a certificate for this name.
    fn server(&self, name: &str, expired: bool) -> ServerConfig {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        if expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }
}

/// A server of one text; its port, and what protocol was agreed on.
async fn serving(config: ServerConfig) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, requests) = (acceptor.clone(), Arc::clone(&requests));
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(Box::new(stream), requests, text("sealed")).await;
                }
            });
        }
    });
    (port, seen)
}

async fn get(port: u16, host: &str, ca_file: Option<PathBuf>) -> Outcome {
    let url = format!("https://{host}:{port}/");
    let mut grant = HttpGrant::new(&url).unwrap();
    if let Some(file) = ca_file {
        grant = grant.ca_file(file).unwrap();
    }
    Call::with([grant]).get(&url).run().await
}

#[tokio::test]
async fn a_round_trip() {
    let authority = Authority::new();
    let (port, seen) = serving(authority.server("localhost", false)).await;
    let outcome = get(port, "localhost", Some(authority.file())).await;
    assert_eq!(outcome.said(), "200 sealed");
    assert!(seen.lock().unwrap()[0].starts_with("GET / HTTP/1.1\r\n"));
    // An address has certificates, too.
    let (port, _) = serving(authority.server("127.0.0.1", false)).await;
    assert_eq!(get(port, "127.0.0.1", Some(authority.file())).await.said(), "200 sealed");
}

#[tokio::test]
async fn certificates_that_prove_nothing() {
    let (authority, other) = (Authority::new(), Authority::new());
    let good = || authority.server("localhost", false);
    let file = || Some(authority.file());
    let (server, _) = serving(good()).await;
    let (expired, _) = serving(authority.server("localhost", true)).await;
    let (named, seen) = serving(authority.server("other.test", false)).await;
    for (port, file, why) in [
        (server, None, "TLS failed"),
        (server, Some(other.file()), "TLS failed"),
        (expired, file(), "expired"),
        (named, file(), "not valid for name"),
    ] {
        let outcome = get(port, "localhost", file).await;
        assert_eq!(outcome.said(), "ErrorCode::TlsCertificateError", "{why}");
        let [note] = outcome.notes()[..] else { panic!("{:?}", outcome.notes()) };
        assert!(
            note.starts_with("failed GET https://localhost") && (note.contains(why) || why == "TLS failed"),
            "{note}"
        );
    }
    assert_eq!(*seen.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_server_of_http_2_alone() {
    let authority = Authority::new();
    let mut config = authority.server("localhost", false);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (port, seen) = serving(config).await;
    let outcome = get(port, "localhost", Some(authority.file())).await;
    assert!(outcome.said().starts_with("ErrorCode::TlsAlertReceived("), "{}", outcome.said());
    assert_eq!(*seen.lock().unwrap(), [""; 0]);

    let mut config = authority.server("localhost", false);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (port, _) = serving(config).await;
    assert_eq!(get(port, "localhost", Some(authority.file())).await.said(), "200 sealed");
}

#[tokio::test]
async fn a_server_without_tls() {
    let authority = Authority::new();
    let server = Server::new(bytes("HTTP/1.1 200 OK\r\n\r\nopen")).await;
    let outcome = get(server.address.port(), "localhost", Some(authority.file())).await;
    assert_eq!(outcome.said(), "ErrorCode::TlsProtocolError");
    // Nor is TLS left out where the guest asks for it.
    assert!(!server.requests().concat().contains("GET"));
}

#[tokio::test]
async fn a_file_of_authorities_that_is_none() {
    let authority = Authority::new();
    let (port, _) = serving(authority.server("localhost", false)).await;
    let dir = tempfile::tempdir().unwrap();
    let (missing, empty, broken) = (dir.path().join("missing"), dir.path().join("empty"), dir.path().join("broken"));
    std::fs::write(&empty, "no certificate").unwrap();
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    for file in [missing, empty, broken] {
        let outcome = get(port, "localhost", Some(file.clone())).await;
        assert_eq!(outcome.said(), "ErrorCode::TlsCertificateError");
        let note = outcome.notes()[0];
        assert!(
            note.contains("cannot use the certificate authorities in") && note.contains(file.to_str().unwrap()),
            "{note}"
        );
    }
}
