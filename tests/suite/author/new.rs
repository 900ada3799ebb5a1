//! `hook new`.

use std::fs;

use crate::support::{Author, good, json};

const LANGUAGES: &[&str] = &["rust", "python", "javascript", "c", "go"];

#[test]
fn a_project_of_each_language_is_whole_and_its_configuration_is_sound() {
    for language in LANGUAGES {
        let author = Author::new();
        let made = author.run(["hook", "new", "--lang", language, "disk-is-there"]);
        good(&made);
        assert!(made.stdout.contains("next: `hookward hook build disk-is-there`"), "{made:?}");
        let file = |name: &str| fs::read_to_string(author.lab.path("disk-is-there").join(name)).unwrap();
        assert!(file("hook.toml").starts_with(&format!(
            "name = \"disk-is-there\"\nlanguage = \"{language}\"\ncomponent = \"dist/disk-is-there.wasm\"\n"
        )));
        assert!(file(".gitignore").contains("/dist/\n"));
        let readme = file("README.md");
        assert!(readme.starts_with("# disk-is-there\n") && readme.contains("hookward hook build"), "{readme}");
        // The snippet is that of the whole configuration.
        let snippet = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let (whole, keys) = (file("hookward.toml"), snippet.lines().filter(|line| !line.is_empty()));
        keys.for_each(|line| assert!(whole.lines().any(|other| other == line), "{line:?} is not in\n{whole}"));
    }
}

#[test]
fn it_goes_where_it_is_told_to() {
    let author = Author::new();
    fs::create_dir(author.lab.path("empty")).unwrap();
    for dir in ["a/b/c", "empty"] {
        good(&author.run(["hook", "new", "--lang", "c", "x", "--dir", dir]));
        assert!(author.lab.path(dir).join("hook.toml").is_file());
    }
    let report = json(&author.run(["hook", "new", "--lang", "go", "y", "--json"]));
    assert_eq!((&report["name"], &report["language"], &report["dir"]), (&"y".into(), &"go".into(), &"y".into()));
    good(&author.run(["hook", "new", "--lang", "go", "z", "--dry-run"]));
    assert!(!author.lab.path("z").exists());
}

#[test]
fn nothing_is_overwritten() {
    let author = Author::new();
    fs::create_dir(author.lab.path("mine")).unwrap();
    fs::write(author.lab.path("mine/precious"), "yes").unwrap();
    fs::write(author.lab.path("file"), "yes").unwrap();
    for name in ["mine", "file"] {
        let refused = author.run(["hook", "new", "--lang", "rust", name]);
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{refused:?}");
        assert!(refused.stderr.contains(&format!("{name} is there already, and nothing in it is overwritten")));
    }
    assert_eq!(fs::read_dir(author.lab.path("mine")).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(author.lab.path("file")).unwrap(), "yes");
}

#[test]
fn what_is_no_name_is_refused_before_anything_is_written() {
    let author = Author::new();
    for (name, says) in [
        ("Disk", "lower-case"),
        ("../disk", "lower-case"),
        ("a_b", "lower-case"),
        ("2nd", "begin with a letter"),
        ("a--b", "begin with a letter"),
        ("match", "Rust's own"),
        ("", "it is empty"),
    ] {
        let before = fs::read_dir(author.lab.path("")).unwrap().count();
        let refused = author.run(["hook", "new", "--lang", "rust", name]);
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{refused:?}");
        assert!(refused.stderr.contains(&format!("a hook can't be named {name:?}")), "{refused:?}");
        assert!(refused.stderr.contains(says), "{refused:?}");
        assert_eq!(fs::read_dir(author.lab.path("")).unwrap().count(), before);
    }
    let refused = author.run(["hook", "new", "--lang", "cobol", "x"]);
    assert!(refused.code == 2 && refused.stderr.contains("rust, python, javascript, c, go"), "{refused:?}");
    let refused = author.run(["hook", "new", "--lang", "rust", "x", "--sdk", "source"]);
    assert!(refused.code == 2 && refused.stderr.contains("source is not the source of hookward-sdk"), "{refused:?}");
    assert!(!author.lab.path("x").exists());
}
