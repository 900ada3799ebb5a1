//! Compiled images, and the crate's only unsafe code.
#![allow(unsafe_code)]

use wasmtime::Engine;
use wasmtime::component::Component;

/// A compiled image that came from this process's compiler, from a compiler child
/// that this process started, or from the cache with a valid authentication tag.
///
/// The type is the proof: it has no other constructors than the ones below, and
/// each names why its bytes may be trusted.
pub(crate) struct TrustedImage {
    bytes: Vec<u8>,
    /// Where the image begins: what stands before it is the cache's.
    start: usize,
}

impl TrustedImage {
    /// The output of a compiler that this program runs.
    pub(crate) fn compiled(bytes: Vec<u8>) -> Self {
        Self { bytes, start: 0 }
    }

    /// Bytes whose tag was made with the secret key of the cache: the image, from
    /// `start` on. Images are large, so they are not moved for that.
    pub(crate) fn authenticated(bytes: Vec<u8>, start: usize) -> Self {
        Self { bytes, start }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Loads the image. Fails when it is of another version of Wasmtime or of
    /// another configuration, which Wasmtime checks itself.
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: `deserialize` runs code of the image as it stands, so the bytes
        // must be what `precompile_component` made. Both constructors say so: one
        // takes them from the compiler itself, the other from a file of ours that
        // carries a keyed hash over them; whoever can make such a hash can read a
        // file of mode 0600 of this user, and needs no forged image any more.
        unsafe { Component::deserialize(engine, self.bytes()) }
    }
}
