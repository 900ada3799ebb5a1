//! Compiled images, and the crate's only unsafe code.
#![allow(unsafe_code)]

use std::path::PathBuf;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::Identity;

/// A compiled image that came from this process's compiler, from a compiler child
/// that this process started, or from the cache with a valid authentication tag.
///
/// The type is the proof: it has no other constructors than the ones below, and
/// each names why its bytes may be trusted.
pub(crate) struct TrustedImage(Source);

enum Source {
    Bytes(Vec<u8>),
    File { path: PathBuf, identity: Option<Identity> },
}

impl TrustedImage {
    /// The output of a compiler that this program runs.
    pub(crate) fn compiled(bytes: Vec<u8>) -> Self {
        Self(Source::Bytes(bytes))
    }

    /// A file of the cache whose tag was made with its secret key, checked now or when
    /// the file had the same identity. Loading maps the file, so that only what is used
    /// of it is ever read.
    pub(crate) fn authenticated(path: PathBuf, identity: Option<Identity>) -> Self {
        Self(Source::File { path, identity })
    }

    /// What the file is known by, if it is one that may be known again.
    pub(crate) fn identity(&self) -> Option<Identity> {
        match self.0 {
            Source::Bytes(_) => None,
            Source::File { identity, .. } => identity,
        }
    }

    /// The image, where it was compiled just now.
    pub(crate) fn compiled_bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Source::Bytes(bytes) => Some(bytes),
            Source::File { .. } => None,
        }
    }

    /// Loads the image. Fails when it is of another version of Wasmtime or of
    /// another configuration, which Wasmtime checks itself.
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        match &self.0 {
            // SAFETY: `deserialize` runs code of the image as it stands, so the bytes
            // must be what `precompile_component` made: these are.
            Source::Bytes(bytes) => unsafe { Component::deserialize(engine, bytes) },
            // SAFETY: as above, and the file must not change while it is mapped. It
            // stands in a directory that only this user can write to, is replaced as
            // a whole and never written in place, and carries a keyed hash that was
            // right a moment ago, or when the file was last changed by what the kernel
            // says. Whoever could change it all the same is this user, and needs no
            // forged image.
            Source::File { path, .. } => unsafe { Component::deserialize_file(engine, path) },
        }
    }
}
