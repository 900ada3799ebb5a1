//! `wasi:config/store`: the hook's own settings, in the order of the grants. The
//! host that comes with Wasmtime hands them out in an order that changes from call
//! to call, and with it the fuel that a hook takes to read them.

use wasmtime::component::{ComponentType, Linker, Lower};

use crate::state::State;

/// What a host with another kind of store could answer.
#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "ours is in memory and can't fail")]
enum Error {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
}

pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut store = linker.instance("wasi:config/store@0.2.0-rc.1")?;
    store.func_wrap("get", |context, (key,): (String,)| {
        let found = context.data().grants.config.iter().find(|(name, _)| *name == key);
        Ok((Ok::<_, Error>(found.map(|(_, value)| value.clone())),))
    })?;
    store.func_wrap("get-all", |context, (): ()| Ok((Ok::<_, Error>(context.data().grants.config.clone()),)))
}
