//! A command as it is kept: what it was made of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::grant::Value;
use super::{ArgvError, CommandGrant, InvalidVariable};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Written {
    argv: Vec<String>,
    args: BTreeMap<String, String>,
    env: BTreeMap<String, Value>,
    hook_env: BTreeSet<String>,
    timeout: Option<Duration>,
    user: Option<String>,
    cwd: String,
    stdin: bool,
    output: usize,
}

/// What was kept makes no command.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Argv(Vec<ArgvError>),
    #[error(transparent)]
    Variable(#[from] InvalidVariable),
}

impl From<CommandGrant> for Written {
    fn from(grant: CommandGrant) -> Self {
        let mut argv: Vec<_> = grant.argv().map(str::to_owned).collect();
        // The only word of which the braces were read.
        if let Some(program) = argv.first_mut() {
            *program = program.replace('{', "{{").replace('}', "}}");
        }
        let pair = |(place, pattern): (&str, &str)| (place.to_owned(), pattern.to_owned());
        Self {
            argv,
            args: grant.patterns().map(pair).collect(),
            env: grant.variables().clone(),
            hook_env: grant.hook_env().map(str::to_owned).collect(),
            timeout: grant.timeout,
            user: grant.user,
            cwd: grant.cwd,
            stdin: grant.stdin,
            output: grant.output,
        }
    }
}

impl TryFrom<Written> for CommandGrant {
    type Error = Unreadable;

    fn try_from(written: Written) -> Result<Self, Unreadable> {
        let mut grant = Self::new(&written.argv, &written.args).map_err(Unreadable::Argv)?;
        for (name, value) in written.env {
            match value {
                Value::Text(text) => grant.set_env(&name, &text)?,
                Value::Secret(source) => grant.set_secret_env(&name, source)?,
            }
        }
        for name in &written.hook_env {
            grant.allow_env(name)?;
        }
        grant.timeout = written.timeout;
        grant.user = written.user;
        grant.cwd = written.cwd;
        grant.stdin = written.stdin;
        grant.output = written.output;
        Ok(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_the_same_after_it_was_kept() {
        let text = |text: &str| text.to_owned();
        let argv = ["/opt/{{odd}}/ctl", "stop", "--unit={unit}", "{{literal}}"].map(text);
        let patterns = BTreeMap::from([(text("unit"), text("[a-z]+"))]);
        let mut grant = CommandGrant::new(&argv, &patterns).unwrap();
        grant.set_env("LANG", "C").unwrap();
        let source = crate::SecretSource::env(text("APP_PASSWORD")).unwrap();
        grant.set_secret_env("PASSWORD", source).unwrap();
        grant.allow_env("APP_MODE").unwrap();
        grant.timeout = Some(Duration::from_millis(1500));
        grant.user = Some(text("app"));
        grant.stdin = true;
        let kept = serde_json::to_string(&grant).unwrap();
        assert_eq!(serde_json::from_str::<CommandGrant>(&kept).unwrap(), grant);
        let reserved = kept.replace("APP_MODE", "LD_PRELOAD");
        assert!(serde_json::from_str::<CommandGrant>(&reserved).is_err());
    }
}
