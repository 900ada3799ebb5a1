//! Signatures without a key: a bundle of Sigstore has the signature, the certificate
//! that says who has made it, and the entry of a log that says when.
//!
//! Nothing is asked of anybody: a bundle is checked by the trust root of the
//! configuration, and by nothing else.

use std::path::{Path, PathBuf};

use hookward_engine::Digest;
use serde::{Deserialize, Serialize};
use sigstore_verify::crypto::{CertificateInfo, install_default_provider, parse_certificate_info};
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::{Bundle as Parsed, SignatureContent, Statement};
use sigstore_verify::{CertificateError, Error, VerificationPolicy, Verifier};

use super::crypto::Crypto;
use super::identity::{Identity, Signatory};
use crate::failure::{Failure, Reason, clean, told};

/// Media type of a bundle.
pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What a statement has to be to be a signature: cosign's own, or where the component
/// was built. Whoever states something else doesn't say that it is theirs.
const SIGNATURES: &[&str] = &["https://sigstore.dev/cosign/sign/v1", "https://slsa.dev/provenance/v1"];

/// A bundle that nobody has looked into yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    #[serde(rename = "bundle", with = "super::base64_text")]
    json: Vec<u8>,
}

/// By whom a bundle has to be, and what shows it.
pub struct Keyless {
    /// Any of these.
    signatories: Vec<Signatory>,
    verifier: Verifier,
    /// Whether the trust root names logs of certificates: then one has to have it.
    certificates_are_logged: bool,
}

/// Why a trust root can't be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot use the trust root {}: {why}", file.display())]
pub struct InvalidTrustRoot {
    /// Its file.
    pub file: PathBuf,
    /// What is wrong.
    pub why: String,
}

/// Why a bundle is no signature by who has to sign.
pub(super) enum Rejection {
    /// It holds, and is somebody else's.
    Other(Option<Identity>),
    /// It doesn't hold. Who it says to be by, if it says so, may be a lie.
    Broken(Option<Identity>, String),
}

impl Bundle {
    /// Of its JSON.
    pub(crate) fn new(json: Vec<u8>) -> Self {
        Self { json }
    }

    /// The bundle beside a file, if there is one.
    pub(super) fn beside(file: &Path) -> Result<Option<Self>, Failure> {
        let path = Self::file(file);
        match std::fs::read(&path) {
            Ok(json) => Ok(Some(Self { json })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let message = format!("cannot read the bundle {}: {error}", path.display());
                Err(Failure::new(Reason::File, message))
            }
        }
    }

    /// The file of a file's bundle: `hook.wasm.sigstore.json`.
    #[must_use]
    pub fn file(component: &Path) -> PathBuf {
        let mut name = component.as_os_str().to_owned();
        name.push(".sigstore.json");
        PathBuf::from(name)
    }
}

/// Whether a predicate of this type may be a signature.
pub(crate) fn is_signature(predicate: &str) -> bool {
    SIGNATURES.contains(&predicate)
}

impl Keyless {
    /// Reads a trust root.
    ///
    /// # Errors
    /// When it can't be read, or names nobody who gives out certificates, or no log.
    pub fn read(trust_root: &Path, signatories: Vec<Signatory>) -> Result<Self, InvalidTrustRoot> {
        let invalid = |why: String| InvalidTrustRoot { file: trust_root.to_owned(), why };
        // Whoever came first has set the same.
        install_default_provider(&Crypto).ok();
        let json = std::fs::read_to_string(trust_root).map_err(|error| invalid(error.to_string()))?;
        let root = TrustedRoot::from_json(&json).map_err(|error| invalid(told(&error)))?;
        if root.certificate_authorities.is_empty() {
            return Err(invalid("it names no certificate authority".to_owned()));
        }
        if root.tlogs.is_empty() {
            return Err(invalid("it names no log of signatures".to_owned()));
        }
        let certificates_are_logged = !root.ctlogs.is_empty();
        let verifier = Verifier::new(&root).map_err(|error| invalid(told(&error)))?;
        Ok(Self { signatories, verifier, certificates_are_logged })
    }

    /// Those of whom one has to sign.
    #[must_use]
    pub fn signatories(&self) -> &[Signatory] {
        &self.signatories
    }

