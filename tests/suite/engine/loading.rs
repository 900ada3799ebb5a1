//! Files that are no hooks: each is refused before anything runs, by its reason.

use std::path::Path;

use hookward_engine::{Digest, Failure, Inspection, Limits, Reason};
use hookward_tests::{component, component_of, core_module, core_module_saying};

use crate::support::{Call, assert_harmless, engine, load, still_serves};

fn ok() -> Vec<u8> {
    component(&core_module(r#"(func (export "run") (param i32) (result i32) (i32.const 0))"#))
}

async fn refused(bytes: Vec<u8>, reason: Reason, words: &[&str]) {
    let failure = load(bytes).await.expect_err("the component should have been refused");
    expect(&failure, reason, words);
    still_serves().await;
}

#[track_caller]
fn expect(failure: &Failure, reason: Reason, words: &[&str]) {
    assert_eq!(failure.reason, reason, "{failure:?}");
    assert_harmless(&failure.message);
    for word in words {
        assert!(failure.message.contains(word), "`{word}` is missing in: {}", failure.message);
    }
}

#[tokio::test]
async fn bytes_that_are_no_component() {
    refused(Vec::new(), Reason::Empty, &["empty"]).await;
    refused(b"#!/bin/sh\necho hello\n".to_vec(), Reason::NotWasm, &["not WebAssembly"]).await;
    refused(b"\0".to_vec(), Reason::NotWasm, &[]).await;
    refused(b"\x7fELF\x02\x01\x01".to_vec(), Reason::NotWasm, &[]).await;
    let core = wat::parse_str(r#"(module (func (export "run")))"#).unwrap();
    refused(core, Reason::CoreModule, &["core module", "wasm32-wasip2"]).await;
    let garbage = [b"\0asm\x0d\0\x01\0".as_slice(), &[0xff; 100]].concat();
    refused(garbage, Reason::Invalid, &["not valid"]).await;
}

/// A core module inside that breaks a rule is found by the compiler.
#[tokio::test]
async fn a_component_with_an_invalid_module_inside() {
    let bytes = ok();
    let code = wat::parse_str(r#"(module (func (export "f") (result i32) (i32.const 0)))"#).unwrap();
    let mut broken = hookward_tests::appended(bytes, r#"(module (func (export "f") (result i32) (i32.const 0)))"#, 1);
    let at = broken.windows(code.len()).rposition(|window| window == code).unwrap();
    // The constant becomes a 64-bit one.
    let constant = code.iter().rposition(|&byte| byte == 0x41).unwrap();
    broken[at + constant] = 0x42;
    refused(broken, Reason::Invalid, &["cannot be compiled"]).await;
}

/// A copy that was interrupted, at every length that it can have.
#[tokio::test]
async fn truncated_bytes() {
    let whole = component(&core_module_saying("whole"));
    let mut cut_inside = 0;
    for length in 1..whole.len() {
        match load(whole[..length].to_vec()).await {
            Err(failure) => match failure.reason {
                Reason::Truncated => cut_inside += 1,
                // Cut between two sections, what is left may still be a component.
                Reason::NotWasm | Reason::MissingExport | Reason::Invalid => {}
                _ => panic!("{length}: {failure:?}"),
            },
            // Without its last custom section it is a whole hook still.
            Ok(component) => assert_eq!(Call::new().of(&component).await.error(), "whole"),
        }
    }
    assert!(cut_inside * 10 > whole.len() * 8, "{cut_inside} of {}", whole.len());
    still_serves().await;

    let hostile = std::fs::read(hookward_tests::guest("hostile")).unwrap();
    for length in (1..hostile.len()).step_by(997) {
        Inspection::of(&hostile[..length]).unwrap_err();
    }
    refused(hostile[..hostile.len() / 2].to_vec(), Reason::Truncated, &["cut short"]).await;
}

/// Whatever a bad disk makes of a hook, the host answers.
#[tokio::test]
async fn flipped_bits() {
    let whole = component(&core_module_saying("whole"));
    for bit in (0..whole.len() * 8).step_by(23) {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match load(flipped).await {
            Ok(component) => drop(Call::new().timeout(200).of(&component).await),
            Err(failure) => {
                assert_harmless(&failure.message);
                assert_ne!(failure.reason, Reason::Host, "{failure:?}");
            }
        }
    }
    still_serves().await;
}

#[tokio::test]
async fn a_component_without_run() {
    let world = |export: &str| format!("package test:made; world made {{ {export} }}");
    let go = component_of(&world("export go: func();"), r#"(module (func (export "go")))"#);
    refused(go, Reason::MissingExport, &["exports go", "`run`"]).await;

    let nothing = component_of(&world(""), "(module)");
    refused(nothing, Reason::MissingExport, &["exports nothing"]).await;

    // An interface of that name is no function.
    let interface =
        component_of(&world("export run: interface { run: func(); }"), r#"(module (func (export "run#run")))"#);
    refused(interface, Reason::MissingExport, &["`run`"]).await;
}

#[tokio::test]
async fn a_run_of_another_type() {
    for (run, core) in [
        ("func()", "(func (export \"run\"))"),
        ("func() -> result<_, string>", "(func (export \"run\") (result i32) (i32.const 0))"),
        (
            "func(event: string) -> result<_, string>",
            "(func (export \"run\") (param i32 i32) (result i32) (i32.const 0))",
        ),
        ("func(event: event)", "(func (export \"run\") (param i32))"),
        ("func(event: event) -> result<_, u32>", "(func (export \"run\") (param i32) (result i32) (i32.const 0))"),
        (
            "func(event: event) -> result<string, string>",
            "(func (export \"run\") (param i32) (result i32) (i32.const 0))",
        ),
    ] {
        let uses = if run.contains("event: event") { "use hookward:hook/types@0.1.0.{event};" } else { "" };
        let wit = format!("package test:made; world made {{ {uses} export run: {run}; }}");
        let bytes = component_of(&wit, &core_module(core));
        refused(bytes, Reason::WrongSignature, &["func(event: event) -> result<_, string>", "hookward:hook@0.1.0"])
            .await;
    }
}

/// A hook that imports `function` of `interface`, which takes and returns nothing.
fn importing(package: &str, interface: &str, version: &str) -> Vec<u8> {
    let wit = format!(
        "package test:made;
        world made {{ include hookward:hook/hook@0.1.0; import {package}/{interface}@{version}; }}
        package {package}@{version} {{ interface {interface} {{ ping: func(); }} }}"
    );
    component_of(
        &wit,
        &core_module(&format!(
            r#"(import "{package}/{interface}@{version}" "ping" (func $ping))
            (func (export "run") (param i32) (result i32) (call $ping) (i32.const 0))"#
        )),
    )
}

#[tokio::test]
async fn imports_that_no_host_knows() {
    refused(importing("acme:tools", "hammer", "1.0.0"), Reason::UnknownImport, &["acme:tools/hammer@1.0.0"]).await;
    // A known interface, with a function that it doesn't have.
    refused(importing("wasi:cli", "environment", "0.2.6"), Reason::UnknownImport, &["wasi:cli/environment"]).await;
    refused(importing("wasi:nn", "graph", "0.2.0"), Reason::UnknownImport, &["wasi:nn/graph"]).await;
}

#[tokio::test]
async fn interfaces_of_another_time() {
    let newer = importing("hookward:hook", "log", "0.2.0");
    refused(newer, Reason::InterfaceVersion, &["hookward:hook@0.2.0", "this host serves 0.1.0"]).await;
    let wasi = importing("wasi:clocks", "monotonic-clock", "0.3.0");
    refused(wasi, Reason::InterfaceVersion, &["wasi:clocks/monotonic-clock@0.3.0", "WASI 0.2"]).await;
}

#[tokio::test]
async fn the_digest_that_was_pinned() {
    let bytes = ok();
    let (right, wrong) = (Digest::of(&bytes), Digest::of(b"another"));
    engine().load(bytes.clone(), Some(right), &Limits::default()).await.unwrap();
    let failure = engine().load(bytes, Some(wrong), &Limits::default()).await.unwrap_err();
    expect(&failure, Reason::Digest, &[&right.to_string(), &wrong.to_string()]);
    still_serves().await;
}

#[tokio::test]
async fn paths_that_are_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let dangling = dir.path().join("dangling");
    std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
    for path in [dir.path(), &pipe, &dangling, &dir.path().join("missing"), Path::new("/dev/zero"), Path::new("")] {
        let failure = engine().load_file(path, None, &Limits::default()).await.unwrap_err();
        expect(&failure, Reason::Unreadable, &[path.to_str().unwrap()]);
    }
    still_serves().await;
}

#[tokio::test]
async fn a_file_that_is_far_too_large() {
    let file = tempfile::NamedTempFile::new().unwrap();
    // Takes no room: reading it would.
    file.as_file().set_len(1 << 40).unwrap();
    let failure = engine().load_file(file.path(), None, &Limits::default()).await.unwrap_err();
    expect(&failure, Reason::ComponentSize, &["1099511627776", "component-size"]);
    still_serves().await;
}
