//! What a component is known by: how it is locked, and who has signed it.

use std::fmt::Write as _;

use hookward_registry::lock::Locked;
use hookward_registry::signature::{Signatory, Signer};
use hookward_runner::components::Components;
use hookward_runner::config::{SignatureSpec, Source};
use serde_json::{Value, json};

pub(super) fn lines(
    out: &mut String,
    components: &Components,
    component: &Source,
    signed_by: Option<&Signer>,
) -> std::fmt::Result {
    match (components.locked(component), components.lock_file()) {
        (Some(Locked { digest, manifest, .. }), _) => {
            writeln!(out, "  locked      {digest}")?;
            if let Some(manifest) = manifest {
                writeln!(out, "              by its manifest {manifest}")?;
            }
        }
        (None, Some(lock)) => writeln!(out, "  locked      no: it is not in {}", lock.display())?,
        (None, None) => writeln!(out, "  locked      no: there is no {}", hookward_registry::lock::NAME)?,
    }
    match (components.signature(component), signed_by) {
        (Some(wanted), Some(signer)) => writeln!(out, "  signed      by {signer}, as {} wants it", wanted.origin),
        (Some(wanted), None) => {
            writeln!(out, "  signed      not known to be, and {} wants it by {wanted}", wanted.origin)
        }
        (None, _) => Ok(()),
    }
}

/// How it is locked, for machines.
pub(super) fn locked(components: &Components, component: &Source) -> Option<Value> {
    let Locked { digest, manifest, .. } = components.locked(component)?;
    Some(json!({ "digest": digest, "manifest": manifest }))
}

/// Whose signature it needs, for machines.
pub(super) fn wanted(spec: &SignatureSpec) -> Value {
    let SignatureSpec { keys, keyless, origin } = spec;
    let identity = |signatory: &Signatory| json!({ "subject": signatory.subject(), "issuer": signatory.issuer() });
    json!({
        "wanted-by": origin,
        "keys": keys.iter().map(|key| &key.value).collect::<Vec<_>>(),
        "identities": keyless.iter().flat_map(|keyless| &keyless.identities).map(identity).collect::<Vec<_>>(),
        "trust-root": keyless.as_ref().map(|keyless| &keyless.trust_root.value),
    })
}
