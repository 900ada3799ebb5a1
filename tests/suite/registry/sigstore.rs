//! A Sigstore of the test's own: who gives out certificates for a few hours, the log of
//! those, and the log of signatures. What it makes is written by hand, as the formats
//! have it, and not by the crates that read it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hookward_engine::Digest;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    PublicKeyData as _, SanType, SerialNumber, SigningKey as _, date_time_ymd,
};
use serde_json::{Value, json};

pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What cosign states of an image that it signs.
pub(crate) const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// The type of a statement.
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Noon of 15 June 2024, in seconds: when all is signed.
const NOON: i64 = 1_718_452_800;

const SCT: [u64; 10] = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
const ISSUER: [u64; 9] = [1, 3, 6, 1, 4, 1, 57264, 1, 8];

/// Who signs, and with what certificate.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    /// A URI, or an e-mail address.
    pub(crate) subject: &'static str,
    pub(crate) issuer: &'static str,
    /// Days of June 2024 between which the certificate is valid.
    pub(crate) valid: (u8, u8),
    /// Whether it is in the log of certificates.
    pub(crate) logged: bool,
}

/// Its keys.
pub(crate) struct Sigstore {
    authority: CertifiedIssuer<'static, KeyPair>,
    certificates: KeyPair,
    signatures: KeyPair,
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What<'a> {
    /// These bytes.
    File(&'a [u8]),
    /// Others, while the log and the bundle say that it is these.
    Pretended(&'a [u8]),
    /// A statement of this type of a digest.
    Statement(&'a str, &'a str),
}

fn key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    Digest::of(bytes).hex()
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    let hex = hex(bytes);
    (0..32).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

impl Sigstore {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, key()).unwrap();
        Self { authority, certificates: key(), signatures: key() }
    }

    /// This one with the log of signatures of another.
    pub(crate) fn with_log_of(self, other: Self) -> Self {
        Self { signatures: other.signatures, ..self }
    }

