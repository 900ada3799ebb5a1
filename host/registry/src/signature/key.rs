//! The two halves of a key pair, as cosign and OpenSSL write them.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use dryoc::classic::crypto_secretbox::{Nonce, crypto_secretbox_open_easy};
use dryoc::constants::CRYPTO_SECRETBOX_MACBYTES;
use hookward_engine::Digest;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;
use spki::der::asn1::{AnyRef, BitStringRef, ObjectIdentifier};
use spki::der::{Decode as _, Encode as _};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const EDWARDS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// How a password becomes the key of a private key. cosign has doubled N once, to
/// 65,536; beyond this it would be meant to keep us busy.
const MAX_SCRYPT: (u32, u32, u32) = (1 << 20, 32, 16);

/// Why a key can't be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot use the key {}: {why}", file.display())]
pub struct InvalidKey {
    /// Its file.
    pub file: PathBuf,
    /// What is wrong.
    pub why: String,
}

impl InvalidKey {
    fn new(file: &Path, why: impl Into<String>) -> Self {
        Self { file: file.to_owned(), why: why.into() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    P256,
    Ed25519,
}

/// The half that checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    algorithm: Algorithm,
    point: Vec<u8>,
    fingerprint: Digest,
}

impl PublicKey {
    /// Reads `PUBLIC KEY` of a PEM file.
    ///
    /// # Errors
    /// When it is none, or of a kind that isn't known here.
    pub fn read(file: &Path) -> Result<Self, InvalidKey> {
        let text = std::fs::read(file).map_err(|error| InvalidKey::new(file, error.to_string()))?;
        let pem = pem::parse(text).map_err(|error| InvalidKey::new(file, format!("it is no PEM: {error}")))?;
        if pem.tag() != "PUBLIC KEY" {
            return Err(InvalidKey::new(file, format!("it holds a {}, not a PUBLIC KEY", pem.tag().to_lowercase())));
        }
        Self::of(file, pem.contents())
    }

    fn of(file: &Path, der: &[u8]) -> Result<Self, InvalidKey> {
        let unknown = || InvalidKey::new(file, "it is no key of ECDSA over P-256, and none of Ed25519");
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| unknown())?;
        let curve = info.algorithm.parameters.and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
        let algorithm = match (info.algorithm.oid, curve) {
            (EC, Some(P256)) => Algorithm::P256,
            (EDWARDS, None) => Algorithm::Ed25519,
            _ => return Err(unknown()),
        };
        let point = info.subject_public_key.as_bytes().ok_or_else(unknown)?.to_vec();
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { name, algorithm, point, fingerprint: Digest::of(der) })
    }

    /// SHA-256 of the key's DER, as `openssl pkey -pubin -outform DER | sha256sum`
    /// prints it.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &'static dyn VerificationAlgorithm = match self.algorithm {
            Algorithm::P256 => &ECDSA_P256_SHA256_ASN1,
            Algorithm::Ed25519 => &ED25519,
        };
        UnparsedPublicKey::new(algorithm, &self.point).verify(message, signature).is_ok()
    }
}

/// Its file's name, and enough of its fingerprint to tell it from others.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (key {})", self.name, self.fingerprint)
    }
}

/// The half that signs.
pub struct PrivateKey {
    file: PathBuf,
    pair: Pair,
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("file", &self.file).finish_non_exhaustive()
    }
}

