//! Who signs without a key: somebody as an OIDC issuer knows them.

use std::fmt;

use regex::Regex;

use crate::failure::clean;

/// Who has signed, as their certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// A URI, such as that of a workflow, or an e-mail address.
    pub subject: String,
    /// Who has vouched for that: the URL of an OIDC issuer.
    pub issuer: String,
}

/// Whose signature will do.
#[derive(Debug, Clone)]
pub struct Signatory {
    subject: String,
    issuer: String,
    pattern: Regex,
}

/// Why a subject or an issuer can't be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSignatory {
    /// The issuer is no URL by HTTPS.
    #[error("an issuer is a URL that begins with `https://`")]
    Issuer,
    /// The issuer has a `*`, which would let strangers vouch for anybody.
    #[error("an issuer is compared as it is: `*` has no meaning in it")]
    IssuerPattern,
    /// The subject names nobody.
    #[error("the subject is nobody")]
    Nobody,
}

impl Signatory {
    /// Somebody whom `issuer` knows as `subject`, in which `*` stands for anything but
    /// `/` and `@`: those part what somebody may name as they like from what they may not.
    ///
    /// # Errors
    /// When nobody or everybody is meant.
    pub fn new(subject: &str, issuer: &str) -> Result<Self, InvalidSignatory> {
        if issuer.contains('*') {
            return Err(InvalidSignatory::IssuerPattern);
        }
        if issuer.strip_prefix("https://").is_none_or(str::is_empty) {
            return Err(InvalidSignatory::Issuer);
        }
        if subject.trim_matches('*').trim().is_empty() {
            return Err(InvalidSignatory::Nobody);
        }
        let pattern = regex::escape(subject).replace(r"\*", "[^/@]*");
        let pattern = Regex::new(&format!(r"\A(?:{pattern})\z")).map_err(|_| InvalidSignatory::Nobody)?;
        Ok(Self { subject: subject.to_owned(), issuer: issuer.to_owned(), pattern })
    }

    /// As it was written, with its `*`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Who has to vouch for the subject.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether this is who is meant.
    #[must_use]
    pub fn is(&self, identity: &Identity) -> bool {
        self.issuer == identity.issuer && self.pattern.is_match(&identity.subject)
    }
}

impl PartialEq for Signatory {
    fn eq(&self, other: &Self) -> bool {
        (&self.subject, &self.issuer) == (&other.subject, &other.issuer)
    }
}

impl Eq for Signatory {}

impl fmt::Display for Signatory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (of {})", self.subject, self.issuer)
    }
}

/// A stranger may have written it.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (of {})", clean(&self.subject), clean(&self.issuer))
    }
}
