//! What is counted: each a run of the program in `COUNTED`, within the function
//! `counted` of `tests/benches/counts.rs` only.

use gungraun::prelude::*;
use gungraun::{Callgrind, EntryPoint};

#[binary_benchmark]
#[bench::message("message")]
#[bench::hundred_messages("hundred-messages")]
#[bench::long_event("long-event")]
#[bench::load("load")]
#[bench::configuration("configuration")]
fn count(what: &str) -> gungraun::Command {
    let program = std::env::var("COUNTED").expect("`cargo xtask bench counts` says what is counted");
    gungraun::Command::new(program).arg(what).build()
}

binary_benchmark_group!(name = counts, benchmarks = [count]);

main!(
    config = BinaryBenchmarkConfig::default()
        .pass_through_env("HOOKWARD_COUNTS")
        .tool(Callgrind::default().entry_point(EntryPoint::Custom("*counts*counted*".to_owned()))),
    binary_benchmark_groups = counts
);
