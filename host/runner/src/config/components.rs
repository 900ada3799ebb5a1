//! How components are got: from which registries, and signed by whom.

use std::path::PathBuf;

use hookward_registry::signature::{InvalidSignatory, Signatory};
use hookward_registry::{Connection, Reference, Registries, lock};

use super::load::Loaded;
use super::schema::{self, At};
use super::value::Checker;
use super::{Located, Source};

/// How components are got, as the files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComponentSettings {
    /// The directory of the first file: its lock stands there.
    pub base: PathBuf,
    /// A directory with a copy of every component, from which all of them come.
    pub vendor: Option<PathBuf>,
    /// How registries are talked to.
    pub registries: Registries,
    /// Whose signature components need whose registry says nothing of it, and files.
    pub signatures: Option<SignatureSpec>,
    /// What the registries' tables say of signatures, by their prefix; none: they need
    /// not be signed.
    pub by_prefix: Vec<(String, Option<SignatureSpec>)>,
}

/// Whose signature a component needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureSpec {
    /// Public keys, any of which will do. Not looked at yet.
    pub keys: Vec<Located<PathBuf>>,
    /// Who may sign without a key.
    pub keyless: Option<KeylessSpec>,
    /// The table that says so.
    pub origin: String,
}

/// Who may sign without a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeylessSpec {
    /// Any of these.
    pub identities: Vec<Signatory>,
    /// The file of what certificates and logs are checked by. Not looked at yet.
    pub trust_root: Located<PathBuf>,
}

/// Who has to sign, by the names of their keys or as others know them.
impl std::fmt::Display for SignatureSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys = self.keys.iter().map(|key| key.value.file_name().unwrap_or_default().to_string_lossy().into_owned());
        let identities = self.keyless.iter().flat_map(|keyless| &keyless.identities).map(ToString::to_string);
        f.write_str(&keys.chain(identities).collect::<Vec<_>>().join(" or "))
    }
}

impl ComponentSettings {
    /// Where the lock is, or would be.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.base.join(lock::NAME)
    }

    /// Whose signature a component needs: as the longest prefix says that says anything
    /// of signatures.
    #[must_use]
    pub fn signature(&self, source: &Source) -> Option<&SignatureSpec> {
        let Source::Registry(reference) = source else { return self.signatures.as_ref() };
        let found = self.by_prefix.iter().filter(|(prefix, _)| is_within(reference, prefix));
        let longest = found.max_by_key(|(prefix, _)| prefix.len());
        longest.map_or(self.signatures.as_ref(), |(_, spec)| spec.as_ref())
    }
}

/// Whether a prefix is a reference's host, or that and whole words of its name.
fn is_within(reference: &Reference, prefix: &str) -> bool {
    let place = reference.place();
    place.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What one file says of one registry.
pub(super) fn registry(
    check: &mut Checker<'_>,
    at: &At<String>,
    registry: &schema::Registry,
    settings: &mut ComponentSettings,
) {
    let prefix = at.get();
    let host = prefix.split('/').next().unwrap_or_default();
    let well_formed = format!("oci://{prefix}/x:1").parse::<Reference>().is_ok();
    if !well_formed {
        let help = "write its host, such as `ghcr.io` or `localhost:5000`, and a prefix of names: `ghcr.io/acme`";
        check.error(at, format!("`{prefix}` is no registry"), help);
        return;
    }
    let ca_file = registry.ca_file.as_ref();
    if let (Some(ca_file), Some(true)) = (ca_file, registry.insecure.as_ref().map(|insecure| *insecure.get())) {
        check.error(ca_file, "`ca-file` has no meaning beside `insecure = true`", "remove one of the two");
    }
    let of_host = ca_file.map(At::span).or(registry.insecure.as_ref().map(At::span));
    if let (Some(span), true) = (of_host, prefix != host) {
        let message = "how a registry is talked to is said of its host, not of a part of its names";
        let help = format!("move this line to `[registry.\"{host}\"]`");
        let diagnostic = super::Diagnostic::at(check.place(span), message, help);
        check.errors.push(diagnostic);
    }
    let connection = Connection {
        insecure: registry.insecure.as_ref().map(|insecure| *insecure.get()),
        ca_file: ca_file.and_then(|at| check.path("`ca-file`", at)),
    };
    if connection != Connection::default() {
        settings.registries.0.insert(host.to_owned(), connection);
    }
    let origin = format!("[registry.\"{prefix}\"]");
    let schema::Registry { require_signature, keys, identities, trust_root, .. } = registry;
    let given = Given {
        required: require_signature.as_ref(),
        keys: keys.as_ref(),
        identities: identities.as_ref(),
        trust_root: trust_root.as_ref(),
    };
    if let Some(spec) = signatures(check, &origin, &given) {
        settings.by_prefix.push((prefix.clone(), spec));
    }
}

/// What one file says of components as such.
pub(super) fn components(check: &mut Checker<'_>, table: &schema::Components, settings: &mut ComponentSettings) {
    settings.vendor = table.vendor.as_ref().and_then(|at| check.path("`vendor`", at));
    let schema::Components { require_signature, keys, identities, trust_root, .. } = table;
    let given = Given {
        required: require_signature.as_ref(),
        keys: keys.as_ref(),
        identities: identities.as_ref(),
        trust_root: trust_root.as_ref(),
    };
    settings.signatures = signatures(check, "[components]", &given).flatten();
}

/// What a table says of signatures.
struct Given<'a> {
    required: Option<&'a At<bool>>,
    keys: Option<&'a At<Vec<At<String>>>>,
    identities: Option<&'a At<Vec<At<schema::Identity>>>>,
    trust_root: Option<&'a At<String>>,
}

