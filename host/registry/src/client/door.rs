//! Requests to one repository of one registry.
//!
//! What is read goes through a client of our own, with its limits and rules; tokens
//! and pushes are those of the client crate.

use std::path::Path;
use std::time::Duration;

use hookward_engine::Digest;
use oci_client::RegistryOperation;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use reqwest::header::{ACCEPT, HeaderValue, WWW_AUTHENTICATE};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::timeout;

use crate::auth;
use crate::failure::{Failure, Reason, clean, told};
use crate::reference::Reference;
use crate::settings::{Connection, is_loopback};

/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the other side may say nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// How long a manifest may take, or a token.
const MANIFEST: Duration = Duration::from_secs(60);

/// How long a blob may take: 64 MiB at 1 Mbit/s.
const BLOB: Duration = Duration::from_secs(10 * 60);

/// How often a registry may send us on.
const HOPS: usize = 5;

/// Bytes of a refusal that are read, for the words in it.
const REFUSAL: u64 = 64 << 10;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Manifest,
    Blob,
}

/// How we are let in, once it is known.
#[derive(Clone)]
enum Pass {
    Bearer(String),
    Basic(String, String),
}

/// One repository of one registry.
pub(super) struct Door {
    host: String,
    /// Any of the repository: for tokens and blobs its tag says nothing.
    oci: oci_client::Reference,
    plain: bool,
    manifests: reqwest::Client,
    blobs: reqwest::Client,
    pusher: oci_client::Client,
    credentials: OnceCell<RegistryAuth>,
    pass: Mutex<Option<Pass>>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("repository", &self.oci.repository()).finish_non_exhaustive()
    }
}

