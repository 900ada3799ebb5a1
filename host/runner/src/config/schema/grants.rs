//! The `grants` table of a hook, as it is written.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::{At, Size};

/// What a hook may use.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Grants {
    /// Directories of the host.
    #[serde(default)]
    pub(in crate::config) dirs: Vec<At<Dir>>,
    /// Names of environment variables.
    #[serde(default)]
    pub(in crate::config) env: Vec<At<String>>,
    /// Commands of the host, by the names that the hook calls them by.
    pub(in crate::config) commands: Option<BTreeMap<At<String>, Command>>,
    /// HTTP requests.
    pub(in crate::config) http: Option<Vec<At<Http>>>,
    /// Secrets by the name that the hook asks for.
    pub(in crate::config) secrets: Option<BTreeMap<At<String>, At<Secret>>>,
    /// Parts of the backup's plan that the hook may change before restic starts:
    /// `sources`, `tags`, `excludes`, `env`, or `env:NAME` for one variable.
    pub(in crate::config) plan: Option<Vec<At<String>>>,
    /// State of its own, kept from run to run.
    pub(in crate::config) state: Option<At<State>>,
    /// Addresses that it may connect to: `127.0.0.1:5432`, `db.internal:5432`, `[::1]:5432`.
    #[serde(default)]
    pub(in crate::config) tcp: Vec<At<String>>,
}

/// One directory of the host.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Dir {
    /// Directory on the host, relative to this file. `${VAR}` is expanded.
    pub(in crate::config) host: At<String>,
    /// Path at which the hook sees it; that of the host when not given.
    pub(in crate::config) guest: Option<At<String>>,
    /// Whether the hook may change what is below it.
    #[serde(default)]
    pub(in crate::config) write: bool,
}

/// Where a secret comes from: one of the keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(in crate::config) struct Secret {
    /// File that nobody else may read, relative to this file. `${VAR}` is expanded.
    pub(in crate::config) file: Option<At<String>>,
    /// Name of an environment variable.
    pub(in crate::config) env: Option<At<String>>,
    /// Program that prints it, and its arguments: an absolute path, or a name in the
    /// system's directories of programs. There is no shell.
    #[schemars(extend("minItems" = 1))]
    pub(in crate::config) command: Option<At<Vec<At<String>>>>,
    /// Name of a credential of the systemd service.
    pub(in crate::config) credential: Option<At<String>>,
}

/// The value of a command's variable: a text, or where a secret comes from.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(in crate::config) enum Value {
    Text(String),
    Secret(Secret),
}

// By hand: what serde makes of `untagged` loses the places.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;

        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or the source of a secret")
            }

            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
                Secret::deserialize(MapAccessDeserializer::new(map)).map(Value::Secret)
            }
        }

        deserializer.deserialize_any(ValueVisitor)
    }
}

/// State that a hook keeps from run to run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct State {
    /// Bytes of all keys and values together, 1 MiB when not given.
    pub(in crate::config) max_bytes: Option<At<Size>>,
}

/// One command of the host.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Command {
    /// The program and its arguments. `{name}` in an argument is an open place, which
    /// the hook fills; `{{` and `}}` are braces.
    #[schemars(extend("minItems" = 1))]
    pub(in crate::config) argv: At<Vec<At<String>>>,
    /// For each open place, the regular expression that its whole value must match.
    #[serde(default)]
    pub(in crate::config) args: BTreeMap<At<String>, At<String>>,
    /// Wall clock of one run, such as `30s`.
    pub(in crate::config) timeout: Option<At<String>>,
    /// User that it runs as; that of hookward when not given.
    pub(in crate::config) user: Option<At<String>>,
    /// Its working directory, absolute; `/` when not given.
    pub(in crate::config) cwd: Option<At<String>>,
    /// Its environment, besides `PATH`, `LANG`, `HOME`, `USER`, `LOGNAME` and `SHELL`:
    /// texts, and secrets, which the hook doesn't get to know.
    #[serde(default)]
    pub(in crate::config) env: BTreeMap<At<String>, At<Value>>,
    /// Names of variables that the hook may set.
    #[serde(default)]
    pub(in crate::config) hook_env: Vec<At<String>>,
    /// Whether the hook may give it something to read.
    #[serde(default)]
    pub(in crate::config) stdin: bool,
    /// Bytes of stdout, and of stderr, that the hook is given; `1MiB` when not given.
    pub(in crate::config) output: Option<At<Size>>,
}

/// HTTP requests to one host, or to the hosts below one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Http {
    /// Scheme, host, port and path: `https://hc-ping.com/*`. The host may begin with
    /// `*.`; in the path, `*` stands for text of one segment, and at its end for
    /// everything below. Without a path it is everything of the host.
    pub(in crate::config) url: At<String>,
    /// Methods; GET and HEAD when not given.
    #[schemars(extend("minItems" = 1))]
    pub(in crate::config) methods: Option<At<Vec<At<String>>>>,
    /// Requests, each a method and a path: `POST /containers/db/stop`. Instead of
    /// `methods` and of a path in `url`.
    #[schemars(extend("minItems" = 1))]
    pub(in crate::config) allow: Option<At<Vec<At<String>>>>,
    /// Unix socket that stands behind the host, relative to this file. `${VAR}` is
    /// expanded.
    pub(in crate::config) unix: Option<At<String>>,
    /// File of certificate authorities (PEM) that are trusted besides the system's,
    /// relative to this file. `${VAR}` is expanded.
    pub(in crate::config) ca_file: Option<At<String>>,
    /// Whether the host may be at a private or loopback address.
    pub(in crate::config) private: Option<At<bool>>,
}
