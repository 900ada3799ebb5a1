//! Signatures by a key pair, as cosign makes them.
//!
//! An artifact of a registry is signed by its manifest's digest, which stands in a small
//! text, the payload; a file is signed as it is. Both are ECDSA over P-256 with SHA-256,
//! or Ed25519.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hookward_engine::Digest;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::key::{InvalidKey, PrivateKey, PublicKey};
use crate::failure::{Failure, Reason};
use crate::reference::Reference;

/// Media type of a payload in a registry.
pub(crate) const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// The annotation of a payload's layer that is its signature.
pub(crate) const ANNOTATION: &str = "dev.cosignproject.cosign/signature";

/// What cosign writes into a payload as its type.
const TYPE: &str = "cosign container image signature";

/// A signature by a key that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairSignature {
    #[serde(with = "super::base64_text")]
    signature: Vec<u8>,
    /// What was signed; none when it is the component's bytes.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "base64_option")]
    payload: Option<Vec<u8>>,
}

impl PairSignature {
    /// Signs an artifact of a registry.
    ///
    /// # Errors
    /// When the key can't be used.
    pub fn of_artifact(reference: &Reference, subject: Digest, key: &PrivateKey) -> Result<Self, InvalidKey> {
        let payload = json!({
            "critical": {
                "identity": { "docker-reference": reference.place() },
                "image": { "docker-manifest-digest": subject },
                "type": TYPE,
            },
            "optional": null,
        });
        let payload = payload.to_string().into_bytes();
        Ok(Self { signature: key.sign(&payload)?, payload: Some(payload) })
    }

    /// Signs a file by its bytes.
    ///
    /// # Errors
    /// When the key can't be used.
    pub fn of_file(bytes: &[u8], key: &PrivateKey) -> Result<Self, InvalidKey> {
        Ok(Self { signature: key.sign(bytes)?, payload: None })
    }

    /// A payload and its signature, as registries keep them; none if it is no Base64.
    pub(crate) fn of_payload(payload: Vec<u8>, signature: &str) -> Option<Self> {
        Some(Self { signature: BASE64.decode(signature.trim()).ok()?, payload: Some(payload) })
    }

    /// The signatures in the file beside a component's, one a line, in Base64.
    ///
    /// # Errors
    /// When there is a file that can't be read. None at all is no error.
    pub fn beside(file: &Path) -> Result<Vec<Self>, Failure> {
        let path = Self::file(file);
        let unreadable = |error: &dyn std::fmt::Display| {
            Failure::new(Reason::File, format!("cannot read the signature {}: {error}", path.display()))
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let lines = text.split_whitespace().map(|line| BASE64.decode(line));
                let signature = |signature| Self { signature, payload: None };
                lines.map(|line| line.map(signature).map_err(|error| unreadable(&error))).collect()
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(unreadable(&error)),
        }
    }

    /// The file of a file's signatures: `hook.wasm.sig`.
    #[must_use]
    pub fn file(component: &Path) -> PathBuf {
        let mut name = component.as_os_str().to_owned();
        name.push(".sig");
        PathBuf::from(name)
    }

    /// Whether it is this key's, of these bytes.
    #[must_use]
    pub fn is_of(&self, bytes: &[u8], key: &PublicKey) -> bool {
        self.payload.is_none() && key.verify(bytes, &self.signature)
    }

    /// Whether it is this key's, of its payload.
    pub(super) fn is_of_payload(&self, key: &PublicKey) -> bool {
        self.payload().is_some_and(|payload| key.verify(payload, &self.signature))
    }

    /// What was signed, if it isn't the component itself.
    pub(crate) fn payload(&self) -> Option<&[u8]> {
        self.payload.as_deref()
    }

    /// As it is written in files and registries.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.signature)
    }

    /// The digest that the payload is about.
    pub(super) fn subject(&self) -> Option<Digest> {
        let payload: serde_json::Value = serde_json::from_slice(self.payload()?).ok()?;
        payload.pointer("/critical/image/docker-manifest-digest")?.as_str()?.parse().ok()
    }
}

mod base64_option {
    use base64::Engine as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::BASE64;

    pub(super) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => serializer.serialize_some(&BASE64.encode(bytes)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| BASE64.decode(text).map_err(serde::de::Error::custom)).transpose()
    }
}
