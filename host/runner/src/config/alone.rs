//! Grants without a configuration around them: for trying a hook.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use super::diagnostic::{ConfigError, Diagnostic, Source};
use super::load::Loaded;
use super::value::Checker;
use super::{GrantSpec, grants, parse, schema};

/// Reads the `grants` table of a hook from a text of its own: what stands under
/// `[hook.grants]` in a configuration means the same here. Errors name the text
/// `name`; relative paths start at `base`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn grants_from_text(name: &Path, text: &str, base: &Path) -> Result<GrantSpec, ConfigError> {
    read(name, text, base, parse::grants)
}

/// The same of the `grants` table of a text that holds other things, too.
///
/// # Errors
/// Everything that is wrong with that table.
pub fn grants_of_case(name: &Path, text: &str, base: &Path) -> Result<GrantSpec, ConfigError> {
    read(name, text, base, parse::grants_within)
}

fn read(
    name: &Path,
    text: &str,
    base: &Path,
    parse: impl Fn(&Arc<Source>) -> Result<schema::Grants, Diagnostic>,
) -> Result<GrantSpec, ConfigError> {
    let source = Arc::new(Source::new(name.to_owned(), text.to_owned()));
    let written = parse(&source).map_err(|error| ConfigError::new(vec![error]))?;
    let base = std::path::absolute(base).unwrap_or_else(|_| base.to_owned());
    let loaded = Loaded { source, base, file: schema::File::default() };
    let env = |name: &str| -> Option<OsString> { std::env::var_os(name) };
    let mut errors = Vec::new();
    let granted = grants::resolve(&mut Checker { loaded: &loaded, env: &env, errors: &mut errors }, &written);
    errors.sort_by_key(|error| error.location().map(|location| (location.line, location.column)));
    if errors.is_empty() { Ok(granted) } else { Err(ConfigError::new(errors)) }
}
