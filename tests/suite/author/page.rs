//! The page `docs/write-a-hook.md`, as it stands: its commands are run, and what it says
//! comes of them has to come, line by line. More may: compilers and installers have
//! much to say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hookward_tests::counterparts::Registry;
use hookward_tests::lab::Finished;
use regex::Regex;

use crate::support::Author;

/// What installs something that the test has already.
const SET_UP: &[&str] = &["rustup target add ", "python3 -m venv ", "npm install", "sudo apt-get install "];

/// The page's reader is at home here.
const HOME: &str = "/home/ann";

/// The page's registry.
const REGISTRY: &str = "localhost:5000";

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/write-a-hook.md")).unwrap()
}

/// The part below a heading of the second order.
fn part<'p>(page: &'p str, heading: &str) -> &'p str {
    let part = page.split("\n## ").find(|part| part.starts_with(heading));
    part.unwrap_or_else(|| panic!("the page has no part {heading:?}"))
}

/// The blocks of a part, each with its kind.
fn blocks(part: &str) -> Vec<(&str, &str)> {
    let blocks = part.split("```").skip(1).step_by(2);
    blocks.map(|block| block.split_once('\n').unwrap_or((block, ""))).collect()
}

/// A line without what is another each time.
fn steady(line: &str) -> String {
    let changes = [
        ("[0-9a-f]{64}", "DIGEST"),
        (r"\d+(\.\d+)? [KMG]iB", "SIZE"),
        (r"\d+\.\d+ ?s\b", "TIME"),
        (r"\d+ fuel", "FUEL"),
        (r"(rustc|wit-component|wit-bindgen-rust|clang) \d+[^,]*", "$1 VERSION"),
        (r"Rust (\d+\.)+\d+", "Rust VERSION"),
        (r"@0\.2\.\d+", "@0.2.N"),
        (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "RUN"),
        (r"\b(snapshot|repository) [0-9a-f]{8,10}\b", "$1 ID"),
        (r"-- gate --  \S*restic ", "-- gate --  RESTIC "),
    ];
    changes.iter().fold(line.trim_end().to_owned(), |line, (from, to)| {
        Regex::new(from).unwrap().replace_all(&line, *to).into_owned()
    })
}

/// Who follows the page.
struct Reader {
    author: Author,
    dir: PathBuf,
    /// Digests of the page, and what stands for them here: one is one throughout.
    digests: BTreeMap<String, String>,
    registry: Option<Registry>,
}

impl Reader {
    fn new() -> Self {
        let author = Author::new();
        Self { dir: author.lab.path(""), author, digests: BTreeMap::new(), registry: None }
    }

    /// The page's text with the names of this place.
    fn here(&self, text: &str) -> String {
        let home = self.author.lab.path("");
        let text = text.replace(HOME, home.to_str().unwrap().trim_end_matches('/'));
        self.registry.as_ref().map_or_else(|| text.clone(), |registry| text.replace(REGISTRY, &registry.host()))
    }

    /// Does what a part says, one thing after the other: runs its commands, and writes the
    /// configuration that it shows.
    fn follow(&mut self, part: &str) {
        let mut commands = 0;
        for (kind, block) in blocks(part) {
            let block = self.here(block);
            match kind {
                "toml" => fs::write(self.dir.join("hookward.toml"), block).unwrap(),
                "console" => {
                    for step in format!("\n{block}").split("\n$ ").skip(1) {
                        let (command, expected) = step.split_once('\n').unwrap_or((step, ""));
                        commands += usize::from(self.step(command, expected));
                    }
                }
                _ => {}
            }
        }
        assert!(commands >= 5, "{commands} commands were found");
    }

    /// Whether it was a command that was run.
    fn step(&mut self, command: &str, expected: &str) -> bool {
        if SET_UP.iter().any(|set_up| command.starts_with(set_up)) {
            return false;
        }
        if let Some(to) = command.strip_prefix("cd ") {
            self.dir.push(to);
            return false;
        }
        let script = format!("{{ {command}\n}} 2>&1");
        let done = self.author.command("sh").args(["-c", &script]).current_dir(&self.dir).output().unwrap();
        let done: Finished = done.into();
        let mut said = done.stdout.lines();
        for line in expected.lines().filter(|line| !line.trim().is_empty() && *line != "...") {
            let wanted = steady(line);
            let came = said.find(|said| steady(said) == wanted);
            let came = came.unwrap_or_else(|| {
                panic!("$ {command}: no line {wanted:?} in its place in\n{}", done.stdout);
            });
            self.compare_digests(line, came);
        }
        true
    }

    fn compare_digests(&mut self, page: &str, came: &str) {
        let digest = Regex::new("[0-9a-f]{64}").unwrap();
        for (page, came) in digest.find_iter(page).zip(digest.find_iter(came)) {
            let (page, came) = (page.as_str().to_owned(), came.as_str());
            let known = self.digests.entry(page.clone()).or_insert_with(|| came.to_owned());
            assert_eq!(known, came, "where the page has {page}");
        }
    }
}

/// From an empty directory to a backup that was gated: the part of a language, then the
/// one for all of them.
fn story(language: &str, kind: &str, file: &str) {
    let mut reader = Reader::new();
    let page = page();
    let made = part(&page, &format!("In {language}\n"));
    reader.follow(made);
    let source = fs::read_to_string(reader.author.lab.path("nightly-only").join(file)).unwrap();
    assert!(blocks(made).contains(&(kind, &source)), "the page shows another hook than\n{source}");

    reader.registry = Registry::start();
    if reader.registry.is_some() {
        reader.follow(part(&page, "Publish, pin, run\n"));
    }
}

#[test]
fn in_rust() {
    story("Rust", "rust", "src/lib.rs");
}

#[test]
fn in_python() {
    if Author::has("componentize-py") {
        story("Python", "python", "app.py");
    }
}
