//! The targets of `fuzz/` without its instruments: seeds, and what becomes of them when
//! they are edited at random, for a bounded number of cases. What a fuzzer has found
//! belongs to the seeds.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hookward_fuzz_bodies::TARGETS;
use hookward_tests::{HOOK, component_of, core_module, guest};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

/// Cases of each target, and the variable that says another number.
const CASES: u32 = 4000;
const VARIABLE: &str = "HOOKWARD_FUZZ_CASES";

/// Where nothing else is said, a target takes no longer.
const LONGEST: Duration = Duration::from_secs(6);

/// What means something in one of the forms.
const TOKENS: &[&[u8]] = &[
    b"\n",
    b"\"",
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b"=",
    b",",
    b":",
    b";",
    b"*",
    b"*.",
    b"/",
    b"//",
    b"..",
    b"/../",
    b"%2e",
    b"%",
    b"?",
    b"#",
    b"@",
    b"\\",
    b"\\u0000",
    b"\0",
    b"\t",
    b"\r",
    b"\x1b[31m",
    b"-",
    b"--",
    b"-x",
    b"|",
    b"(?i)",
    b"^",
    b"$",
    b".*",
    b"9999999999999999999999",
    b"-1",
    b"1e999",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"\xff",
    b"\xc3\xa9",
    b"\xf0\x9f\xa6\x80",
    b"[[hook]]\n",
    b"version = 1\n",
    b"correct-horse-battery",
    b"localhost",
    b"0x7f.1",
    b"CONNECT",
];

/// One change of a seed.
#[derive(Debug, Clone)]
enum Edit {
    Insert(Index, &'static [u8]),
    Set(Index, u8),
    Cut(Index, Index),
    Copy(Index, Index, Index),
    /// Goes on as another seed does.
    Join(Index, Index, Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), select(TOKENS)).prop_map(|(at, token)| Edit::Insert(at, token)),
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        2 => (at(), at()).prop_map(|(from, to)| Edit::Cut(from, to)),
        2 => (at(), at(), at()).prop_map(|(from, to, at)| Edit::Copy(from, to, at)),
        1 => (at(), at(), at()).prop_map(|(seed, from, at)| Edit::Join(seed, from, at)),
    ]
}

impl Edit {
    fn make(&self, data: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let place = |index: &Index, length: usize| index.index(length + 1);
        // Mostly a few bytes: whole parts are cut and copied rarely.
        let range = |from: &Index, to: &Index, length: usize| {
            let from = place(from, length);
            from..(from + place(to, 64)).min(length)
        };
        match self {
            Self::Insert(at, token) => {
                let at = place(at, data.len());
                data.splice(at..at, token.iter().copied());
            }
            Self::Set(at, byte) if !data.is_empty() => {
                let at = at.index(data.len());
                data[at] = *byte;
            }
            Self::Set(..) => {}
            Self::Cut(from, to) => drop(data.drain(range(from, to, data.len()))),
            Self::Copy(from, to, at) => {
                let copy = data[range(from, to, data.len())].to_vec();
                let at = place(at, data.len());
                data.splice(at..at, copy);
            }
            Self::Join(seed, from, at) => {
                let other = &seeds[seed.index(seeds.len())];
                data.truncate(place(at, data.len()));
                data.extend_from_slice(&other[place(from, other.len())..]);
            }
        }
    }
}

/// The seeds of a target: those that are kept, and what is made anew each time.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(name);
    let files = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut seeds: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    if name == "component" {
        let plain = core_module("(func (export \"run\") (param i32) (result i32) (i32.const 0))");
        seeds.push(component_of(HOOK, &plain));
        seeds.extend(["hello", "probe"].map(|name| fs::read(guest(name)).unwrap()));
    }
    assert!(seeds.len() > 2, "{name} has too few seeds");
    seeds
}

#[test]
fn nothing_that_a_stranger_may_have_chosen_breaks_a_rule() {
    let wanted: Option<u32> = std::env::var(VARIABLE).ok().map(|cases| cases.parse().expect("a number of cases"));
    let mut broken = Vec::new();
    for target in TARGETS {
        let seeds = seeds(target.name);
        let (began, done) = (Instant::now(), Cell::new(0));
        let config = Config {
            cases: wanted.unwrap_or(CASES),
            failure_persistence: None,
            max_shrink_iters: 2000,
            ..Config::default()
        };
        // As they are, first.
        seeds.iter().for_each(|seed| (target.body)(seed));
        let checked = TestRunner::new(config).run(&(any::<Index>(), vec(edit(), 1..6)), |(seed, edits)| {
            if wanted.is_some() || began.elapsed() < LONGEST {
                let mut data = seeds[seed.index(seeds.len())].clone();
                edits.iter().for_each(|edit| edit.make(&mut data, &seeds));
                done.set(done.get() + 1);
                (target.body)(&data);
            }
            Ok(())
        });
        eprintln!("{}: {} cases of {} seeds in {:?}", target.name, done.get(), seeds.len(), began.elapsed());
        broken.extend(checked.err().map(|error| format!("{}: {error}", target.name)));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