    /// Checks one bundle for the bytes that it is to be of; who has signed.
    pub(super) fn check(&self, bundle: &Bundle, candidates: &[&[u8]]) -> Result<Identity, Rejection> {
        let parsed: Parsed = serde_json::from_slice(&bundle.json)
            .map_err(|error| Rejection::Broken(None, format!("it is no bundle: {}", told(&error))))?;
        let certificate = parsed.signing_certificate().and_then(|der| parse_certificate_info(der).ok());
        let claimed = certificate.as_ref();
        let claimed = claimed.and_then(|info| identity(info.identity.as_ref()?.as_str(), info.issuer.as_deref()));
        if parsed.verification_material.tlog_entries.is_empty() {
            return Err(Rejection::Broken(claimed, "it has no entry in a log of signatures".to_owned()));
        }
        if let Some(why) = no_signature(&parsed.content) {
            return Err(Rejection::Broken(claimed, why));
        }
        let policy = VerificationPolicy::any_identity();
        let policy = if self.certificates_are_logged { policy } else { policy.skip_sct() };
        let mut broken = "it is for nothing".to_owned();
        for bytes in candidates {
            match self.verifier.verify(*bytes, &parsed, &policy) {
                // Every part of it holds: what it says of who has signed is true.
                Ok(verified) => {
                    let subject = verified.identity().map(|subject| subject.as_str());
                    let signed_by = subject.and_then(|subject| identity(subject, verified.issuer()));
                    let wanted = |identity: &Identity| self.signatories.iter().any(|one| one.is(identity));
                    return match signed_by {
                        Some(identity) if wanted(&identity) => Ok(identity),
                        other => Err(Rejection::Other(other)),
                    };
                }
                Err(error) => broken = reason(&error, &parsed, certificate.as_ref(), Digest::of(bytes)),
            }
        }
        Err(Rejection::Broken(claimed, broken))
    }
}

impl std::fmt::Debug for Keyless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyless").field("signatories", &self.signatories).finish_non_exhaustive()
    }
}

fn identity(subject: &str, issuer: Option<&str>) -> Option<Identity> {
    Some(Identity { subject: subject.to_owned(), issuer: issuer?.to_owned() })
}

/// Why what was signed is no signature of a component, if it isn't one.
fn no_signature(content: &SignatureContent) -> Option<String> {
    let SignatureContent::DsseEnvelope(envelope) = content else { return None };
    let statement: Statement = match serde_json::from_slice(envelope.payload.as_bytes()) {
        Ok(statement) => statement,
        Err(error) => return Some(format!("it states nothing that can be read: {error}")),
    };
    let predicate = &statement.predicate_type;
    (!is_signature(predicate)).then(|| format!("it states something else ({}), and is no signature", clean(predicate)))
}

/// What is wrong, in words for who doesn't know what a bundle is made of.
fn reason(error: &Error, bundle: &Parsed, certificate: Option<&CertificateInfo>, digest: Digest) -> String {
    match error {
        Error::ArtifactMismatch(_) => format!("it is of something else than {digest}"),
        Error::Certificate(CertificateError::ChainInvalid(_)) => {
            let given_out =
                || format!("no authority of the trust root has given out its certificate ({})", told(error));
            certificate.and_then(|certificate| out_of_time(bundle, certificate)).unwrap_or_else(given_out)
        }
        Error::Certificate(CertificateError::Sct(why)) => {
            format!("its certificate is not shown to be in a log of certificates ({})", clean(why))
        }
        Error::TransparencyLog(error) => format!("its entry in a log of signatures doesn't hold ({})", told(error)),
        error => told(error),
    }
}

/// What a log has promised of when it was signed, if the certificate wasn't valid then.
/// A promise has been checked before a certificate's chain is.
fn out_of_time(bundle: &Parsed, certificate: &CertificateInfo) -> Option<String> {
    let CertificateInfo { not_before, not_after, .. } = certificate;
    let promised = bundle.verification_material.tlog_entries.iter().filter(|entry| entry.inclusion_promise.is_some());
    let mut times = promised.filter_map(|entry| entry.integrated_time);
    let time = times.find(|time| time < not_before || time > not_after)?;
    Some(if time < *not_before {
        format!("the log has it at {time}, and its certificate is not valid before {not_before}")
    } else {
        format!("the log has it at {time}, and its certificate had expired at {not_after}")
    })
}
