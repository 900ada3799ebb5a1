//! What a component says about itself, read from its bytes without compiling or
//! running any of it.

use std::collections::BTreeMap;

use wasm_metadata::Payload;
use wasmparser::{
    Chunk, ComponentExternalKind, ComponentName, ComponentNameSectionReader, ComponentTypeRef, CustomSectionReader,
    Encoding, KnownCustom, Parser, Payload as Section,
};

use crate::reason::{Failure, Reason};
use crate::requests::{self, Request};
use crate::text::clean;
use crate::{Digest, Version};

/// The custom section in which the SDK for Rust leaves its name and version.
const SDK: &str = "hookward-sdk";

/// A component's outside: what it exports and what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// Bytes of the file.
    pub size: u64,
    /// What a configuration pins it by.
    pub digest: Digest,
    /// Its imports, in their order.
    pub requests: Vec<Request>,
    /// Names of its exports. A hook has `run`; language runtimes add others.
    pub exports: Vec<String>,
    /// What it is called by its author.
    pub name: Option<String>,
    /// Its version, as the author says it.
    pub version: Option<String>,
}

impl Inspection {
    /// Reads the outermost sections. A component that this accepts may still be
    /// invalid inside: the compiler checks that.
    ///
    /// # Errors
    /// When the bytes are no component, by their reason.
    pub fn of(bytes: &[u8]) -> Result<Self, Failure> {
        if bytes.is_empty() {
            return Err(Failure::new(Reason::Empty, "the component's file is empty"));
        }
        if !bytes.starts_with(b"\0asm") {
            return Err(Failure::new(Reason::NotWasm, "the file is not WebAssembly"));
        }
        let mut inspection = Self {
            size: bytes.len() as u64,
            digest: Digest::of(bytes),
            requests: Vec::new(),
            exports: Vec::new(),
            name: None,
            version: None,
        };
        inspection.read(bytes)?;
        if inspection.exports.iter().all(|name| name != "run") {
            let exports = match inspection.exports.as_slice() {
                [] => "nothing".to_owned(),
                names => names.join(", "),
            };
            let message =
                format!("exports {exports}, but no function `run`: it was not built for the world hookward:hook");
            return Err(Failure::new(Reason::MissingExport, message));
        }
        Ok(inspection)
    }

    /// `name@version`, for people, where the component says both.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        Some(format!("{}@{}", self.name.as_ref()?, self.version.as_ref()?))
    }

    /// The version of the contract that the component was built for.
    ///
    /// # Errors
    /// When this host can't serve what the component imports.
    pub fn contract(&self) -> Result<Version, Failure> {
        requests::check(&self.requests)
    }

    /// What the component says of itself. A section that can't be read says nothing.
    fn claim(&mut self, section: &CustomSectionReader<'_>) {
        match section.as_known() {
            KnownCustom::ComponentName(names) => self.name = component_name(names).or(self.name.take()),
            _ if section.name() == "version" => {
                self.version = std::str::from_utf8(section.data()).ok().map(clean).filter(|text| !text.is_empty());
            }
            _ => {}
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut parser = Parser::new(0);
        let mut rest = bytes;
        loop {
            let (consumed, section) = match parser.parse(rest, true).map_err(|error| invalid(&error, bytes.len()))? {
                Chunk::Parsed { consumed, payload } => (consumed, payload),
                Chunk::NeedMoreData(_) => return Err(truncated(bytes.len())),
            };
            let mut skipped = 0;
            match section {
                Section::Version { encoding: Encoding::Module, .. } => {
                    let message = "the file is a core module, not a component: build it for wasm32-wasip2, \
                                   or wrap it with `wasm-tools component new`";
                    return Err(Failure::new(Reason::CoreModule, message));
                }
                // What stands inside is the compiler's to check.
                Section::ModuleSection { unchecked_range: range, .. }
                | Section::ComponentSection { unchecked_range: range, .. } => {
                    skipped = range.len();
                }
                Section::ComponentImportSection(imports) => {
                    for import in imports {
                        let import = import.map_err(|error| invalid(&error, bytes.len()))?;
                        // A named type (the world's `use`) asks for nothing.
                        if !matches!(import.ty, ComponentTypeRef::Type(_)) {
                            self.requests.push(Request::new(&clean(import.name.name)));
                        }
                    }
                }
                Section::ComponentExportSection(exports) => {
                    for export in exports {
                        let export = export.map_err(|error| invalid(&error, bytes.len()))?;
                        if export.kind == ComponentExternalKind::Func || export.name.name != "run" {
                            self.exports.push(clean(export.name.name));
                        }
                    }
                }
                Section::CustomSection(section) => self.claim(&section),
                Section::End(_) => return Ok(()),
                _ => {}
            }
            rest = rest.get(consumed + skipped..).ok_or_else(|| truncated(bytes.len()))?;
        }
    }
}

