//! Whose signature a component needs, and what its signatures are worth by that.

use std::fmt;

use hookward_engine::Digest;

use super::Signature;
use super::bundle::{Bundle, Keyless, Rejection};
use super::identity::Identity;
use super::key::PublicKey;
use super::pair::PairSignature;
use crate::artifact::Artifact;
use crate::failure::{Failure, Reason};

/// What is said of this many bundles that don't count.
const TOLD: usize = 3;

/// Whose signature a component needs.
#[derive(Debug, Default)]
pub struct Policy {
    /// Any of these.
    pub keys: Vec<PublicKey>,
    /// Or any of who signs without a key.
    pub keyless: Option<Keyless>,
    /// What of the configuration says so, for messages: `[registry."ghcr.io/acme"]`.
    pub origin: String,
}

/// Who has signed a component.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signer {
    /// Who has this key.
    Key(PublicKey),
    /// Who was this then.
    Identity(Identity),
}

impl Signer {
    /// The key's fingerprint, or the subject.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Key(key) => key.fingerprint().to_string(),
            Self::Identity(identity) => identity.subject.clone(),
        }
    }

    /// Who vouches for the subject.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        match self {
            Self::Key(_) => None,
            Self::Identity(identity) => Some(&identity.issuer),
        }
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Identity(identity) => identity.fmt(f),
        }
    }
}

impl Policy {
    /// Checks an artifact; who has signed it.
    ///
    /// # Errors
    /// When none of those who have to has.
    pub fn check_artifact(&self, artifact: &Artifact, signatures: &[Signature]) -> Result<Signer, Failure> {
        let subjects = artifact.subjects();
        let mut other = None;
        for signature in pairs(signatures) {
            let Some(key) = self.keys.iter().find(|key| signature.is_of_payload(key)) else { continue };
            match signature.subject() {
                Some(subject) if subjects.contains(&subject) => return Ok(Signer::Key(key.clone())),
                subject => other = Some((key, subject)),
            }
        }
        let digest = artifact.manifest.digest;
        let manifests = artifact.index.iter().chain([&artifact.manifest]).map(|manifest| manifest.bytes.as_slice());
        let rejected = match self.check_bundles(signatures, &manifests.collect::<Vec<_>>()) {
            Ok(identity) => return Ok(Signer::Identity(identity)),
            Err(rejected) => rejected,
        };
        Err(match other {
            Some((key, Some(subject))) => {
                failed(format!("its signature by {key} is for {subject}, and not for this manifest, {digest}"))
            }
            Some((key, None)) => failed(format!("its signature by {key} is for no manifest, and so not for {digest}")),
            None => self.not_signed(digest, signatures, &rejected),
        })
    }

    /// Checks a file; who has signed it.
    ///
    /// # Errors
    /// When none of those who have to has.
    pub fn check_file(&self, bytes: &[u8], signatures: &[Signature]) -> Result<Signer, Failure> {
        let signed = |signature: &PairSignature| self.keys.iter().find(|key| signature.is_of(bytes, key));
        if let Some(key) = pairs(signatures).find_map(signed) {
            return Ok(Signer::Key(key.clone()));
        }
        let identity = self.check_bundles(signatures, &[bytes]);
        identity.map(Signer::Identity).map_err(|rejected| self.not_signed(Digest::of(bytes), signatures, &rejected))
    }

    /// Who of those who have to has signed one of these texts; or what each bundle lacks.
    fn check_bundles(&self, signatures: &[Signature], texts: &[&[u8]]) -> Result<Identity, Vec<Rejection>> {
        let mut rejected = Vec::new();
        let Some(keyless) = &self.keyless else { return Err(rejected) };
        for bundle in bundles(signatures) {
            match keyless.check(bundle, texts) {
                Ok(identity) => return Ok(identity),
                Err(rejection) => rejected.push(rejection),
            }
        }
        Err(rejected)
    }

    /// Those of whom one has to sign.
    fn wanted(&self) -> String {
        let keys = self.keys.iter().map(ToString::to_string);
        let signatories = self.keyless.iter().flat_map(Keyless::signatories).map(ToString::to_string);
        keys.chain(signatories).collect::<Vec<_>>().join(" or ")
    }

    fn not_signed(&self, digest: Digest, signatures: &[Signature], rejected: &[Rejection]) -> Failure {
        let (wanted, origin) = (self.wanted(), &self.origin);
        let by_keys = if self.keys.is_empty() { 0 } else { pairs(signatures).count() };
        failed(match (by_keys, rejected) {
            (0, []) if signatures.is_empty() => {
                format!("{digest} is not signed, and {origin} wants a signature by {wanted}")
            }
            (0, []) => {
                let form = if self.keys.is_empty() { "by a key alone" } else { "in a bundle alone, without a key" };
                format!("{digest} is signed {form}, and {origin} wants a signature by {wanted}")
            }
            (1, []) => format!(
                "the signature of {digest} is not by {wanted}, as {origin} wants it: it is another's, or was changed"
            ),
            (some, []) => format!("none of the {some} signatures of {digest} is by {wanted}, as {origin} wants it"),
            (0, [Rejection::Other(Some(identity))]) => {
                format!("{digest} is signed by {identity}, and {origin} wants a signature by {wanted}")
            }
            (0, [one]) => format!("the bundle of {digest} {one}; {origin} wants a signature by {wanted}"),
            (by_keys, several) => {
                let all = by_keys + several.len();
                let told = several.iter().take(TOLD).map(|one| format!("a bundle {one}")).collect::<Vec<_>>();
                let told = told.join("; ");
                format!("none of the {all} signatures of {digest} is by {wanted}, as {origin} wants it: {told}")
            }
        })
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(Some(identity)) => write!(f, "is by {identity}"),
            Self::Other(None) => f.write_str("is by nobody: its certificate names no subject, or no issuer"),
            Self::Broken(Some(identity), why) => write!(f, "that says it is by {identity} doesn't count: {why}"),
            Self::Broken(None, why) => write!(f, "doesn't count: {why}"),
        }
    }
}

fn pairs(signatures: &[Signature]) -> impl Iterator<Item = &PairSignature> {
    signatures.iter().filter_map(|signature| match signature {
        Signature::Pair(pair) => Some(pair),
        Signature::Bundle(_) => None,
    })
}

fn bundles(signatures: &[Signature]) -> impl Iterator<Item = &Bundle> {
    signatures.iter().filter_map(|signature| match signature {
        Signature::Bundle(bundle) => Some(bundle),
        Signature::Pair(_) => None,
    })
}

fn failed(message: String) -> Failure {
    Failure::new(Reason::Signature, message)
}
