//! What a component is known by: how it is locked, and who has signed it.

use std::fmt::Write as _;

use hookward_registry::lock::Locked;
use hookward_registry::signature::PublicKey;
use hookward_runner::components::Components;
use hookward_runner::config::Source;
use serde_json::{Value, json};

pub(super) fn lines(
    out: &mut String,
    components: &Components,
    component: &Source,
    signed_by: Option<&PublicKey>,
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
    match (components.signature_wanted_by(component), signed_by) {
        (Some(origin), Some(key)) => writeln!(out, "  signed      by {key}, as {origin} wants it"),
        (Some(origin), None) => writeln!(out, "  signed      not known to be, and {origin} wants it"),
        (None, _) => Ok(()),
    }
}

/// How it is locked, for machines.
pub(super) fn locked(components: &Components, component: &Source) -> Option<Value> {
    let Locked { digest, manifest, .. } = components.locked(component)?;
    Some(json!({ "digest": digest, "manifest": manifest }))
}
