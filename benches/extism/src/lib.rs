//! Only a bench: `benches/call.rs`.
