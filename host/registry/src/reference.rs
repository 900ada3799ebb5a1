//! Where a component is in a registry: `oci://host/name:tag`, `@sha256:...`, or both.

use std::fmt;
use std::str::FromStr;

use hookward_engine::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a reference begins with.
const SCHEME: &str = "oci://";

/// A registry's host, a repository in it, and a tag, a digest, or both.
///
/// The host is always written: no registry is the default one. So is the tag or the
/// digest: `latest` is what somebody else has pushed last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    host: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A text that is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no reference to a registry: {why}")]
pub struct InvalidReference {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Reference {
    /// Whether a text is meant as a reference, well-formed or not.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// The registry: a host, and its port if one is given.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where the registry keeps it: `acme/hooks/stop-app`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, which can be moved.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of the manifest, which can't be anything else tomorrow.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The same repository, by a digest alone.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The same repository, by a tag alone.
    #[must_use]
    pub fn tagged(&self, tag: impl Into<String>) -> Self {
        Self { tag: Some(tag.into()), digest: None, ..self.clone() }
    }

    /// The host and the repository, as prefixes in a configuration are compared with.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// What stands behind `/manifests/` in a request.
    pub(crate) fn wanted(&self) -> String {
        match (self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.clone().unwrap_or_default(),
        }
    }

    /// For the client crate, which has a type of its own.
    pub(crate) fn to_oci(&self) -> oci_client::Reference {
        let (host, repository) = (self.host.clone(), self.repository.clone());
        match (self.digest, &self.tag) {
            (Some(digest), _) => oci_client::Reference::with_digest(host, repository, digest.to_string()),
            (None, tag) => oci_client::Reference::with_tag(host, repository, tag.clone().unwrap_or_default()),
        }
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let invalid = |why| InvalidReference { text: text.to_owned(), why };
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| invalid("it begins with `oci://`"))?;
        let (host, _) =
            rest.split_once('/').ok_or_else(|| invalid("it has a host and a name: `oci://host/name:tag`"))?;
        // The client crate would take the first word of a name for a part of Docker's
        // own registry, were it no host.
        if !(host.contains(['.', ':']) || host == "localhost") {
            return Err(invalid("it begins with the registry's host, such as `ghcr.io`"));
        }
        let (name, digest) = match rest.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (rest, None),
        };
        let digest = digest.map(str::parse::<Digest>).transpose();
        let digest = digest.map_err(|_| invalid("behind the `@` stands `sha256:` and 64 hexadecimal digits"))?;
        let has_tag = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
        if !has_tag && digest.is_none() {
            return Err(invalid("it ends with a tag or a digest: `:1.2.0`, or `@sha256:...`"));
        }
        // Its parser knows the grammar of names and tags.
        let parsed: oci_client::Reference =
            name.parse().map_err(|_| invalid("its name or its tag has a character that registries don't know"))?;
        let tag = parsed.tag().filter(|_| has_tag).map(str::to_owned);
        Ok(Self { host: host.to_owned(), repository: parsed.repository().to_owned(), tag, digest })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
