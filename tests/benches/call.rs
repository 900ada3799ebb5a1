//! What a warm call costs here, beside the same call made with Wasmtime alone: the
//! same component, the same event, a WASI context, the same limits. The ratio of the
//! two is what this crate adds; it should stay below 1.5.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark: a panic is how it fails")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use hookward_engine::log::Discard;
use hookward_engine::{CancellationToken, Engine, Grants, Limits, Options};
use tokio::runtime::{Builder, Runtime};

mod bare {
    //! Wasmtime alone, with as little around it as can be.

    use std::hint::black_box;

    use hookward_engine::Limits;
    use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
    use wasmtime::{Config, Engine, Store, StoreLimits, StoreLimitsBuilder};
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

    struct Host;

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

    struct State {
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

    pub(super) struct Bare {
        engine: Engine,
        hook: HookPre<State>,
        event: Event,
        limits: Limits,
    }

    impl Bare {
        pub(super) fn new(component: &[u8]) -> wasmtime::Result<Self> {
            let mut config = Config::new();
            config.epoch_interruption(true).consume_fuel(true).concurrency_support(false).gc_support(false);
            let engine = Engine::new(&config)?;
            let component = Component::new(&engine, component)?;
            let mut linker = Linker::new(&engine);
            wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
            bindings::Hook::add_to_linker::<_, HasSelf<Host>>(&mut linker, |state: &mut State| &mut state.host)?;
            let hook = HookPre::new(linker.instantiate_pre(&component)?)?;
            Ok(Self { engine, hook, event: event(), limits: Limits::default() })
        }

        pub(super) async fn call(&self) -> wasmtime::Result<Result<(), String>> {
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
            let hook = self.hook.instantiate_async(&mut store).await?;
            hook.call_run(&mut store, &self.event).await
        }
    }

    /// That of `hookward_tests`.
    fn event() -> Event {
        let event = hookward_tests::event();
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
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn warm_call(criterion: &mut Criterion) {
    let component = std::fs::read(hookward_tests::guest("hello")).unwrap();
    let runtime = runtime();
    let mut group = criterion.benchmark_group("warm call");

    let bare = bare::Bare::new(&component).unwrap();
    group.bench_function("bare wasmtime", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            bare.call().await.unwrap().unwrap();
        });
    });

    let engine = Engine::new(Options::default()).unwrap();
    let limits = Limits::default();
    let component = runtime.block_on(engine.load(component, None, &limits)).unwrap();
    let hook = component.hook(limits, Grants::default()).unwrap();
    let event = hookward_tests::event();
    let (sink, cancel) = (Arc::new(Discard), CancellationToken::new());
    group.bench_function("hookward", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            black_box(hook.call(&event, sink.clone(), &cancel).await).result.unwrap();
        });
    });
    group.finish();
}

criterion_group!(benches, warm_call);
criterion_main!(benches);
