//! Components from OCI registries: fetched by digest, kept, locked, and checked for
//! who has signed them.
//!
//! The data's path: [`Reference`] -> [`Client::resolve`] (an [`Artifact`]: manifests,
//! and the digest and size of the component, nothing of it downloaded) ->
//! [`Client::component`] (its bytes, checked by digest) -> [`Store`] (kept by digest,
//! checked again whenever it is read). [`Lock`] holds what a configuration's components
//! were when they were locked, [`signature`] says who has signed one.
//!
//! Nothing that a registry says is believed beyond what a digest, a size or a signature
//! covers: see [`client`] for what it may and may not make us do.

pub mod client;
pub mod lock;
pub mod signature;

mod artifact;
mod auth;
mod failure;
mod reference;
mod settings;
mod store;

pub use artifact::{Artifact, COMPONENT, CONFIG};
pub use client::Client;
pub use failure::{Failure, Reason};
pub use lock::Lock;
pub use reference::{InvalidReference, Reference};
pub use settings::{Connection, Registries};
pub use store::{Store, StoreError};
