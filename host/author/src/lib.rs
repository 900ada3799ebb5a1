//! What a hook's author needs before there is a component: a project that builds at
//! once, and its build by the language's own tool.
//!
//! A project is a folder with a `hook.toml`, the [`Project`]. [`create`] writes one,
//! [`build`] makes its component. What the tools of a language leave to be done
//! (bindings of C, wrapping a core module, metadata) is done in here, so that there is
//! less to install.
//!
//! The crate knows nothing of the engine: whether a component can be used is the
//! engine's to say.

mod build;
mod contract;
mod language;
mod metadata;
mod new;
mod project;
mod tool;

pub use build::{BuildError, BuildOptions, Built, build};
pub use language::{Language, UnknownLanguage};
pub use metadata::Metadata;
pub use new::{InvalidName, New, NewError, create};
pub use project::{MANIFEST, Project, ProjectError};

/// The version of what [`create`] writes, and of the SDKs that it brings along.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
