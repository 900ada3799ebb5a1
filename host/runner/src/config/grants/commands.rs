//! `grants.commands`: commands of the host.

use std::collections::BTreeMap;

use hookward_engine::{ArgvError, CommandGrant, InvalidVariable};

use super::super::diagnostic::Located;
use super::super::schema::{self, At};
use super::super::secrets;
use super::super::value::Checker;

pub(super) fn resolve(
    check: &mut Checker<'_>,
    commands: Option<&BTreeMap<At<String>, schema::Command>>,
) -> BTreeMap<String, Located<CommandGrant>> {
    let mut granted = BTreeMap::new();
    for (at, written) in commands.into_iter().flatten() {
        let name = check.name("command", at);
        if let (Some(name), Some(grant)) = (name, command(check, written)) {
            granted.insert(name, check.located(at, grant));
        }
    }
    granted
}

fn command(check: &mut Checker<'_>, written: &schema::Command) -> Option<CommandGrant> {
    let argv: Vec<_> = written.argv.get().iter().map(|word| word.get().clone()).collect();
    let patterns = written.args.iter().map(|(place, pattern)| (place.get().clone(), pattern.get().clone())).collect();
    let grant = CommandGrant::new(&argv, &patterns);
    let timeout = written.timeout.as_ref().map(|at| check.positive_duration("timeout", at));
    let user = written.user.as_ref().map(|at| check.text("`user`", at));
    let cwd = written.cwd.as_ref().map(|at| directory(check, at));
    let output = written.output.as_ref().map(|at| check.size(at));
    let mut grant = match grant {
        Ok(grant) => grant,
        Err(errors) => {
            errors.iter().for_each(|error| argv_error(check, written, error));
            // What is wrong with the rest is told, too.
            CommandGrant::new(&["none".to_owned()], &BTreeMap::new()).ok()?
        }
    };
    for (name, value) in &written.env {
        let set = match value.get() {
            schema::Value::Text(text) => grant.set_env(name.get(), text),
            schema::Value::Secret(secret) => match secrets::source(check, name.get(), value, secret) {
                Some(source) => grant.set_secret_env(name.get(), source),
                None => continue,
            },
        };
        if let Err(error) = set {
            let help = "write the name of a variable, and a text or a secret as its value";
            match error {
                InvalidVariable::Nul(_) => check.error(value, error.to_string(), help),
                _ => check.error(name, error.to_string(), help),
            }
        }
    }
    for name in &written.hook_env {
        if let Err(error) = grant.allow_env(name.get()) {
            let help = match error {
                InvalidVariable::Reserved(_) => "remove it; `env` can give it a fixed value",
                _ => "write the name alone: its value is the hook's to give",
            };
            check.error(name, error.to_string(), help);
        }
    }
    grant.timeout = timeout.flatten();
    grant.user = user.flatten();
    grant.cwd = cwd.flatten().unwrap_or(grant.cwd);
    grant.stdin = written.stdin;
    grant.output = output.flatten().map_or(grant.output, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    Some(grant)
}

/// Not expanded, and not relative to the file: it is the command's, not Hookward's.
fn directory(check: &mut Checker<'_>, at: &At<String>) -> Option<String> {
    let path = check.text("`cwd`", at)?;
    if !path.starts_with('/') {
        check.error(at, format!("`{path}` is a relative path"), "write the whole path, from `/` on");
        return None;
    }
    Some(path)
}

fn argv_error(check: &mut Checker<'_>, written: &schema::Command, error: &ArgvError) {
    let message = error.to_string();
    let word = |index: usize| written.argv.get().get(index);
    let (at, help) = match error {
        ArgvError::Empty => {
            check.error(&written.argv, message, "write the program and its arguments, such as `[\"systemctl\", \"stop\", \"app\"]`");
            return;
        }
        ArgvError::Program(..) => {
            (word(0), "write an absolute path, or the name of a program in /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned())
        }
        ArgvError::Argument { index, .. } => {
            (word(*index), "write `{name}` for an open place, `{{` and `}}` for braces".to_owned())
        }
        ArgvError::NoPattern { index, place } => {
            (word(*index), format!("add what may stand there, such as `args = {{ {place} = \"[a-z0-9-]+\" }}`"))
        }
        ArgvError::NoPlace(place) => {
            let at = written.args.keys().find(|key| key.get() == place);
            (at, "remove the pattern, or write the place into an argument".to_owned())
        }
        ArgvError::Pattern { place, .. } => {
            let at = written.args.iter().find(|(key, _)| key.get() == place).map(|(_, pattern)| pattern);
            (at, "correct it; it is matched against the whole value".to_owned())
        }
    };
    match at {
        Some(at) => check.error(at, message, help),
        None => check.error(&written.argv, message, help),
    }
}
