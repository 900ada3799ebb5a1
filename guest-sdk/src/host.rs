//! The door to the host: the imports in WebAssembly, the recorder of
//! [`testing`](crate::testing) everywhere else.

#[cfg(target_family = "wasm")]
mod component;
#[cfg(not(target_family = "wasm"))]
mod native;

#[cfg(target_family = "wasm")]
pub(crate) use crate::http::wire::http;
#[cfg(target_family = "wasm")]
pub(crate) use component::*;
#[cfg(not(target_family = "wasm"))]
pub use native::*;
