//! Wasmtime alone, with as little around it as can be: the yardstick.

use std::hint::black_box;

use hookward_engine::Limits;
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, StoreLimits, StoreLimitsBuilder,
};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/0.1.0",
        world: "hook",
        imports: { default: trappable },
        exports: { default: async },
    });
}

use bindings::HookPre;
use bindings::hookward::hook::types::{Event, EventKind, Scope, Trigger};
use bindings::hookward::hook::{control, log, types};

pub(crate) struct Host;

impl types::Host for Host {}

impl log::Host for Host {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<log::Field>) -> wasmtime::Result<()> {
        black_box((level, message, fields));
        Ok(())
    }
}

impl control::Host for Host {
    fn skip(&mut self, reason: String) -> wasmtime::Result<()> {
        black_box(reason);
        Ok(())
    }

    fn warn(&mut self, message: String) -> wasmtime::Result<()> {
        black_box(message);
        Ok(())
    }
}

pub(crate) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    limits: StoreLimits,
    host: Host,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// A component, ready to be called.
pub(crate) struct Bare {
    engine: Engine,
    hook: HookPre<State>,
    limits: Limits,
}

impl Bare {
    /// With the on-demand allocator, or with the pooling one.
    pub(crate) fn new(component: &[u8], pooling: bool) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config.epoch_interruption(true).consume_fuel(true).concurrency_support(false).gc_support(false);
        if pooling {
            let pool = PoolingAllocationConfig::default();
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        }
        let engine = Engine::new(&config)?;
        let component = Component::new(&engine, component)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        bindings::Hook::add_to_linker::<_, HasSelf<Host>>(&mut linker, |state: &mut State| &mut state.host)?;
        let hook = HookPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self { engine, hook, limits: Limits::default() })
    }

    /// A store with a WASI context and limits, for one call.
    pub(crate) fn store(&self) -> wasmtime::Result<Store<State>> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(usize::try_from(self.limits.memory)?)
            .table_elements(usize::try_from(self.limits.table_elements)?)
            .instances(self.limits.instances as usize)
            .build();
        let wasi = WasiCtxBuilder::new().build();
        let state = State { wasi, table: ResourceTable::new(), limits, host: Host };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_fuel(self.limits.fuel)?;
        store.set_epoch_deadline(1);
        Ok(store)
    }

    /// A store with an instance in it.
    pub(crate) async fn instance(&self) -> wasmtime::Result<(Store<State>, bindings::Hook)> {
        let mut store = self.store()?;
        let hook = self.hook.instantiate_async(&mut store).await?;
        Ok((store, hook))
    }

    /// A whole call.
    pub(crate) async fn call(&self, event: &Event) -> wasmtime::Result<Result<(), String>> {
        let (mut store, hook) = self.instance().await?;
        hook.call_run(&mut store, event).await
    }
}

/// The same event as the engine takes, in the types of the bindings.
pub(crate) fn event(event: hookward_engine::Event) -> Event {
    Event {
        run_id: event.run_id,
        kind: EventKind::Before,
        operation: event.operation,
        profile: event.profile,
        scope: Scope::Profile,
        repository: event.repository,
        host: event.host,
        sources: event.sources,
        tags: event.tags,
        trigger: Trigger::Manual,
        dry_run: event.dry_run,
        attempt: event.attempt,
        recovered: event.recovered,
        outcome: None,
    }
}
