//! The file as it is written: names, types and positions, no meaning yet.
//!
//! Texts with a form of their own (durations, sizes, digests, names of events)
//! stay texts here, so that every bad one of a file is reported, not only the
//! first. The doc comments are the descriptions in the published JSON schema.

mod grants;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use hookward_engine::EventKind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema as schema};
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

pub(super) use self::grants::*;
use super::{Backoff, Kind};

/// A value and the place where it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(super) struct At<T>(toml::Spanned<T>);

impl<T> At<T> {
    /// Bytes of the file.
    pub(super) fn span(&self) -> std::ops::Range<usize> {
        self.0.span()
    }

    pub(super) fn get(&self) -> &T {
        self.0.get_ref()
    }
}

// A position is not part of the schema.
impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Bytes: a whole number, or a text such as `64MiB`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Size {
    Bytes(u64),
    Text(String),
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;

        impl Visitor<'_> for SizeVisitor {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size")
            }

            fn visit_u64<E>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size::Bytes(bytes))
            }

            fn visit_i64<E: serde::de::Error>(self, bytes: i64) -> Result<Size, E> {
                u64::try_from(bytes)
                    .map(Size::Bytes)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(bytes), &self))
            }

            fn visit_str<E>(self, text: &str) -> Result<Size, E> {
                Ok(Size::Text(text.to_owned()))
            }
        }

        deserializer.deserialize_any(SizeVisitor)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema!({
            "description": "Bytes: a whole number, or a text such as `64MiB`.",
            "type": ["integer", "string"],
            "minimum": 0,
            "examples": ["64MiB", 65536],
        })
    }
}

fn events_schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<_> = EventKind::ALL.iter().map(|event| event.as_str()).collect();
    schema!({ "type": "array", "minItems": 1, "items": { "enum": names } })
}

fn operations_schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<_> = super::OPERATIONS.iter().chain(&["*"]).collect();
    schema!({ "type": "array", "minItems": 1, "items": { "enum": names }, "default": ["backup"] })
}

fn kind_schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    schema!({ "enum": names, "default": Kind::default().as_str() })
}

fn backoff_schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<_> = Backoff::ALL.iter().map(|backoff| backoff.as_str()).collect();
    schema!({ "enum": names, "default": Backoff::default().as_str() })
}

/// The configuration of Hookward.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "hookward.toml")]
pub(super) struct File {
    /// Version of the format: 1.
    #[schemars(extend("const" = super::VERSION))]
    #[allow(dead_code, reason = "checked before the rest of the file is read")]
    pub(super) version: i64,
    /// More files to read: paths or globs, relative to this file.
    #[serde(default)]
    pub(super) include: Vec<At<String>>,
    /// Limits of every hook that says nothing.
    pub(super) defaults: Option<At<Defaults>>,
    /// How restic is called.
    pub(super) restic: Option<At<Restic>>,
    /// How long the journal keeps runs that are over.
    pub(super) journal: Option<At<Journal>>,
    /// Directory in which each failed call of a hook is recorded, to be replayed later. `${VAR}` is
    /// expanded.
    pub(super) record_failed: Option<At<String>>,
    /// How components are got.
    pub(super) components: Option<At<Components>>,
    /// Registries by their host, or by it and a prefix of names: `ghcr.io/acme`.
    #[serde(default)]
    pub(super) registry: BTreeMap<At<String>, Registry>,
    /// Repositories by name.
    #[serde(default)]
    pub(super) repository: BTreeMap<At<String>, Repository>,
    /// Profiles by name.
    #[serde(default)]
    pub(super) profile: BTreeMap<At<String>, Profile>,
    /// Hooks of every run.
    #[serde(default)]
    pub(super) hook: Vec<At<Hook>>,
}

/// Limits of every hook that says nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Defaults {
    /// Wall clock of one call, such as `5m`.
    pub(super) timeout: Option<At<String>>,
    /// Units of fuel of one call: roughly one for each WebAssembly instruction.
    pub(super) fuel: Option<At<u64>>,
    /// Memory of one call.
    pub(super) memory: Option<At<Size>>,
    /// The rarer limits.
    #[serde(default)]
    pub(super) limits: Limits,
}

