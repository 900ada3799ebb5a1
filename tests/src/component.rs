//! Components made by hand, for what no compiler of Rust would write.

use std::path::Path;

use wasm_encoder::{ComponentSection as _, InstanceSection, ModuleArg, RawSection};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The world of a hook. Its `run` is, in a core module,
/// `(func (export "run") (param $event i32) (result i32))`, and its result a pointer
/// to a byte 0 for ok, or 1 and then, at +4 and +8, the error's pointer and length.
pub const HOOK: &str = "package test:made; world made { include hookward:hook/hook@0.1.0; }";

/// A core module in text, with a memory, an allocator that never frees, and `items`.
///
/// Byte 0 of the memory stays 0: `(i32.const 0)` is the result ok.
#[must_use]
pub fn core_module(items: &str) -> String {
    format!(
        r#"(module
            {imports}
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 4096))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                (global.set $next (i32.add (local.get $at) (local.get 3)))
                (local.get $at))
            {rest}
        )"#,
        // The text format wants imports first.
        imports = items.lines().filter(|line| line.trim_start().starts_with("(import")).collect::<String>(),
        rest = items.lines().filter(|line| !line.trim_start().starts_with("(import")).collect::<Vec<_>>().join("\n"),
    )
}

/// A core module whose `run` returns this error.
#[must_use]
pub fn core_module_saying(error: &str) -> String {
    assert!(error.chars().all(|c| c.is_ascii_alphanumeric() || c == ' '), "needs no escaping");
    core_module(&format!(
        r#"(data (i32.const 16) "\01\00\00\00\40\00\00\00\{:02x}\00\00\00")
        (data (i32.const 64) "{error}")
        (func (export "run") (param i32) (result i32) (i32.const 16))"#,
        error.len(),
    ))
}

/// The component for the world [`HOOK`] around a core module in text.
#[must_use]
pub fn component(core: &str) -> Vec<u8> {
    component_of(HOOK, core)
}

/// The component for the only world of the outermost package in `wit`.
///
/// # Panics
/// When they don't fit together.
#[must_use]
pub fn component_of(wit: &str, core: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/0.1.0");
    resolve.push_dir(&contract).unwrap();
    let package = resolve.push_str("made.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wat::parse_str(core).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

/// The component with a further core module, instantiated `instances` times after
/// all that it does itself.
///
/// # Panics
/// When the text isn't a module.
#[must_use]
pub fn appended(mut component: Vec<u8>, core: &str, instances: u32) -> Vec<u8> {
    let modules = Parser::new(0)
        .parse_all(&component)
        // Nothing nested counts: an index is that of the outermost component.
        .scan(0_u32, |depth, payload| {
            let payload = payload.unwrap();
            let here = *depth;
            match &payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => *depth += 1,
                Payload::End(_) => *depth = depth.saturating_sub(1),
                _ => {}
            }
            Some((here, matches!(payload, Payload::ModuleSection { .. })))
        })
        .filter(|&(depth, module)| module && depth == 0)
        .count();
    let module = wat::parse_str(core).unwrap();
    RawSection { id: wasm_encoder::ComponentSectionId::CoreModule.into(), data: &module }
        .append_to_component(&mut component);
    let mut section = InstanceSection::new();
    for _ in 0..instances {
        section.instantiate(u32::try_from(modules).unwrap(), std::iter::empty::<(&str, ModuleArg)>());
    }
    section.append_to_component(&mut component);
    component
}
