//! Key pairs for the tests, as others write them.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use dryoc::classic::crypto_secretbox::crypto_secretbox_easy;
use dryoc::constants::CRYPTO_SECRETBOX_MACBYTES;
use hookward_tests::lab::Lab;
use rcgen::KeyPair;
use serde_json::json;

use crate::support::file;

/// A key pair in files.
pub(crate) struct Keys {
    pub(crate) private: PathBuf,
    pub(crate) public: PathBuf,
    pub(crate) pair: KeyPair,
}

/// A new pair, its halves in `NAME.key` and `NAME.pub`.
pub(crate) fn keys(lab: &Lab, name: &str) -> Keys {
    written(lab, name, KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap())
}

pub(crate) fn ed25519(lab: &Lab, name: &str) -> Keys {
    written(lab, name, KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap())
}

fn written(lab: &Lab, name: &str, pair: KeyPair) -> Keys {
    let private = file(lab, &format!("{name}.key"), pair.serialize_pem().as_bytes());
    let public = file(lab, &format!("{name}.pub"), pair.public_key_pem().as_bytes());
    Keys { private, public, pair }
}

/// A private key as `cosign generate-key-pair` encrypts it.
pub(crate) fn encrypted(der: &[u8], password: &str) -> String {
    let (salt, nonce) = ([7; 32], [9; 24]);
    let mut key = [0; 32];
    scrypt::scrypt(password.as_bytes(), &salt, &scrypt::Params::new(10, 8, 1).unwrap(), &mut key).unwrap();
    let mut ciphertext = vec![0; der.len() + CRYPTO_SECRETBOX_MACBYTES];
    crypto_secretbox_easy(&mut ciphertext, der, &nonce, &key).unwrap();
    let json = json!({
        "kdf": { "name": "scrypt", "params": { "N": 1024, "r": 8, "p": 1 }, "salt": BASE64.encode(salt) },
        "cipher": { "name": "nacl/secretbox", "nonce": BASE64.encode(nonce) },
        "ciphertext": BASE64.encode(ciphertext),
    });
    pem::encode(&pem::Pem::new("ENCRYPTED SIGSTORE PRIVATE KEY", json.to_string()))
}
