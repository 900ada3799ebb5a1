//! Components that no compiler of Rust would write.

use hookward_engine::{Failure, Reason};
use hookward_tests::{appended, component, core_module};

use crate::support::{Call, load, still_serves};

const OK: &str = r#"(func (export "run") (param i32) (result i32) (i32.const 0))"#;

/// Calls a component around these items of a core module.
async fn fails(items: &str, call: Call, reason: Reason) -> Failure {
    component_fails(component(&core_module(items)), call, reason).await
}

async fn component_fails(bytes: Vec<u8>, call: Call, reason: Reason) -> Failure {
    let component = load(bytes).await.unwrap();
    let outcome = call.of(&component).await;
    let failure = outcome.failed(reason).clone();
    still_serves().await;
    failure
}

#[tokio::test]
async fn a_loop_before_run_is_stopped() {
    let start = "(func $start (loop (br 0))) (start $start)";
    fails(&format!("{OK} {start}"), Call::new().timeout(200), Reason::Timeout).await;
    fails(&format!("{OK} {start}"), Call::new().limits(|limits| limits.fuel = 1_000_000), Reason::Fuel).await;
    // The same in a module beside the hook's own.
    let beside = appended(component(&core_module(OK)), &format!("(module {start})"), 1);
    component_fails(beside, Call::new().timeout(200), Reason::Timeout).await;
}

/// The host calls the guest's allocator to hand the event over, and its clean-up
/// after the result: both are the guest's code.
#[tokio::test]
async fn a_loop_in_the_allocator_or_after_run_is_stopped() {
    let allocator = r#"(module (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (loop (br 0)) (i32.const 0))
        (func (export "run") (param i32) (result i32) (i32.const 0)))"#;
    component_fails(component(allocator), Call::new().timeout(200), Reason::Timeout).await;
    let after = format!(r#"{OK} (func (export "cabi_post_run") (param i32) (loop (br 0)))"#);
    fails(&after, Call::new().timeout(200), Reason::Timeout).await;
}

#[tokio::test]
async fn recursion_is_stopped() {
    let recursion =
        r#"(func $f (export "run") (param i32) (result i32) (i32.add (call $f (i32.const 0)) (i32.const 1)))"#;
    fails(recursion, Call::new(), Reason::Stack).await;
}

#[tokio::test]
async fn one_memory_that_grows_is_stopped() {
    let grow = r#"(func (export "run") (param i32) (result i32) (loop (drop (memory.grow (i32.const 16))) (br 0)) (i32.const 0))"#;
    fails(grow, Call::new(), Reason::Memory).await;
    fails(&format!("{grow} (data $d \"x\")"), Call::new().limits(|limits| limits.memory = 1 << 16), Reason::Memory)
        .await;
}

/// Each within the limit, all of them beyond it.
#[tokio::test]
async fn several_memories_count_together() {
    let in_one_module = format!("(module {})", "(memory 16)".repeat(10));
    let modules = [
        // 1 MiB at once.
        ("(module (memory 16))", 10),
        // 1 MiB by and by.
        (
            "(module (memory 0)
            (func $start (loop (drop (memory.grow (i32.const 1))) (br_if 0 (i32.lt_u (memory.size) (i32.const 16)))))
            (start $start))",
            10,
        ),
        (&in_one_module, 1),
    ];
    for (module, instances) in modules {
        let bytes = appended(component(&core_module(OK)), module, instances);
        let call = || Call::new().limits(|limits| limits.memory = 5 << 20);
        component_fails(bytes.clone(), call(), Reason::Memory).await;

        let component = load(bytes).await.unwrap();
        let outcome = Call::new().limits(|limits| limits.memory = 11 << 20).of(&component).await;
        outcome.ok();
        assert!((10 << 20..=11 << 20).contains(&outcome.report.peak_memory), "{}", outcome.report.peak_memory);
    }
}

