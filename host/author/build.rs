//! Files that are embedded and come anew have the crate built again.

fn main() {
    for folder in ["templates", "../../guest-sdk", "../../hooks-examples/helpers", "../../wit"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
