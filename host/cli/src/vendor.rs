//! `hookward vendor`: a copy of every component, for machines without a network.

use hookward_runner::components::{VendorError, Vendored, wanted};
use serde_json::json;

use crate::args::Vendor;
use crate::lock::from_their_sources;
use crate::output;
use crate::session::{Problem, Session};

pub(crate) fn vendor(session: &Session, args: &Vendor) -> anyhow::Result<i32> {
    let config = session.config()?;
    let (settings, dir) = (from_their_sources(&config), &args.dir);
    let components = session.components(&settings)?;
    let runtime = session.runtime()?;
    let vendored = runtime.block_on(components.vendor(&wanted(&config), dir)).map_err(|error| match error {
        VendorError::Component(failure) => {
            Problem::Registry(format!("{failure} [{}]; `hookward lock` writes what is missing", failure.reason))
        }
        error => Problem::Registry(error.to_string()),
    })?;
    runtime.shutdown_background();
    if session.global.json {
        let components: Vec<_> = vendored
            .iter()
            .map(|Vendored { source, digest, size, .. }| json!({ "source": source, "digest": digest, "size": size }))
            .collect();
        let report = json!({ "version": 1, "exit-code": 0, "dir": dir, "components": components });
        output::result(format_args!("{report:#}"))?;
    } else if !session.global.quiet {
        for Vendored { source, digest, .. } in &vendored {
            output::result(format_args!("{source}\n         {digest}"))?;
        }
        let used = config
            .components
            .vendor
            .as_ref()
            .is_some_and(|used| std::path::absolute(used).ok() == std::path::absolute(dir).ok());
        output::result(format_args!("{} copied to {}", vendored.len(), dir.display()))?;
        if !used {
            let dir = toml::Value::String(dir.display().to_string());
            output::result(format_args!("to take them from there:\n\n[components]\nvendor = {dir}"))?;
        }
    }
    Ok(0)
}
