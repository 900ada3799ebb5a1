//! What a component says of itself: read from the manifest that the language's people
//! know, and written in the standard form of component metadata.

use std::path::Path;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use wasm_metadata::{AddMetadata, AddMetadataField, Authors, Description, Homepage, Licenses, Source, Version};

use crate::build::{BuildError, encode};
use crate::project::{ProjectError, read_if_there};
use crate::{Language, Project};

/// What is known of a hook besides its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Metadata {
    /// Version of the hook.
    pub version: Option<String>,
    /// What it does, in a line.
    pub description: Option<String>,
    /// Who wrote it: `A <a@example.org>, B`.
    #[serde(default, deserialize_with = "text_or_list")]
    pub authors: Option<String>,
    /// Licences, as an SPDX expression.
    pub license: Option<String>,
    /// URL of its source.
    pub source: Option<String>,
    /// URL of more about it.
    pub homepage: Option<String>,
}

fn text_or_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        List(Vec<String>),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Text(text) => Some(text),
        Written::List(list) => joined(list),
    })
}

fn joined(list: Vec<String>) -> Option<String> {
    (!list.is_empty()).then(|| list.join(", "))
}

impl Metadata {
    /// Takes from another what this one leaves out.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            version: self.version.or(other.version),
            description: self.description.or(other.description),
            authors: self.authors.or(other.authors),
            license: self.license.or(other.license),
            source: self.source.or(other.source),
            homepage: self.homepage.or(other.homepage),
        }
    }

    /// What cargo says of a package, as in `cargo metadata`.
    pub(crate) fn of_cargo(package: &Value) -> Self {
        Self {
            version: text(package, "version"),
            description: text(package, "description"),
            authors: joined(people(package.get("authors"))),
            license: text(package, "license"),
            source: text(package, "repository"),
            homepage: text(package, "homepage"),
        }
    }

    /// What the manifest of the language's packages says: `pyproject.toml`, or
    /// `package.json`. Nothing if there is none.
    pub(crate) fn of_manifest(project: &Project) -> Result<Self, ProjectError> {
        match project.language {
            Language::Python => {
                let path = project.dir.join("pyproject.toml");
                let Some(written) = read_if_there(&path)? else { return Ok(Self::default()) };
                let table: Value = toml::from_str(&written).map_err(|error| invalid(&path, &error))?;
                Ok(table.get("project").map(Self::of_pyproject).unwrap_or_default())
            }
            Language::Javascript => {
                let path = project.dir.join("package.json");
                let Some(written) = read_if_there(&path)? else { return Ok(Self::default()) };
                let package: Value = serde_json::from_str(&written).map_err(|error| invalid(&path, &error))?;
                Ok(Self::of_npm(&package))
            }
            _ => Ok(Self::default()),
        }
    }

    fn of_pyproject(project: &Value) -> Self {
        let url = |names: [&str; 3]| {
            let urls = project.get("urls")?.as_object()?;
            let (_, url) = urls.iter().find(|(key, _)| names.contains(&key.to_lowercase().as_str()))?;
            url.as_str().map(str::to_owned)
        };
        Self {
            version: text(project, "version"),
            description: text(project, "description"),
            authors: joined(people(project.get("authors"))),
            license: text(project, "license").or_else(|| text(project.get("license")?, "text")),
            source: url(["source", "repository", "source code"]),
            homepage: url(["homepage", "home-page", "home page"]),
        }
    }

    fn of_npm(package: &Value) -> Self {
        let repository = text(package, "repository").or_else(|| text(package.get("repository")?, "url"));
        Self {
            version: text(package, "version"),
            description: text(package, "description"),
            authors: joined(people(package.get("author"))),
            license: text(package, "license"),
            // npm writes `git+https://...`.
            source: repository.map(|url| url.strip_prefix("git+").unwrap_or(&url).to_owned()),
            homepage: text(package, "homepage"),
        }
    }

    /// Writes all of it into a component.
    pub(crate) fn stamp(&self, component: &[u8], stamp: Stamp<'_>) -> Result<Vec<u8>, BuildError> {
        let wrong = |field, value: &str, error: &dyn std::fmt::Display| BuildError::Metadata {
            field,
            value: value.to_owned(),
            why: error.to_string(),
        };
        let mut add = AddMetadata::default();
        add.name = AddMetadataField::Set(stamp.name.to_owned());
        add.processed_by = vec![("hookward".to_owned(), crate::VERSION.to_owned())];
        add.language =
            stamp.language.map(|language| (language.title().to_owned(), String::new())).into_iter().collect();
        add.sdk = stamp.sdk.into_iter().collect();
        if let Some(value) = &self.version {
            add.version = AddMetadataField::Set(Version::new(value.clone()));
        }
        if let Some(value) = &self.description {
            add.description = AddMetadataField::Set(Description::new(value.clone()));
        }
        if let Some(value) = &self.authors {
            add.authors = AddMetadataField::Set(Authors::new(value.clone()));
        }
        if let Some(value) = &self.license {
            let licenses = Licenses::new(value).map_err(|error| wrong("license", value, &error))?;
            add.licenses = AddMetadataField::Set(licenses);
        }
        if let Some(value) = &self.source {
            add.source = AddMetadataField::Set(Source::new(value).map_err(|error| wrong("source", value, &error))?);
        }
        if let Some(value) = &self.homepage {
            add.homepage =
                AddMetadataField::Set(Homepage::new(value).map_err(|error| wrong("homepage", value, &error))?);
        }
        add.to_wasm(component).map_err(encode("write the component's metadata"))
    }
}

/// What else is written with the metadata.
#[derive(Debug)]
pub(crate) struct Stamp<'a> {
    pub(crate) name: &'a str,
    /// Unless the tool has said it.
    pub(crate) language: Option<Language>,
    /// Name and version.
    pub(crate) sdk: Option<(String, String)>,
}

fn invalid(path: &Path, error: &dyn std::fmt::Display) -> ProjectError {
    ProjectError::Invalid { path: path.to_owned(), message: error.to_string().trim_end().to_owned() }
}

/// A text that is not empty.
fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// People, each a text, or a table with a name and an address.
fn people(value: Option<&Value>) -> Vec<String> {
    let one = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Object(_) => match (text(value, "name"), text(value, "email")) {
            (Some(name), Some(email)) => Some(format!("{name} <{email}>")),
            (name, email) => name.or(email),
        },
        _ => None,
    };
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(one).collect(),
        Some(value) => one(value).into_iter().collect(),
        None => Vec::new(),
    }
}
