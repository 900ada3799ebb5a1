//! How the program is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        // At a fixed address, as restic and all of Go's programs are: a program of this size
        // has seventy thousand addresses to be put right at each start, on three hundred
        // pages, which is a quarter of a start that calls no hook. Hooks' code, their memory,
        // heap, stack and libraries are where chance puts them.
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
