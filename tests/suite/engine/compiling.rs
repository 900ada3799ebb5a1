//! Components that take very long to compile, on a thread and in a process.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hookward_engine::{Compiler, Engine, Failure, Limits, Options, Reason};
use hookward_tests::{appended, component, core_module, core_module_saying};

use crate::support::{Call, GRACE, started};

const CHILD: &str = env!("CARGO_BIN_EXE_compile-child");

/// A component of functions that are each hard on the compiler: more of them take
/// longer.
fn slow(functions: usize) -> Vec<u8> {
    let ok = component(&core_module(r#"(func (export "run") (param i32) (result i32) (i32.const 0))"#));
    let locals = 400;
    let mut function = format!("(func (param i32) (result i32) (local{})", " i32".repeat(locals));
    // Every value lives through every branch.
    for n in 1..=locals {
        function += &format!(
            "(if (i32.and (local.get 0) (i32.const {n})) (then (local.set {n} (i32.add (local.get {}) (i32.const {n})))))",
            (n * 7) % locals + 1
        );
    }
    function += "(i32.const 0)";
    for n in 1..=locals {
        function += &format!("(i32.xor (local.get {n}))");
    }
    function += ")";
    appended(ok, &format!("(module {})", function.repeat(functions)), 1)
}

fn hurried(millis: u64) -> Limits {
    let mut limits = Limits::default();
    limits.compile_time = Duration::from_millis(millis);
    limits
}

fn child(name: &str) -> Compiler {
    Compiler::Child { program: CHILD.into(), args: vec!["60".into(), name.into()] }
}

fn engine(compiler: Compiler) -> Engine {
    let mut options = Options::default();
    options.compiler = compiler;
    started(options).0
}

/// A component of a kilobyte that holds 2^`depth` instances.
fn bomb(depth: usize) -> Vec<u8> {
    let mut text = r#"(component (component $c0 (core module $m) (core instance (instantiate $m)))"#.to_owned();
    for n in 1..=depth {
        let half = format!("(instance (instantiate $c{}))", n - 1);
        text += &format!("(component $c{n} {half}{half})");
    }
    text += &format!("(instance (instantiate $c{depth}))");
    // Enough of a `run` for the compiler to be asked.
    text += r#"(core module $m (func (export "run"))) (core instance $m (instantiate $m))
        (func (export "run") (canon lift (core func $m "run"))))"#;
    wat::parse_str(text).unwrap()
}

/// The folders in /proc of processes that were started with this argument.
fn processes(argument: &str) -> Vec<PathBuf> {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|process| {
            let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
            line.split(|&byte| byte == 0).any(|part| part == argument.as_bytes())
        })
        .collect()
}

/// Waits for what must come soon.
async fn soon(what: &str, mut is: impl FnMut() -> bool) {
    let wait = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(GRACE, wait).await.expect(what);
}

async fn too_slow(engine: &Engine, component: Vec<u8>) -> Failure {
    let begin = Instant::now();
    let failure = engine.load(component, None, &hurried(300)).await.unwrap_err();
    assert_eq!(failure.reason, Reason::CompileTime, "{failure:?}");
    assert!(failure.message.contains("compile-time"));
    assert!(begin.elapsed() < GRACE, "{:?}", begin.elapsed());
    failure
}

/// The same engine still loads and runs a hook.
async fn still_compiles(engine: &Engine) {
    let bytes = component(&core_module_saying("still here"));
    let component = engine.load(bytes, None, &Limits::default()).await.unwrap();
    assert_eq!(Call::new().of(&component).await.error(), "still here");
}

#[tokio::test]
async fn a_slow_compile_on_a_thread_is_given_up() {
    let engine = engine(Compiler::Thread);
    // Long enough to be late, short enough to wait for: the thread goes on to its end.
    let component = tokio::task::spawn_blocking(|| slow(20)).await.unwrap();
    too_slow(&engine, component).await;
    still_compiles(&engine).await;
}

#[tokio::test]
async fn a_slow_compile_in_a_process_is_killed() {
    let components = tokio::task::spawn_blocking(|| [("slow", slow(400)), ("bomb", bomb(30))]).await.unwrap();
    for (kind, component) in components {
        let name = format!("{kind}-{}", std::process::id());
        let engine = engine(child(&name));
        let limited = || {
            let limits = processes(&name).first().map(|process| std::fs::read_to_string(process.join("limits")));
            limits.is_some_and(|limits| {
                let limits = limits.unwrap_or_default();
                let data = limits.lines().find(|line| line.starts_with("Max data size"));
                data.is_some_and(|line| line.contains("4294967296"))
            })
        };
        let seen = soon("a process of limited memory compiles", limited);
        tokio::join!(too_slow(&engine, component), seen);
        soon("the process is gone", || processes(&name).is_empty()).await;
        still_compiles(&engine).await;
    }
}

/// An image is an image, whoever made it.
#[tokio::test]
async fn a_process_compiles_what_a_thread_does() {
    let engine = engine(child("plain"));
    still_compiles(&engine).await;
    let hostile = std::fs::read(hookward_tests::guest("hostile")).unwrap();
    let hostile = engine.load(hostile, None, &Limits::default()).await.unwrap();
    Call::mode("ok").of(&hostile).await.ok();
}

#[tokio::test]
async fn a_process_that_fails_has_its_reason() {
    let ok = || component(&core_module_saying("x"));
    for (compiler, word) in [
        (Compiler::Child { program: "/nowhere/compiler".into(), args: Vec::new() }, "could not be started"),
        (Compiler::Child { program: "/bin/sh".into(), args: vec!["-c".into(), "kill -9 $$".into()] }, "signal"),
        (Compiler::Child { program: "/bin/sh".into(), args: vec!["-c".into(), "echo oh >&2; exit 2".into()] }, "oh"),
    ] {
        let failure = engine(compiler).load(ok(), None, &Limits::default()).await.unwrap_err();
        assert_eq!(failure.reason, Reason::Compile, "{failure:?}");
        assert!(failure.message.contains(word), "{failure:?}");
    }
    // What comes out but is no image is refused by Wasmtime.
    let liar = Compiler::Child { program: "/bin/cat".into(), args: Vec::new() };
    let failure = engine(liar).load(ok(), None, &Limits::default()).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Compile, "{failure:?}");
    // A process that neither reads nor writes.
    let silent = Compiler::Child { program: "/bin/sleep".into(), args: vec!["60".into()] };
    let failure = engine(silent).load(ok(), None, &hurried(200)).await.unwrap_err();
    assert_eq!(failure.reason, Reason::CompileTime, "{failure:?}");
}

#[tokio::test]
async fn an_invalid_component_is_told_by_the_process() {
    let invalid = appended(component(&core_module_saying("x")), "(module (memory i64 1))", 1);
    for compiler in [Compiler::Thread, child("invalid")] {
        let failure = engine(compiler).load(invalid.clone(), None, &Limits::default()).await.unwrap_err();
        assert_eq!(failure.reason, Reason::Invalid, "{failure:?}");
        assert!(failure.message.contains("memories"), "{failure:?}");
    }
}

/// When the parent was killed, nobody kills the child.
#[test]
fn a_process_without_a_parent_ends_by_itself() {
    let component = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&component, slow(400)).unwrap();
    let begin = Instant::now();
    let status = Command::new(CHILD)
        .arg("1")
        .stdin(std::fs::File::open(&component).unwrap())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), None, "killed by a signal");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}
