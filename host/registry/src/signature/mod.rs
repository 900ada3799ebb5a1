//! Who has signed a component: a key pair, as cosign makes them, or somebody by a
//! certificate that was given out for a few minutes.

mod bundle;
mod crypto;
mod identity;
mod key;
mod pair;
mod policy;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub(crate) use self::bundle::{BUNDLE, is_signature};
pub use self::bundle::{Bundle, InvalidTrustRoot, Keyless};
pub use self::identity::{Identity, InvalidSignatory, Signatory};
pub use self::key::{InvalidKey, PrivateKey, PublicKey};
pub use self::pair::PairSignature;
pub(crate) use self::pair::{ANNOTATION, PAYLOAD};
pub use self::policy::{Policy, Signer};
use crate::failure::Failure;

/// A signature that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Signature {
    /// By a key pair.
    Pair(PairSignature),
    /// Without a key.
    Bundle(Bundle),
}

impl Signature {
    /// The signatures beside a component's file.
    ///
    /// # Errors
    /// When there is a file of such that can't be read. None at all is no error.
    pub fn beside(file: &Path) -> Result<Vec<Self>, Failure> {
        let pairs = PairSignature::beside(file)?.into_iter().map(Self::Pair);
        Ok(pairs.chain(Bundle::beside(file)?.map(Self::Bundle)).collect())
    }
}

mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        BASE64.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
