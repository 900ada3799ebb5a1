//! The page `docs/write-a-hook.md`, as it stands: its commands are run, and what it says
//! comes of them has to come, line by line. More may: compilers and installers have
//! much to say.

use std::fs;
use std::path::Path;

use hookward_tests::lab::Finished;
use regex::Regex;

use crate::support::Author;

/// What installs a tool that the test has already.
const SET_UP: &[&str] = &["rustup target add ", "python3 -m venv ", "npm install"];

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/write-a-hook.md")).unwrap()
}

/// The part below a heading of the second order.
fn part<'p>(page: &'p str, heading: &str) -> &'p str {
    let part = page.split("\n## ").find(|part| part.starts_with(heading));
    part.unwrap_or_else(|| panic!("the page has no part {heading:?}"))
}

/// The blocks of a kind.
fn blocks<'p>(part: &'p str, kind: &str) -> Vec<&'p str> {
    let marker = format!("```{kind}\n");
    part.split(marker.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
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
    ];
    changes.iter().fold(line.trim_end().to_owned(), |line, (from, to)| {
        Regex::new(from).unwrap().replace_all(&line, *to).into_owned()
    })
}

/// Runs the commands of a part, one after the other.
fn follow(author: &Author, part: &str) {
    let mut dir = author.lab.path("");
    let mut commands = 0;
    for block in blocks(part, "console") {
        for step in format!("\n{block}").split("\n$ ").skip(1) {
            let (command, expected) = step.split_once('\n').unwrap_or((step, ""));
            if SET_UP.iter().any(|set_up| command.starts_with(set_up)) {
                continue;
            }
            if let Some(to) = command.strip_prefix("cd ") {
                dir.push(to);
                continue;
            }
            let script = format!("{command} 2>&1");
            let done: Finished = author.command("sh").args(["-c", &script]).current_dir(&dir).output().unwrap().into();
            let mut said = done.stdout.lines().map(steady);
            for line in expected.lines().filter(|line| !line.trim().is_empty() && *line != "...") {
                let line = steady(line);
                assert!(
                    said.any(|said| said == line),
                    "$ {command}: no line {line:?} in its place in\n{}",
                    done.stdout
                );
            }
            commands += 1;
        }
    }
    assert!(commands >= 5, "{commands} commands were found");
}

#[test]
fn in_rust() {
    let author = Author::new();
    let page = page();
    let part = part(&page, "In Rust");
    follow(&author, part);
    let source = fs::read_to_string(author.lab.path("nightly-only/src/lib.rs")).unwrap();
    assert!(blocks(part, "rust").iter().any(|block| *block == source), "the page shows another hook than\n{source}");
}

#[test]
fn in_python() {
    if !Author::has("componentize-py") {
        return;
    }
    let author = Author::new();
    let page = page();
    let part = part(&page, "In Python");
    follow(&author, part);
    let source = fs::read_to_string(author.lab.path("nightly-only/app.py")).unwrap();
    assert!(blocks(part, "python").iter().any(|block| *block == source), "the page shows another hook than\n{source}");
}