/// Keys and identities mean that a signature is needed. The outer none: nothing is said.
fn signatures(check: &mut Checker<'_>, origin: &str, given: &Given<'_>) -> Option<Option<SignatureSpec>> {
    let keys = given.keys.filter(|keys| !keys.get().is_empty());
    let identities = given.identities.filter(|identities| !identities.get().is_empty());
    match given.required {
        Some(at) if *at.get() && keys.is_none() && identities.is_none() => {
            let help = "name the public keys, `keys = [\"acme.pub\"]`, or the `identities` of who signs without one";
            check.error(at, "a signature is required, and by nobody", help);
            return None;
        }
        Some(at) if !*at.get() && (keys.is_some() || identities.is_some()) => {
            let what = if keys.is_some() { "keys" } else { "identities" };
            let help =
                format!("remove the {what}, or `require-signature`: {what} alone mean that a signature is required");
            check.error(at, format!("{what} are named, and no signature is required"), help);
            return None;
        }
        _ => {}
    }
    if let (Some(at), None) = (given.keys, keys) {
        check.error(at, "`keys` is empty", "name the public keys, or remove the key");
    }
    if let (Some(at), None) = (given.identities, identities) {
        check.error(at, "`identities` is empty", "name who signs, or remove the key");
    }
    let keyless = keyless(check, identities, given.trust_root);
    if keys.is_none() && keyless.is_none() {
        return given.required.map(|_| None);
    }
    let keys = keys.map_or(&[] as &[_], |keys| keys.get().as_slice());
    let keys = keys.iter().filter_map(|at| Some((at, check.path("a key", at)?))).collect::<Vec<_>>();
    let keys = keys.into_iter().map(|(at, path)| check.located(at, path)).collect();
    Some(Some(SignatureSpec { keys, keyless, origin: origin.to_owned() }))
}

fn keyless(
    check: &mut Checker<'_>,
    identities: Option<&At<Vec<At<schema::Identity>>>>,
    trust_root: Option<&At<String>>,
) -> Option<KeylessSpec> {
    let (at, root) = match (identities, trust_root) {
        (None, None) => return None,
        (Some(at), None) => {
            let help = "name the file of the certificate authorities and logs: `trust-root = \"trusted_root.json\"`";
            check.error(at, "identities are named, and nothing to check them by", help);
            return None;
        }
        (None, Some(root)) => {
            let help = "name who signs: `identities = [{ issuer = \"https://...\", subject = \"...\" }]`";
            check.error(root, "a trust root is named, and nobody's identity", help);
            return None;
        }
        (Some(at), Some(root)) => (at, root),
    };
    let trust_root = check.path("`trust-root`", root).map(|path| check.located(root, path))?;
    let identities = at.get().iter().filter_map(|at| signatory(check, at.get())).collect();
    Some(KeylessSpec { identities, trust_root })
}

fn signatory(check: &mut Checker<'_>, identity: &schema::Identity) -> Option<Signatory> {
    let schema::Identity { issuer, subject } = identity;
    let error = match Signatory::new(subject.get(), issuer.get()) {
        Ok(signatory) => return Some(signatory),
        Err(error) => error,
    };
    let (at, help) = match error {
        InvalidSignatory::Nobody => {
            (subject, "write the URI or the e-mail address that the issuer knows them by; `*` stands for a part of it")
        }
        _ => (issuer, "write its URL, such as `https://token.actions.githubusercontent.com`"),
    };
    check.error(at, error.to_string(), help);
    None
}

/// The directory of the first file, at which the lock's paths start.
pub(super) fn base(files: &[Loaded]) -> PathBuf {
    let base = files.first().map(|loaded| loaded.base.clone()).unwrap_or_default();
    std::path::absolute(&base).unwrap_or(base)
}