/// What a memory may be is one thing, what the guest asked for another: its own
/// maximum is kept without an end of the call.
#[tokio::test]
async fn a_memorys_own_maximum_is_no_limit_of_ours() {
    let module = r#"(module (memory (export "memory") 1 2)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
        (func (export "run") (param i32) (result i32)
            (if (i32.ne (memory.grow (i32.const 2)) (i32.const -1)) (then unreachable))
            (i32.const 0)))"#;
    let component = load(component(module)).await.unwrap();
    Call::new().of(&component).await.ok();
}

#[tokio::test]
async fn tables_that_grow_are_stopped() {
    let grow = r#"(table $t 1 funcref) (func (export "run") (param i32) (result i32)
        (loop (drop (table.grow $t (ref.null func) (i32.const 1000))) (br 0)) (i32.const 0))"#;
    fails(grow, Call::new(), Reason::Tables).await;
    let huge = r#"(table $t 1 funcref) (func (export "run") (param i32) (result i32)
        (drop (table.grow $t (ref.null func) (i32.const 0x7fffffff))) (i32.const 0))"#;
    fails(huge, Call::new(), Reason::Tables).await;
    let several = appended(component(&core_module(OK)), "(module (table 20000 funcref))", 10);
    component_fails(several, Call::new(), Reason::Tables).await;
}

#[tokio::test]
async fn a_flood_of_instances_is_stopped() {
    for module in ["(module)", "(module (memory 0))", "(module (table 0 funcref))"] {
        let bytes = appended(component(&core_module(OK)), module, 500);
        component_fails(bytes, Call::new(), Reason::Instances).await;
    }
}

/// Results that break the canonical ABI.
#[tokio::test]
async fn a_result_that_is_none_is_a_trap() {
    for items in [
        // A pointer beyond the memory.
        r#"(func (export "run") (param i32) (result i32) (i32.const -4))"#,
        // A pointer that isn't aligned.
        r#"(func (export "run") (param i32) (result i32) (i32.const 3))"#,
        // Neither ok nor error.
        r#"(data (i32.const 16) "\07") (func (export "run") (param i32) (result i32) (i32.const 16))"#,
        // A string beyond the memory.
        r#"(data (i32.const 16) "\01\00\00\00\00\00\00\00\ff\ff\ff\00") (func (export "run") (param i32) (result i32) (i32.const 16))"#,
        // A string that isn't UTF-8.
        r#"(data (i32.const 16) "\01\00\00\00\10\00\00\00\20\00\00\00") (data (i32.const 20) "\20") (data (i32.const 40) "\ff\fe")
           (func (export "run") (param i32) (result i32) (i32.const 16))"#,
    ] {
        fails(items, Call::new(), Reason::Trap).await;
    }
}

#[tokio::test]
async fn a_trap_tells_what_it_was() {
    let divided = r#"(func (export "run") (param i32) (result i32) (i32.div_u (i32.const 1) (i32.const 0)))"#;
    let failure = fails(divided, Call::new(), Reason::Trap).await;
    assert!(failure.message.contains("divide by zero"), "{}", failure.message);
    let unreachable = r#"(func (export "run") (param i32) (result i32) unreachable)"#;
    let failure = fails(unreachable, Call::new(), Reason::Trap).await;
    assert!(failure.message.contains("unreachable"), "{}", failure.message);
}

/// Bulk instructions look at the clock only once: the memory's limit bounds them.
#[tokio::test]
async fn bulk_copies_end_in_time() {
    let copies = r#"(func (export "run") (param i32) (result i32)
        (drop (memory.grow (i32.const 1000)))
        (loop (memory.copy (i32.const 0) (i32.const 16) (i32.const 65000000)) (br 0)) (i32.const 0))"#;
    let component = load(component(&core_module(copies))).await.unwrap();
    let outcome = Call::new().timeout(200).limits(|limits| limits.memory = 128 << 20).of(&component).await;
    outcome.failed(Reason::Timeout);
    assert!(outcome.report.wall < std::time::Duration::from_secs(2), "{:?}", outcome.report.wall);
    still_serves().await;
}
