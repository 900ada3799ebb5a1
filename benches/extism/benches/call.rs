//! Hookward's warm call, made with Extism: the same event, one message to the host,
//! ok, under a limit of fuel, memory and time.
//!
//! `cargo xtask bench` builds the plug-in, and names it in `EXTISM_PLUGIN`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use extism::{CompiledPlugin, Manifest, PTR, Plugin, PluginBuilder, UserData, Wasm, host_fn};
use serde_json::json;

host_fn!(log(message: String) {
    black_box(message);
    Ok(())
});

/// That of `hookward_tests::event`.
fn event() -> serde_json::Value {
    json!({
        "run_id": "019395a6-2c3a-7c61-a6f5-57ba2d5a0b7e",
        "kind": "before",
        "operation": "backup",
        "profile": "home",
        "scope": "profile",
        "repository": "/srv/restic",
        "host": "here",
        "sources": ["/home"],
        "tags": ["daily"],
        "trigger": "manual",
        "dry_run": false,
        "attempt": 1,
        "recovered": false,
    })
}

fn call(plugin: &mut Plugin, event: &serde_json::Value) {
    // Lowering the event is part of the call, as it is in Hookward.
    plugin.call::<_, ()>("run", event.to_string()).unwrap();
}

fn warm_call(criterion: &mut Criterion) {
    let wasm = std::env::var("EXTISM_PLUGIN").expect("`cargo xtask bench` says where the plug-in is");
    let wasm = Wasm::data(std::fs::read(wasm).unwrap());
    let manifest = Manifest::new([wasm]).with_timeout(Duration::from_secs(300)).with_memory_max((64 << 20) / 65536);
    let plugin = PluginBuilder::new(manifest)
        .with_function("log", [PTR], [], UserData::<()>::default(), log)
        .with_fuel_limit(10_000_000_000)
        .with_wasi(true);
    let compiled = CompiledPlugin::new(plugin).unwrap();
    let event = event();
    let mut group = criterion.benchmark_group("extism");
    group.bench_function("a fresh instance for each call", |bencher| {
        bencher.iter(|| call(&mut Plugin::new_from_compiled(&compiled).unwrap(), &event));
    });
    let mut kept = Plugin::new_from_compiled(&compiled).unwrap();
    group.bench_function("one instance for all calls", |bencher| bencher.iter(|| call(&mut kept, &event)));
    group.finish();
}

criterion_group!(benches, warm_call);
criterion_main!(benches);