    /// What all of it is checked by.
    pub(crate) fn trust_root(&self) -> Value {
        let log = |key: &KeyPair| {
            json!({
                "baseUrl": "https://log.test",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": BASE64.encode(key.subject_public_key_info()),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": { "start": "2024-01-01T00:00:00Z" },
                },
                "logId": { "keyId": BASE64.encode(sha256(&key.subject_public_key_info())) },
            })
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&self.signatures)],
            "certificateAuthorities": [{
                "subject": { "organization": "test", "commonName": "test" },
                "uri": "https://authority.test",
                "certChain": { "certificates": [{ "rawBytes": BASE64.encode(self.authority.der()) }] },
                "validFor": { "start": "2024-01-01T00:00:00Z" },
            }],
            "ctlogs": [log(&self.certificates)],
            "timestampAuthorities": [],
        })
    }

    /// Signs with a key that is forgotten, and bundles what shows it.
    pub(crate) fn sign(&self, who: &Who, what: What<'_>) -> Value {
        let key = key();
        let certificate = self.certificate(&key, who);
        let pem = pem::encode_config(
            &pem::Pem::new("CERTIFICATE", certificate.clone()),
            pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
        );
        let (content, name, kind, body) = match what {
            What::File(bytes) | What::Pretended(bytes) => {
                let signed = if matches!(what, What::File(_)) { bytes } else { b"others" };
                let signature = BASE64.encode(key.sign(signed).unwrap());
                let body = json!({ "apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
                    "data": { "hash": { "algorithm": "sha256", "value": hex(bytes) } },
                    "signature": { "content": signature, "publicKey": { "content": BASE64.encode(pem) } },
                } });
                let digest = json!({ "algorithm": "SHA2_256", "digest": BASE64.encode(sha256(bytes)) });
                let content = json!({ "messageDigest": digest, "signature": signature });
                (content, "messageSignature", "hashedrekord", body)
            }
            What::Statement(predicate, digest) => {
                let statement = json!({
                    "_type": "https://in-toto.io/Statement/v1",
                    "subject": [{ "name": "it", "digest": { "sha256": digest.strip_prefix("sha256:").unwrap() } }],
                    "predicateType": predicate,
                    "predicate": {},
                });
                let payload = statement.to_string();
                let signed = format!("DSSEv1 {} {IN_TOTO} {} {payload}", IN_TOTO.len(), payload.len());
                let signature = BASE64.encode(key.sign(signed.as_bytes()).unwrap());
                let envelope = json!({
                    "payload": BASE64.encode(&payload),
                    "payloadType": IN_TOTO,
                    "signatures": [{ "sig": signature }],
                });
                let body = json!({ "apiVersion": "0.0.1", "kind": "dsse", "spec": {
                    "envelopeHash": { "algorithm": "sha256", "value": hex(envelope.to_string().as_bytes()) },
                    "payloadHash": { "algorithm": "sha256", "value": hex(payload.as_bytes()) },
                    "signatures": [{ "signature": signature, "verifier": BASE64.encode(pem) }],
                } });
                (envelope, "dsseEnvelope", "dsse", body)
            }
        };
        json!({
            "mediaType": BUNDLE,
            "verificationMaterial": {
                "certificate": { "rawBytes": BASE64.encode(certificate) },
                "tlogEntries": [self.entry(kind, body.to_string().as_bytes())],
            },
            name: content,
        })
    }

    /// A certificate in DER. To be in the log of certificates is to have the log's
    /// signature of all else that stands in it.
    fn certificate(&self, of: &KeyPair, who: &Who) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from_slice(&[7; 8]));
        (params.not_before, params.not_after) =
            (date_time_ymd(2024, 6, who.valid.0), date_time_ymd(2024, 6, who.valid.1));
        let subject = who.subject.try_into().unwrap();
        params.subject_alt_names =
            vec![if who.subject.contains("://") { SanType::URI(subject) } else { SanType::Rfc822Name(subject) }];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.custom_extensions = vec![CustomExtension::from_oid_content(&ISSUER, der(0x0c, who.issuer.as_bytes()))];
        let made = |params: &CertificateParams| params.signed_by(of, &self.authority).unwrap().der().to_vec();
        if who.logged {
            let before = made(&params);
            let (outer, _) = header(&before);
            let (inner, length) = header(&before[outer..]);
            let sct = self.sct(&before[outer..outer + inner + length]);
            params.custom_extensions.push(CustomExtension::from_oid_content(&SCT, der(0x04, &sct)));
        }
        made(&params)
    }

    /// A list with one timestamp of the log of certificates, by RFC 6962.
    fn sct(&self, certificate: &[u8]) -> Vec<u8> {
        let time = u64::try_from(NOON).unwrap() * 1000;
        let length = u32::try_from(certificate.len()).unwrap().to_be_bytes();
        let issuer = sha256(&self.authority.key().subject_public_key_info());
        let signed = [&[0, 0], &time.to_be_bytes() as &[u8], &[0, 1], &issuer, &length[1..], certificate, &[0, 0]];
        let signature = self.certificates.sign(&signed.concat()).unwrap();
        let log = sha256(&self.certificates.subject_public_key_info());
        let sct = [&[0], log.as_slice(), &time.to_be_bytes(), &[0, 0, 4, 3], &prefixed(&signature)].concat();
        prefixed(&prefixed(&sct))
    }

    /// An entry of the log of signatures, which has one other.
    fn entry(&self, kind: &str, body: &[u8]) -> Value {
        let key = &self.signatures;
        let id = sha256(&key.subject_public_key_info());
        let (leaf, other) = (sha256(&[&[0], body].concat()), sha256(b"another"));
        let root = BASE64.encode(sha256(&[&[1], leaf.as_slice(), &other].concat()));
        let note = format!("log.test - 1\n2\n{root}\n");
        let signed = [&id[..4], &key.sign(note.as_bytes()).unwrap()].concat();
        let body = BASE64.encode(body);
        let promised = format!(
            "{{\"body\":\"{body}\",\"integratedTime\":{NOON},\"logID\":\"{}\",\"logIndex\":7}}",
            hex(&key.subject_public_key_info())
        );
        json!({
            "logIndex": "7",
            "logId": { "keyId": BASE64.encode(&id) },
            "kindVersion": { "kind": kind, "version": "0.0.1" },
            "integratedTime": NOON.to_string(),
            "inclusionPromise": { "signedEntryTimestamp": BASE64.encode(key.sign(promised.as_bytes()).unwrap()) },
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": root,
                "treeSize": "2",
                "hashes": [BASE64.encode(other)],
                "checkpoint": { "envelope": format!("{note}\n\u{2014} log.test {}\n", BASE64.encode(signed)) },
            },
            "canonicalizedBody": body,
        })
    }
}

/// Bytes behind their length, in two.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes() as &[u8], bytes].concat()
}

/// A value of DER with this tag.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match content.len() {
        short @ ..128 => vec![u8::try_from(short).unwrap()],
        long @ ..256 => vec![0x81, u8::try_from(long).unwrap()],
        longer => [&[0x82], &u16::try_from(longer).unwrap().to_be_bytes() as &[u8]].concat(),
    };
    [&[tag], length.as_slice(), content].concat()
}

/// The lengths of the header of a value of DER, and of its content.
fn header(der: &[u8]) -> (usize, usize) {
    match usize::from(der[1]) {
        short @ ..128 => (2, short),
        long => {
            let count = long - 128;
            (2 + count, der[2..2 + count].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
        }
    }
}
