//! Where the configuration is looked for.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

const NAME: &str = "hookward.toml";

/// There is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no configuration found, looked at {}; write one with `hookward init` or name one with `--config`",
    looked_at.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))]
pub struct NotFound {
    /// The places, in order.
    pub looked_at: Vec<PathBuf>,
}

/// Finds the configuration: the explicit one if there is, else the first of
/// [`places`] that exists.
///
/// # Errors
/// None of them exists.
pub fn find(explicit: Option<&Path>) -> Result<PathBuf, NotFound> {
    let places = match explicit {
        Some(path) => vec![path.to_owned()],
        None => places(&|name| std::env::var_os(name)),
    };
    first(places)
}

/// The places where a configuration is looked for when none is named, in order.
#[must_use]
pub fn places(env: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    // The XDG specification has relative paths ignored.
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let user = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    let mut places = vec![PathBuf::from(NAME)];
    places.extend(user.map(|dir| dir.join("hookward").join(NAME)));
    places.push(Path::new("/etc/hookward").join(NAME));
    places
}

fn first(places: Vec<PathBuf>) -> Result<PathBuf, NotFound> {
    match places.iter().find(|path| exists(path)) {
        Some(path) => Ok(path.clone()),
        None => Err(NotFound { looked_at: places }),
    }
}

/// A file that is there but can't be read counts: going on to the next place
/// would run another configuration than the one that was meant.
fn exists(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        move |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    #[test]
    fn the_order_of_places() {
        let places_of = |pairs: &[(&str, &str)]| {
            places(&env(pairs)).iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            places_of(&[("XDG_CONFIG_HOME", "/x"), ("HOME", "/home/u")]),
            ["hookward.toml", "/x/hookward/hookward.toml", "/etc/hookward/hookward.toml"]
        );
        assert_eq!(
            places_of(&[("XDG_CONFIG_HOME", "relative"), ("HOME", "/home/u")]),
            ["hookward.toml", "/home/u/.config/hookward/hookward.toml", "/etc/hookward/hookward.toml"]
        );
        assert_eq!(places_of(&[]), ["hookward.toml", "/etc/hookward/hookward.toml"]);
    }

    #[test]
    fn the_first_that_exists() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| dir.path().join(name));
        std::fs::write(&b, "").unwrap();
        std::fs::write(&c, "").unwrap();
        assert_eq!(first(vec![a.clone(), b.join("below-a-file"), b.clone(), c]), Ok(b));
        assert_eq!(first(vec![a.clone()]), Err(NotFound { looked_at: vec![a] }));
    }

    #[test]
    fn an_explicit_path_is_the_only_place() {
        let error = find(Some(Path::new("/nonexistent/x.toml"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no configuration found, looked at /nonexistent/x.toml; \
             write one with `hookward init` or name one with `--config`"
        );
    }
}
