#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hookward_fuzz_bodies::configuration(data));
