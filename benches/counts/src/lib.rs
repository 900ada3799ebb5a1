//! Only a bench: `benches/counts.rs`.
