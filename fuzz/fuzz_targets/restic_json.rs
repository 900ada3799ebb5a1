#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hookward_fuzz_bodies::restic_json(data));
