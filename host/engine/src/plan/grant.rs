//! Which parts of a backup's plan a hook may change.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Variables of restic that the part `env` covers, from its documentation: they carry
/// a value (a credential, a number, a name), and none of them starts a program, names
/// a file, or says where the repository or its service is.
pub(super) const VARIABLES: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_ACCOUNT_KEY",
    "AZURE_ACCOUNT_SAS",
    "B2_ACCOUNT_ID",
    "B2_ACCOUNT_KEY",
    "GOOGLE_ACCESS_TOKEN",
    "GOOGLE_PROJECT_ID",
    "OS_APPLICATION_CREDENTIAL_ID",
    "OS_APPLICATION_CREDENTIAL_NAME",
    "OS_APPLICATION_CREDENTIAL_SECRET",
    "OS_AUTH_TOKEN",
    "OS_PASSWORD",
    "OS_PROJECT_DOMAIN_ID",
    "OS_PROJECT_DOMAIN_NAME",
    "OS_PROJECT_NAME",
    "OS_REGION_NAME",
    "OS_TENANT_ID",
    "OS_TENANT_NAME",
    "OS_TRUST_ID",
    "OS_USERNAME",
    "OS_USER_DOMAIN_ID",
    "OS_USER_DOMAIN_NAME",
    "OS_USER_ID",
    "RESTIC_AWS_ASSUME_ROLE_ARN",
    "RESTIC_AWS_ASSUME_ROLE_EXTERNAL_ID",
    "RESTIC_AWS_ASSUME_ROLE_POLICY",
    "RESTIC_AWS_ASSUME_ROLE_REGION",
    "RESTIC_AWS_ASSUME_ROLE_SESSION_NAME",
    "RESTIC_COMPRESSION",
    "RESTIC_HOST",
    "RESTIC_KEY_HINT",
    "RESTIC_PACK_SIZE",
    "RESTIC_PASSWORD",
    "RESTIC_PROGRESS_FPS",
    "RESTIC_READ_CONCURRENCY",
    "RESTIC_REST_PASSWORD",
    "RESTIC_REST_USERNAME",
    "ST_KEY",
    "ST_USER",
];

/// Variables that no grant names: with them a hook would choose the repository behind
/// the back of the run, or start a program of its choice outside of the sandbox.
const NEVER: &[&str] = &["PATH", "RESTIC_PASSWORD_COMMAND", "RESTIC_REPOSITORY", "RESTIC_REPOSITORY_FILE"];

/// The same for whole families: those of the dynamic linkers.
const NEVER_PREFIXES: &[&str] = &["LD_", "DYLD_"];

/// One part of the plan. Written `sources`, `tags`, `excludes`, `env`, `env:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Part {
    /// What is backed up.
    Sources,
    /// The snapshot's tags.
    Tags,
    /// Patterns of what is left out.
    Excludes,
    /// restic's own variables, without those that name programs, files or places.
    Env,
    /// One variable by its name.
    Variable(String),
}

/// A text that names no part of the plan that can be granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPart {
    /// There is no such part.
    #[error("the plan has no part `{0}`")]
    Unknown(String),
    /// What stands behind `env:` is not the name of a variable.
    #[error("`{0}` is not the name of a variable")]
    Name(String),
    /// A hook can't be given this variable.
    #[error("`{0}` can't be left to a hook: it chooses the repository, or a program that runs outside of the sandbox")]
    Never(String),
}

impl Part {
    /// The spelling of every part; a name stands for `NAME`.
    pub const ALL: &[&str] = &["sources", "tags", "excludes", "env", "env:NAME"];
}

impl std::str::FromStr for Part {
    type Err = InvalidPart;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "sources" => Self::Sources,
            "tags" => Self::Tags,
            "excludes" => Self::Excludes,
            "env" => Self::Env,
            _ => {
                let name = text.strip_prefix("env:").ok_or_else(|| InvalidPart::Unknown(text.to_owned()))?;
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
                if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(plain) {
                    return Err(InvalidPart::Name(name.to_owned()));
                }
                if NEVER.contains(&name) || NEVER_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
                    return Err(InvalidPart::Never(name.to_owned()));
                }
                Self::Variable(name.to_owned())
            }
        })
    }
}

impl TryFrom<String> for Part {
    type Error = InvalidPart;

    fn try_from(text: String) -> Result<Self, InvalidPart> {
        text.parse()
    }
}

impl From<Part> for String {
    fn from(value: Part) -> Self {
        value.to_string()
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sources => f.write_str("sources"),
            Self::Tags => f.write_str("tags"),
            Self::Excludes => f.write_str("excludes"),
            Self::Env => f.write_str("env"),
            Self::Variable(name) => write!(f, "env:{name}"),
        }
    }
}

/// The grant `plan`. The default grants nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanGrant {
    /// What the hook may change.
    pub parts: BTreeSet<Part>,
    /// Why the sources of this backup can't be changed, whatever is granted: restic
    /// reads them from elsewhere than its arguments. A part of a sentence, behind
    /// "the sources can't be changed: ".
    pub fixed_sources: Option<String>,
}

impl PlanGrant {
    /// A grant of these parts.
    pub fn new(parts: impl IntoIterator<Item = Part>) -> Self {
        Self { parts: parts.into_iter().collect(), fixed_sources: None }
    }

    /// Whether the hook may set this variable.
    pub(super) fn covers_variable(&self, name: &str) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Env => VARIABLES.contains(&name),
            Part::Variable(granted) => granted == name,
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_spelled_in_one_way() {
        for text in ["sources", "tags", "excludes", "env", "env:TMPDIR", "env:_a1"] {
            assert_eq!(text.parse::<Part>().unwrap().to_string(), text);
        }
        for text in ["", "source", "Sources", "*", "env*", "environment"] {
            assert_eq!(text.parse::<Part>(), Err(InvalidPart::Unknown(text.to_owned())));
        }
        for name in ["", "A=B", "A B", "1A", "A\0", "Ä", "*"] {
            assert_eq!(format!("env:{name}").parse::<Part>(), Err(InvalidPart::Name(name.to_owned())));
        }
        for name in ["PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES"].iter().chain(NEVER) {
            assert_eq!(format!("env:{name}").parse::<Part>(), Err(InvalidPart::Never((*name).to_owned())));
        }
    }

    #[test]
    fn every_variable_of_env_could_be_granted_by_its_name() {
        for name in VARIABLES {
            assert_eq!(format!("env:{name}").parse(), Ok(Part::Variable((*name).to_owned())));
        }
        assert!(VARIABLES.is_sorted());
    }
}
