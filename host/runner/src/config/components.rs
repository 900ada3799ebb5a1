//! How components are got: from which registries, and signed by whom.

use std::path::PathBuf;

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
    /// The table that says so.
    pub origin: String,
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
    if let Some(spec) = signatures(check, &origin, registry.require_signature.as_ref(), registry.keys.as_ref()) {
        settings.by_prefix.push((prefix.clone(), spec));
    }
}

/// What one file says of components as such.
pub(super) fn components(check: &mut Checker<'_>, table: &schema::Components, settings: &mut ComponentSettings) {
    settings.vendor = table.vendor.as_ref().and_then(|at| check.path("`vendor`", at));
    let given = signatures(check, "[components]", table.require_signature.as_ref(), table.keys.as_ref());
    settings.signatures = given.flatten();
}

/// Keys mean that a signature is needed. The outer none: nothing is said.
fn signatures(
    check: &mut Checker<'_>,
    origin: &str,
    required: Option<&At<bool>>,
    keys: Option<&At<Vec<At<String>>>>,
) -> Option<Option<SignatureSpec>> {
    let named = keys.filter(|keys| !keys.get().is_empty());
    match (required, named) {
        (Some(at), None) if *at.get() => {
            let help = "name the public keys: `keys = [\"acme.pub\"]`";
            check.error(at, "a signature is required, and by nobody", help);
            None
        }
        (Some(at), Some(_)) if !*at.get() => {
            let help = "remove the keys, or `require-signature`: keys alone mean that a signature is required";
            check.error(at, "keys are named, and no signature is required", help);
            None
        }
        (_, Some(keys)) => {
            let paths = keys.get().iter().filter_map(|at| Some((at, check.path("a key", at)?))).collect::<Vec<_>>();
            let keys = paths.into_iter().map(|(at, path)| check.located(at, path)).collect();
            Some(Some(SignatureSpec { keys, origin: origin.to_owned() }))
        }
        (Some(_), None) => Some(None),
        (None, None) => {
            if let Some(keys) = keys {
                check.error(keys, "`keys` is empty", "name the public keys, or remove the key");
            }
            None
        }
    }
}

/// The directory of the first file, at which the lock's paths start.
pub(super) fn base(files: &[Loaded]) -> PathBuf {
    let base = files.first().map(|loaded| loaded.base.clone()).unwrap_or_default();
    std::path::absolute(&base).unwrap_or(base)
}