impl Door {
    pub(super) fn new(reference: &Reference, connection: &Connection) -> Result<Self, Failure> {
        // Whoever came first has set the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let (host, oci) = (reference.host(), reference.to_oci());
        let plain = connection.is_plain(host);
        let authorities = connection.ca_file.as_deref().map(authorities).transpose()?.unwrap_or_default();
        let client = |kind| {
            let local = is_loopback(host);
            let builder = reqwest::Client::builder()
                .user_agent(concat!("hookward/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT)
                .read_timeout(SILENCE)
                .redirect(Policy::custom(move |attempt| redirect(attempt, kind, plain, local)));
            // As everywhere: a proxy is for what is not this machine.
            let builder = if local { builder.no_proxy() } else { builder };
            let certificates = authorities.iter().map(|der| reqwest::Certificate::from_der(der));
            let certificates = certificates.collect::<Result<Vec<_>, _>>()?;
            builder.tls_certs_merge(certificates).build()
        };
        let unusable = |error: reqwest::Error| {
            Failure::new(Reason::Unreachable, format!("HTTPS can't be set up: {}", told(&error)))
        };
        let (manifests, blobs) = (client(Kind::Manifest).map_err(unusable)?, client(Kind::Blob).map_err(unusable)?);
        let certificate = |data| Certificate { encoding: CertificateEncoding::Der, data };
        let config = ClientConfig {
            protocol: if plain { ClientProtocol::Http } else { ClientProtocol::Https },
            extra_root_certificates: authorities.into_iter().map(certificate).collect(),
            connect_timeout: Some(CONNECT),
            read_timeout: Some(SILENCE),
            user_agent: concat!("hookward/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let pusher = oci_client::Client::try_from(config)
            .map_err(|error| Failure::new(Reason::Unreachable, format!("HTTPS can't be set up: {}", told(&error))))?;
        Ok(Self {
            host: host.to_owned(),
            oci,
            plain,
            manifests,
            blobs,
            pusher,
            credentials: OnceCell::new(),
            pass: Mutex::default(),
        })
    }

    /// The answer's bytes, no more of them than `limit`.
    pub(super) async fn get(&self, kind: Kind, path: &str, accept: &str, limit: u64) -> Result<Vec<u8>, Failure> {
        let time = if kind == Kind::Blob { BLOB } else { MANIFEST };
        let answer = timeout(time, async {
            let response = self.send(kind, path, accept).await?;
            read(response, kind, limit).await
        });
        answer.await.unwrap_or_else(|_| Err(late(time)))
    }

    async fn send(&self, kind: Kind, path: &str, accept: &str) -> Result<Response, Failure> {
        let client = if kind == Kind::Blob { &self.blobs } else { &self.manifests };
        let scheme = if self.plain { "http" } else { "https" };
        let base = format!("{scheme}://{}/v2/{}", self.oci.resolve_registry(), self.oci.repository());
        let request = || client.get(format!("{base}/{path}")).header(ACCEPT, accept);
        // Nobody is told who we are before asking for it.
        let pass = self.pass.lock().await.clone();
        let response = with(request(), pass.as_ref()).send().await.map_err(|error| unreachable(&error))?;
        if response.status() != StatusCode::UNAUTHORIZED || pass.is_some() {
            return checked(response).await;
        }
        let challenge = response.headers().get(WWW_AUTHENTICATE).cloned();
        let Some(pass) = self.authenticate(challenge.as_ref(), RegistryOperation::Pull).await? else {
            return checked(response).await;
        };
        *self.pass.lock().await = Some(pass.clone());
        let response = with(request(), Some(&pass)).send().await.map_err(|error| unreachable(&error))?;
        checked(response).await
    }

    async fn credentials(&self) -> Result<&RegistryAuth, Failure> {
        self.credentials.get_or_try_init(|| auth::credentials(&self.host)).await
    }

    /// Gets a token, or the password ready; none for who is a stranger and stays one.
    async fn authenticate(
        &self,
        challenge: Option<&HeaderValue>,
        operation: RegistryOperation,
    ) -> Result<Option<Pass>, Failure> {
        challenge.map_or(Ok(()), |challenge| auth::check_challenge(challenge, self.plain))?;
        let credentials = self.credentials().await?;
        let token = self.pusher.auth(&self.oci, credentials, operation);
        let token = timeout(MANIFEST, token).await.map_err(|_| {
            Failure::new(Reason::Unreachable, format!("it took longer than {} s to get a token", MANIFEST.as_secs()))
        })?;
        Ok(match (token.map_err(|error| of_client(&error))?, credentials) {
            (Some(token), _) => Some(Pass::Bearer(token)),
            (None, RegistryAuth::Basic(user, password)) => Some(Pass::Basic(user.clone(), password.clone())),
            (None, _) => None,
        })
    }

    /// Who we are, for the client crate, once it is known whom that would be told.
    async fn let_in(&self) -> Result<(), Failure> {
        let scheme = if self.plain { "http" } else { "https" };
        let base = format!("{scheme}://{}/v2/", self.oci.resolve_registry());
        let response = self.manifests.get(base).send().await.map_err(|error| unreachable(&error))?;
        let challenge = response.headers().get(WWW_AUTHENTICATE);
        challenge.map_or(Ok(()), |challenge| auth::check_challenge(challenge, self.plain))?;
        let credentials = self.credentials().await?;
        self.pusher.store_auth_if_needed(self.oci.resolve_registry(), credentials).await;
        Ok(())
    }

    pub(super) async fn push_blob(&self, bytes: impl Into<Vec<u8>>, digest: &str) -> Result<(), Failure> {
        let bytes: Vec<u8> = bytes.into();
        self.let_in().await?;
        let pushed = timeout(BLOB, self.pusher.push_blob(&self.oci, bytes, digest)).await;
        pushed.map_err(|_| late(BLOB))?.map(drop).map_err(|error| of_client(&error))
    }

    pub(super) async fn push_manifest(
        &self,
        reference: &Reference,
        manifest: &OciImageManifest,
    ) -> Result<Digest, Failure> {
        self.let_in().await?;
        let broken = |error| Failure::new(Reason::NotAComponent, format!("its manifest can't be written: {error}"));
        let bytes = serde_json::to_vec(manifest).map_err(broken)?;
        let digest = Digest::of(&bytes);
        let kind = HeaderValue::from_static(OCI_IMAGE_MEDIA_TYPE);
        let pushed = timeout(MANIFEST, self.pusher.push_manifest_raw(&reference.to_oci(), bytes, kind)).await;
        pushed.map_err(|_| late(MANIFEST))?.map_err(|error| of_client(&error))?;
        Ok(digest)
    }
}

fn late(time: Duration) -> Failure {
    Failure::new(Reason::Unreachable, format!("the registry took longer than {} s", time.as_secs()))
}

fn with(request: RequestBuilder, pass: Option<&Pass>) -> RequestBuilder {
    match pass {
        None => request,
        Some(Pass::Basic(user, password)) => request.basic_auth(user, Some(password)),
        Some(Pass::Bearer(token)) => request.bearer_auth(token),
    }
}

/// Whether a registry may send us there. Credentials are left behind at a change of
/// the host, the port or the scheme.
fn redirect(attempt: Attempt<'_>, kind: Kind, plain: bool, local: bool) -> reqwest::redirect::Action {
    let url = attempt.url().clone();
    let place = |url: &reqwest::Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
    let elsewhere = attempt.previous().first().is_some_and(|first| place(first) != place(&url));
    let host = url.host_str().unwrap_or_default();
    let refused = if attempt.previous().len() > HOPS {
        "it sends us on again and again"
    } else if elsewhere && kind == Kind::Manifest {
        "only a blob, which is known by its digest, may come from another host"
    } else if url.scheme() != "https" && !plain {
        "that would be in the clear"
    } else if elsewhere && !local && is_loopback(host) {
        "that is this machine"
    } else {
        return attempt.follow();
    };
    attempt.error(format!("the registry sends us to {host}: {refused}"))
}

/// The bytes of an answer, as they come, up to the limit.
async fn read(mut response: Response, kind: Kind, limit: u64) -> Result<Vec<u8>, Failure> {
    let too_long = || match kind {
        Kind::Manifest => Failure::new(Reason::TooLarge, format!("its manifest has more than {limit} bytes")),
        Kind::Blob => {
            Failure::new(Reason::Digest, format!("the registry sends more than the {limit} bytes it has said"))
        }
    };
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Err(too_long());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The answer, if it is one.
async fn checked(response: Response) -> Result<Response, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let said = read(response, Kind::Manifest, REFUSAL).await.unwrap_or_default();
    Err(refusal(status, &said))
}

/// What a registry's refusal means.
fn refusal(status: StatusCode, said: &[u8]) -> Failure {
    let said: serde_json::Value = serde_json::from_slice(said).unwrap_or_default();
    let said = said.pointer("/errors/0/message").and_then(serde_json::Value::as_str).map(clean).unwrap_or_default();
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let (reason, what) = match status {
        StatusCode::NOT_FOUND => (Reason::NotFound, "the registry has no such thing"),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (Reason::Denied, "the registry doesn't let us in"),
        StatusCode::TOO_MANY_REQUESTS => (Reason::Unreachable, "the registry was asked too often"),
        _ => (Reason::Unreachable, "the registry has refused"),
    };
    Failure::new(reason, format!("{what} ({status}{said})"))
}

fn unreachable(error: &reqwest::Error) -> Failure {
    Failure::new(Reason::Unreachable, format!("the registry can't be reached: {}", told(error)))
}

/// What the client crate has met.
fn of_client(error: &OciDistributionError) -> Failure {
    match error {
        OciDistributionError::ServerError { code, message, .. } => {
            let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            refusal(status, message.as_bytes())
        }
        OciDistributionError::UnauthorizedError { .. } => refusal(StatusCode::UNAUTHORIZED, &[]),
        OciDistributionError::AuthenticationFailure(said) => refusal(StatusCode::UNAUTHORIZED, said.as_bytes()),
        OciDistributionError::RequestError(error) => unreachable(error),
        other => Failure::new(Reason::Unreachable, format!("the registry can't be used: {}", told(other))),
    }
}

/// The certificates of a file, in DER.
fn authorities(file: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::new(Reason::File, format!("cannot use the certificate authorities in {}: {error}", file.display()))
    };
    let text = std::fs::read(file).map_err(|error| unusable(&error))?;
    let found = pem::parse_many(text).map_err(|error| unusable(&error))?;
    let found: Vec<_> =
        found.into_iter().filter(|pem| pem.tag() == "CERTIFICATE").map(pem::Pem::into_contents).collect();
    if found.is_empty() { Err(unusable(&"it has none")) } else { Ok(found) }
}
