//! Whatever the bytes: an error, never a panic.

use std::path::Path;

use hookward_runner::config::{Config, TEMPLATE};

use crate::Files;

/// Xorshift: a test that fails has to fail again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 1).unwrap() % end.max(1)
    }
}

/// Pieces that reach further than random bytes do.
const PIECES: &[&str] = &[
    "[[hook]]\nname = \"a\"\ncomponent = \"a\"\non = [\"before\"]\n",
    "\"\"\"",
    "'''",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    "\n",
    "\r",
    "\u{0}",
    "\"${\"",
    "\"$",
    "${X",
    "ü",
    "\u{feff}",
    "\u{1b}[",
    "-",
    "1e999",
    "0x",
    "nan",
    "9999999999999999999999",
    "version = 1\n",
    "retry = { attempts = 0 }\n",
    "timeout = \"ü\"\n",
    "memory = \"1e\"\n",
    "grants.dirs = [{ host = \"~\" }]\n",
    "digest = \"sha256:ü\"\n",
    "include = [\"*\"]\n",
    "[profile.a]\n",
    "[repository.\"\"]\nurl = \"$$\"\n",
];

fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len() + 1);
    match random.below(5) {
        0 => bytes.truncate(at),
        1 => {
            let end = (at + random.below(40)).min(bytes.len());
            bytes.drain(at..end);
        }
        2 => {
            let byte = u8::try_from(random.below(256)).unwrap();
            bytes.insert(at, byte);
        }
        3 => {
            let from = random.below(bytes.len() + 1);
            let end = (from + random.below(80)).min(bytes.len());
            let copy = bytes[from..end].to_vec();
            bytes.splice(at..at, copy);
        }
        _ => {
            let piece = PIECES[random.below(PIECES.len())];
            bytes.splice(at..at, piece.bytes());
        }
    }
}

fn load(path: &Path) -> bool {
    match Config::load_with_env(path, &crate::env) {
        Ok(_) => true,
        Err(error) => {
            assert!(!error.diagnostics().is_empty());
            for color in [false, true] {
                assert!(!error.render(color).is_empty());
            }
            for diagnostic in error.diagnostics() {
                assert!(diagnostic.location().is_none_or(|location| location.line > 0 && location.column > 0));
                assert!(!diagnostic.message().is_empty() && !diagnostic.help().is_empty());
            }
            false
        }
    }
}

#[test]
fn no_input_makes_it_panic() {
    let files = Files::new(&[]);
    let path = files.path("hookward.toml");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let commented = TEMPLATE.replace("\n# ", "\n");
    let mut valid = 0;
    for round in 0..4000 {
        let seed = if round % 2 == 0 { TEMPLATE } else { &commented };
        let mut bytes = seed.as_bytes().to_vec();
        for _ in 0..=random.below(6) {
            mutate(&mut random, &mut bytes);
        }
        std::fs::write(&path, &bytes).unwrap();
        valid += usize::from(load(&path));
    }
    // Else the mutations are too wild to reach the later checks.
    assert!((100..3900).contains(&valid), "{valid} of 4000 are valid");
}

#[test]
fn deep_nesting_is_an_error() {
    for text in
        ["x = ".to_owned() + &"[".repeat(100_000), "x = ".to_owned() + &"{a=".repeat(100_000), "a.".repeat(100_000)]
    {
        let files = crate::v1(&text);
        assert!(!load(&files.path("hookward.toml")));
    }
}
