//! Where secrets come from, checked. Nothing is looked at yet.

use std::collections::BTreeMap;

use hookward_engine::{InvalidSource, SecretSource};

use super::diagnostic::{Diagnostic, Located};
use super::schema::{self, At};
use super::value::Checker;

/// The keys of a source, as they are told.
const KEYS: &str = "`file`, `env`, `command` and `credential`";

/// The secrets that are granted to one hook.
pub(super) fn secrets(
    check: &mut Checker<'_>,
    secrets: Option<&BTreeMap<At<String>, At<schema::Secret>>>,
) -> BTreeMap<String, Located<SecretSource>> {
    let mut granted = BTreeMap::new();
    for (name, at) in secrets.into_iter().flatten() {
        let source = source(check, name.get(), at, at.get());
        if let (Some(name), Some(source)) = (check.name("secret", name), source) {
            granted.insert(name, check.located(at, source));
        }
    }
    granted
}

/// The one source of a secret; `name` is what it is called where it is granted, `at`
/// where that is.
pub(super) fn source<T>(
    check: &mut Checker<'_>,
    name: &str,
    at: &At<T>,
    secret: &schema::Secret,
) -> Option<SecretSource> {
    let schema::Secret { file, env, command, credential } = secret;
    let spans = [
        file.as_ref().map(At::span),
        env.as_ref().map(At::span),
        command.as_ref().map(At::span),
        credential.as_ref().map(At::span),
    ];
    let mut spans: Vec<_> = spans.into_iter().flatten().collect();
    spans.sort_by_key(|span| span.start);
    if let [first, second, ..] = spans.as_slice() {
        let message = format!("the secret `{name}` has two sources");
        let diagnostic = Diagnostic::at(check.place(second.clone()), message, format!("keep one of {KEYS}"));
        let diagnostic = diagnostic.related(check.place(first.clone()), "the other one");
        check.errors.push(diagnostic);
        return None;
    }
    if let Some(at) = file {
        let path = check.path("`file`", at)?;
        return valid(check, at, SecretSource::file(path));
    }
    if let Some(at) = env {
        let name = check.text("`env`", at)?;
        return valid(check, at, SecretSource::env(name));
    }
    if let Some(at) = credential {
        let name = check.text("`credential`", at)?;
        return valid(check, at, SecretSource::credential(name));
    }
    if let Some(at) = command {
        let argv = at.get().iter().map(|word| word.get().clone()).collect();
        return valid(check, at, SecretSource::command(argv));
    }
    check.error(at, format!("the secret `{name}` has no source"), format!("write one of {KEYS}"));
    None
}

fn valid<T>(check: &mut Checker<'_>, at: &At<T>, source: Result<SecretSource, InvalidSource>) -> Option<SecretSource> {
    source
        .map_err(|error| {
            let help = match error {
                InvalidSource::Variable(_) => "write the name alone: its value is that of hookward's own environment",
                InvalidSource::EmptyCommand | InvalidSource::Program(_) => {
                    "write the program's absolute path, or its name alone, and its arguments behind it"
                }
                InvalidSource::Credential(_) => "write the name that `LoadCredential=` gives it",
                _ => "correct it: no program can be given it",
            };
            check.error(at, error.to_string(), help);
        })
        .ok()
}