/// The rarer limits of a hook.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Limits {
    /// Elements of all tables together.
    pub(super) table_elements: Option<At<u64>>,
    /// Core instances, memories and tables that the component may create, each.
    pub(super) instances: Option<At<u32>>,
    /// Live resource handles.
    pub(super) handles: Option<At<u32>>,
    /// Bytes written to stdout, stderr and the log together.
    pub(super) output: Option<At<Size>>,
    /// Messages written to the log.
    pub(super) log_lines: Option<At<u32>>,
    /// Bytes of the error string that are kept.
    pub(super) error_length: Option<At<Size>>,
    /// Bytes that one call between guest and host may carry.
    pub(super) transfer: Option<At<Size>>,
    /// Commands of the host that one call may ask for.
    pub(super) commands: Option<At<u32>>,
    /// HTTP requests, those that are denied included.
    pub(super) http_requests: Option<At<u32>>,
    /// Bytes of the body of each HTTP request, and of each response.
    pub(super) http_body: Option<At<Size>>,
    /// Bytes of the headers of an HTTP request, and of those of a response.
    pub(super) http_headers: Option<At<Size>>,
    /// Bytes of the component's file.
    pub(super) component_size: Option<At<Size>>,
    /// Wall clock of compiling the component, such as `2m`.
    pub(super) compile_time: Option<At<String>>,
}

/// How restic is called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Restic {
    /// Name of the program in `PATH`, or its path. `${VAR}` is expanded.
    pub(super) binary: Option<At<String>>,
}

/// How long the journal keeps runs that are over, and owe nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Journal {
    /// How old they may get, such as `90d`.
    pub(super) keep: Option<At<String>>,
    /// How many of them there may be.
    pub(super) keep_runs: Option<u64>,
}

/// How components are got.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Components {
    /// Directory with a copy of every component, as `hookward vendor` makes it, relative
    /// to this file: all come from there. `${VAR}` is expanded.
    pub(super) vendor: Option<At<String>>,
    /// Whether components need a signature, files too, where no registry says otherwise.
    pub(super) require_signature: Option<At<bool>>,
    /// Public keys, relative to this file, any of which will do. `${VAR}` is expanded.
    pub(super) keys: Option<At<Vec<At<String>>>>,
    /// Who may sign without a key, with a certificate of Fulcio's kind; any of them will do.
    pub(super) identities: Option<At<Vec<At<Identity>>>>,
    /// Certificate authorities and logs by which identities are checked, relative to
    /// this file: Sigstore's `trusted_root.json`. `${VAR}` is expanded.
    pub(super) trust_root: Option<At<String>>,
}

/// One registry, or a part of its names.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Registry {
    /// Plain HTTP instead of HTTPS; of a host alone.
    pub(super) insecure: Option<At<bool>>,
    /// Certificate authorities besides those of the system, in PEM, relative to this
    /// file; of a host alone. `${VAR}` is expanded.
    pub(super) ca_file: Option<At<String>>,
    /// Whether components from there need a signature.
    pub(super) require_signature: Option<At<bool>>,
    /// Public keys, relative to this file, any of which will do. `${VAR}` is expanded.
    pub(super) keys: Option<At<Vec<At<String>>>>,
    /// Who may sign without a key, with a certificate of Fulcio's kind; any of them will do.
    pub(super) identities: Option<At<Vec<At<Identity>>>>,
    /// Certificate authorities and logs by which identities are checked, relative to
    /// this file: Sigstore's `trusted_root.json`. `${VAR}` is expanded.
    pub(super) trust_root: Option<At<String>>,
}

/// Who may sign without a key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Identity {
    /// Who vouches for them: the URL of an OIDC issuer, compared as it is.
    pub(super) issuer: At<String>,
    /// Who they are: the URI of a workflow, or an e-mail address. `*` stands for anything
    /// but `/` and `@`.
    pub(super) subject: At<String>,
}

/// A restic repository.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Repository {
    /// Where it is, as for `restic --repo`. `${VAR}` is expanded.
    pub(super) url: At<String>,
    /// File that holds its password. `${VAR}` is expanded.
    pub(super) password_file: Option<At<String>>,
    /// Command that prints its password.
    pub(super) password_command: Option<At<String>>,
    /// Hooks of every run on this repository.
    #[serde(default)]
    pub(super) hook: Vec<At<Hook>>,
}

/// What one subcommand of restic is given.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Subcommand {
    /// Arguments, as they are.
    #[serde(default)]
    pub(super) args: Vec<At<String>>,
}

