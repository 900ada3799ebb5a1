//! The versions of `hookward:hook` that this host serves.
//!
//! Each has a module of its own with its bindings and the conversions from
//! [`event`](crate::event). A new version is a new module and a new arm here; the
//! old ones stay as they are.

mod v0_1_0;

use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Engine, Store};

use crate::Event;
use crate::state::State;

/// A version of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[non_exhaustive]
pub enum Version {
    /// `hookward:hook@0.1.0`.
    #[serde(rename = "0.1.0")]
    V0_1_0,
}

impl Version {
    /// Every version that this host serves, oldest first.
    pub const ALL: &[Self] = &[Self::V0_1_0];

    /// The version's number as it stands in the package's name.
    #[must_use]
    pub const fn number(self) -> &'static str {
        match self {
            Self::V0_1_0 => "0.1.0",
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.number())
    }
}

/// Links what needs no grant, of every version.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    v0_1_0::link(linker)
}

/// Links what needs a grant, of every version.
pub(crate) fn link_brokered(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    v0_1_0::link_brokered(linker)
}

/// Whether the component's `run` is that of the version.
pub(crate) fn typecheck(version: Version, engine: &Engine, component: &Component) -> wasmtime::Result<()> {
    match version {
        Version::V0_1_0 => v0_1_0::typecheck(engine, component),
    }
}

/// A component linked against one version of the contract.
#[derive(Clone)]
pub(crate) enum Linked {
    V0_1_0(v0_1_0::HookPre<State>),
}

impl Linked {
    pub(crate) fn new(version: Version, pre: InstancePre<State>) -> wasmtime::Result<Self> {
        match version {
            Version::V0_1_0 => v0_1_0::HookPre::new(pre).map(Self::V0_1_0),
        }
    }

    /// The same component with another linker's functions.
    pub(crate) fn relinked(&self, linker: &Linker<State>) -> wasmtime::Result<Self> {
        match self {
            Self::V0_1_0(pre) => {
                let pre = linker.instantiate_pre(pre.instance_pre().component())?;
                v0_1_0::HookPre::new(pre).map(Self::V0_1_0)
            }
        }
    }

    /// Instantiates the component and calls its `run` once.
    pub(crate) async fn run(&self, store: &mut Store<State>, event: &Event) -> wasmtime::Result<Result<(), String>> {
        match self {
            Self::V0_1_0(pre) => v0_1_0::run(pre, store, event).await,
        }
    }
}