fn component_name(names: ComponentNameSectionReader<'_>) -> Option<String> {
    names.into_iter().filter_map(Result::ok).find_map(|name| match name {
        ComponentName::Component { name, .. } => Some(clean(name)).filter(|text| !text.is_empty()),
        _ => None,
    })
}

fn truncated(size: usize) -> Failure {
    let message = format!("the file ends in the middle, after {size} bytes: it was cut short, copy it again");
    Failure::new(Reason::Truncated, message)
}

fn invalid(error: &wasmparser::BinaryReaderError, size: usize) -> Failure {
    // With the whole file at hand, running out of input means that some is missing.
    if error.message().contains("unexpected end") {
        return truncated(size);
    }
    Failure::new(Reason::Invalid, clean(&format!("is not valid WebAssembly: {error}")))
}

/// What the tools that built a component wrote into it. All of it is the author's
/// claim.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields of the standard component metadata")]
pub struct Metadata {
    pub name: Option<String>,
    pub version: Option<String>,
    pub description: Option<String>,
    pub authors: Option<String>,
    pub licenses: Option<String>,
    pub source: Option<String>,
    pub homepage: Option<String>,
    /// Source languages with their versions, where known.
    pub languages: BTreeMap<String, String>,
    /// Tools that took part, with their versions.
    pub tools: BTreeMap<String, String>,
    /// What the hook was written with, with its version.
    pub sdks: BTreeMap<String, String>,
}

impl Metadata {
    /// Reads the metadata of the component and of the modules inside.
    ///
    /// # Errors
    /// When the bytes can't be parsed down to their innermost module.
    pub fn of(bytes: &[u8]) -> Result<Self, Failure> {
        let payload = Payload::from_binary(bytes).map_err(|error| {
            Failure::new(Reason::Invalid, clean(&format!("the component's metadata can't be read: {error:#}")))
        })?;
        let mut metadata = Self::default();
        metadata.add(&payload);
        for section in Parser::new(0).parse_all(bytes) {
            if let Ok(Section::CustomSection(section)) = section
                && section.name() == SDK
                && let Some((name, version)) =
                    std::str::from_utf8(section.data()).ok().and_then(|text| text.split_once(' '))
            {
                metadata.sdks.insert(clean(name), clean(version));
            }
        }
        Ok(metadata)
    }

    fn add(&mut self, payload: &Payload) {
        let part = payload.metadata();
        let text = |value: Option<String>| value.map(|value| clean(&value));
        // The outermost says most about the whole; what it leaves out is taken
        // from the inside.
        let set = |slot: &mut Option<String>, value: Option<String>| {
            if slot.is_none() {
                *slot = text(value);
            }
        };
        set(&mut self.name, part.name.clone());
        set(&mut self.version, part.version.as_ref().map(ToString::to_string));
        set(&mut self.description, part.description.as_ref().map(ToString::to_string));
        set(&mut self.authors, part.authors.as_ref().map(ToString::to_string));
        set(&mut self.licenses, part.licenses.as_ref().map(ToString::to_string));
        set(&mut self.source, part.source.as_ref().map(ToString::to_string));
        set(&mut self.homepage, part.homepage.as_ref().map(ToString::to_string));
        for (field, entries) in part.producers.iter().flat_map(|producers| producers.iter()) {
            let map = match field.as_str() {
                "language" => &mut self.languages,
                "sdk" => &mut self.sdks,
                _ => &mut self.tools,
            };
            map.extend(entries.iter().map(|(name, version)| (clean(name), clean(version))));
        }
        if let Payload::Component { children, .. } = payload {
            children.iter().for_each(|child| self.add(child));
        }
    }
}