/// Declares the profile with one table for each subcommand of restic.
macro_rules! profile {
    ($($(#[$meta:meta])* $field:ident,)+) => {
        /// A named target: repository, sources, options of restic, hooks.
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub(super) struct Profile {
            /// Name of its repository.
            #[schemars(required)]
            pub(super) repository: Option<At<String>>,
            /// Files and directories of a backup, relative to this file. `${VAR}` is expanded.
            #[schemars(extend("minItems" = 1))]
            pub(super) sources: Option<At<Vec<At<String>>>>,
            /// Tags of a backup.
            #[serde(default)]
            pub(super) tags: Vec<At<String>>,
            /// Wall clock of a run up to restic's end, such as `6h`: then it is cancelled.
            pub(super) max_duration: Option<At<String>>,
            /// Exit code of a run that a hook skipped; 0 when not given.
            pub(super) skip_exit_code: Option<u8>,
            /// Hooks of every run of this profile.
            #[serde(default)]
            pub(super) hook: Vec<At<Hook>>,
            $($(#[$meta])* #[serde(default)] $field: Subcommand,)+
        }

        impl Profile {
            /// Every subcommand with what the file says of it.
            pub(super) fn subcommands(&self) -> impl Iterator<Item = (&'static str, &Subcommand)> {
                [$((stringify!($field), &self.$field)),+].into_iter()
            }
        }
    };
}

profile! {
    /// `restic backup`
    backup,
    /// `restic forget`
    forget,
    /// `restic prune`
    prune,
    /// `restic check`
    check,
    /// `restic restore`
    restore,
    /// `restic snapshots`
    snapshots,
    /// `restic stats`
    stats,
    /// `restic ls`
    ls,
    /// `restic find`
    find,
    /// `restic diff`
    diff,
    /// `restic dump`
    dump,
    /// `restic mount`
    mount,
    /// `restic copy`
    copy,
    /// `restic tag`
    tag,
    /// `restic unlock`
    unlock,
    /// `restic rewrite`
    rewrite,
    /// `restic repair`
    repair,
}

/// One hook.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Hook {
    /// Name, unique in its scope: letters, digits, `.`, `_`, `-`.
    pub(super) name: At<String>,
    /// The component: a file, relative to this file, or a reference to a registry,
    /// `oci://HOST/NAME:TAG`. `${VAR}` is expanded.
    pub(super) component: At<String>,
    /// The only component that is accepted: `sha256:` and 64 hexadecimal digits.
    pub(super) digest: Option<At<String>>,
    /// Events that it is called for.
    #[schemars(schema_with = "events_schema")]
    pub(super) on: At<Vec<At<String>>>,
    /// Subcommands of restic that it is called for; `*` for every one.
    #[serde(default)]
    #[schemars(schema_with = "operations_schema")]
    pub(super) operations: Option<At<Vec<At<String>>>>,
    /// What its failure means.
    #[serde(default)]
    #[schemars(schema_with = "kind_schema")]
    pub(super) kind: Option<At<String>>,
    /// Wall clock of one call, such as `30s`.
    pub(super) timeout: Option<At<String>>,
    /// Units of fuel of one call: roughly one for each WebAssembly instruction.
    pub(super) fuel: Option<At<u64>>,
    /// Memory of one call.
    pub(super) memory: Option<At<Size>>,
    /// The rarer limits.
    #[serde(default)]
    pub(super) limits: Limits,
    /// Whether and when a failed call is made again.
    pub(super) retry: Option<Retry>,
    /// Name that is held from `before` to `finally`, across profiles and processes.
    pub(super) exclusive: Option<At<String>>,
    /// Settings of the hook, for itself to read.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub(super) config: toml::Table,
    /// What the hook may use.
    #[serde(default)]
    pub(super) grants: Grants,
}

/// Whether and when a failed call is made again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Retry {
    /// Calls in all, the first one included.
    #[schemars(range(min = 1))]
    pub(super) attempts: At<u32>,
    /// Pause before the second call, such as `5s`.
    pub(super) delay: Option<At<String>>,
    /// Whether the pause stays as it is or doubles each time.
    #[serde(default)]
    #[schemars(schema_with = "backoff_schema")]
    pub(super) backoff: Option<At<String>>,
    /// Longest pause, such as `1m`.
    pub(super) max_delay: Option<At<String>>,
}

/// The JSON schema of the file, for editors and other tools.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(File).to_value()
}
