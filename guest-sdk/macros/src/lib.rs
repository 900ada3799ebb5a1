//! The `#[hook]` attribute of [hookward-sdk](../hookward_sdk/index.html), which
//! re-exports it: depend on that crate, not on this one.

use proc_macro::TokenStream;
use syn::{ItemFn, parse_macro_input};

mod hook;

/// Makes a function the hook: what Hookward calls, once for every event that the
/// hook subscribes to.
#[proc_macro_attribute]
pub fn hook(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as ItemFn);
    hook::expand(arguments.into(), item).unwrap_or_else(syn::Error::into_compile_error).into()
}
