//! Keeps a backup from starting that lacks a tag.

use hookward_sdk::prelude::*;
use serde::Deserialize;

/// The hook's `config` table.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Config {
    required_tag: String,
}

#[hook]
pub fn run(event: Event) -> Result<(), String> {
    let Config { required_tag } = config().map_err(|error| error.to_string())?;
    if !event.tags.contains(&required_tag) {
        return Err(format!("this backup has no tag `{required_tag}`"));
    }
    info!(tag = required_tag, "the tag is there");
    Ok(())
}