impl PrivateKey {
    /// Reads a key that cosign has made, which `password` is asked for, or one in
    /// PKCS#8 that isn't encrypted.
    ///
    /// # Errors
    /// When it is neither, or the password another.
    pub fn read(
        file: &Path,
        password: impl FnOnce() -> std::io::Result<Option<Zeroizing<Vec<u8>>>>,
    ) -> Result<Self, InvalidKey> {
        let text = std::fs::read(file).map_err(|error| InvalidKey::new(file, error.to_string()))?;
        let text = Zeroizing::new(text);
        let pem =
            pem::parse(text.as_slice()).map_err(|error| InvalidKey::new(file, format!("it is no PEM: {error}")))?;
        match pem.tag() {
            "PRIVATE KEY" => Self::of(file, pem.contents()),
            "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
                let password = password()
                    .map_err(|error| InvalidKey::new(file, format!("its password can't be read: {error}")))?
                    .ok_or_else(|| InvalidKey::new(file, "it is encrypted, and there is no password"))?;
                Self::of(file, &decrypted(file, pem.contents(), &password)?)
            }
            "EC PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => {
                let why = "write it as PKCS#8 first: `openssl pkcs8 -topk8 -nocrypt -in KEY`";
                Err(InvalidKey::new(file, why))
            }
            other => Err(InvalidKey::new(file, format!("it holds a {}, not a PRIVATE KEY", other.to_lowercase()))),
        }
    }

    fn of(file: &Path, der: &[u8]) -> Result<Self, InvalidKey> {
        let random = SystemRandom::new();
        let pair = match EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &random) {
            Ok(pair) => Pair::P256(pair),
            Err(_) => Pair::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| {
                InvalidKey::new(file, "it is no private key of ECDSA over P-256 or of Ed25519 in PKCS#8")
            })?),
        };
        Ok(Self { file: file.to_owned(), pair })
    }

    /// The other half.
    ///
    /// # Errors
    /// When it can't be written, which is a defect.
    pub fn public(&self) -> Result<PublicKey, InvalidKey> {
        let (oid, curve, point) = match &self.pair {
            Pair::P256(pair) => (EC, Some(P256), pair.public_key().as_ref()),
            Pair::Ed25519(pair) => (EDWARDS, None, pair.public_key().as_ref()),
        };
        let broken = |error: spki::der::Error| InvalidKey::new(&self.file, error.to_string());
        let parameters = curve.as_ref().map(AnyRef::from);
        let subject_public_key = BitStringRef::from_bytes(point).map_err(broken)?;
        let info = SubjectPublicKeyInfoRef { algorithm: AlgorithmIdentifier { oid, parameters }, subject_public_key };
        PublicKey::of(&self.file, &info.to_der().map_err(broken)?)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, InvalidKey> {
        let failed = |_| InvalidKey::new(&self.file, "signing has failed");
        match &self.pair {
            Pair::P256(pair) => {
                pair.sign(&SystemRandom::new(), message).map(|signature| signature.as_ref().to_vec()).map_err(failed)
            }
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

/// How cosign encrypts a private key.
#[derive(Deserialize)]
struct Encrypted {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Scrypt,
    salt: String,
}

#[derive(Deserialize)]
struct Scrypt {
    #[serde(rename = "N")]
    n: u32,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

fn decrypted(file: &Path, json: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
    let broken = || InvalidKey::new(file, "its encryption isn't that of cosign (scrypt and nacl/secretbox)");
    let encrypted: Encrypted = serde_json::from_slice(json).map_err(|_| broken())?;
    let Encrypted { kdf: Kdf { name, params: Scrypt { n, r, p }, salt }, cipher, ciphertext } = encrypted;
    let (max_n, max_r, max_p) = MAX_SCRYPT;
    if name != "scrypt"
        || cipher.name != "nacl/secretbox"
        || !n.is_power_of_two()
        || n > max_n
        || r > max_r
        || p > max_p
    {
        return Err(broken());
    }
    let decode = |text: &str| BASE64.decode(text).map_err(|_| broken());
    let (salt, nonce, ciphertext) = (decode(&salt)?, decode(&cipher.nonce)?, decode(&ciphertext)?);
    let nonce: Nonce = nonce.try_into().map_err(|_| broken())?;
    let log_n = u8::try_from(n.ilog2()).map_err(|_| broken())?;
    let params = scrypt::Params::new(log_n, r, p).map_err(|_| broken())?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password, &salt, &params, key.as_mut_slice()).map_err(|_| broken())?;
    let mut plain = Zeroizing::new(vec![0; ciphertext.len().saturating_sub(CRYPTO_SECRETBOX_MACBYTES)]);
    crypto_secretbox_open_easy(&mut plain, &ciphertext, &nonce, &key)
        .map_err(|_| InvalidKey::new(file, "the password is not its own"))?;
    Ok(plain)
}
