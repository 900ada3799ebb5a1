//! Configurations of several files.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt;

use hookward_engine::Limits;

use crate::{Files, v1};

fn hook(name: &str) -> String {
    format!("[[hook]]\nname = \"{name}\"\ncomponent = \"{name}.wasm\"\non = [\"before\"]\n")
}

#[test]
fn included_hooks_come_after_in_sorted_order() {
    let files = Files::new(&[
        ("hookward.toml", &format!("version = 1\ninclude = [\"conf.d/*.toml\", \"last/x.toml\"]\n{}", hook("first"))),
        ("conf.d/b.toml", &format!("version = 1\n{}", hook("b"))),
        ("conf.d/a.toml", &format!("version = 1\ninclude = [\"sub/*\"]\n{}", hook("a"))),
        ("conf.d/sub/c.toml", &format!("version = 1\n{}", hook("c"))),
        ("conf.d/sub/dir/ignored", "no TOML"),
        ("conf.d/.hidden.toml", "no TOML"),
        ("last/x.toml", &format!("version = 1\n[defaults]\nfuel = 9\n{}", hook("x"))),
    ]);
    let config = files.load().unwrap();
    let names: Vec<_> = config.hooks.iter().map(|hook| hook.name.as_str()).collect();
    assert_eq!(names, ["first", "a", "c", "b", "x"]);
    // Relative to the file that says it; limits are for all files.
    assert_eq!(config.hooks[2].component, hookward_runner::config::Source::File(files.path("conf.d/sub/c.wasm")));
    assert_eq!(config.hooks[0].limits.fuel, 9);
    assert_ne!(config.hooks[0].limits, Limits::default());
    let read = ["hookward.toml", "conf.d/a.toml", "conf.d/sub/c.toml", "conf.d/b.toml", "last/x.toml"];
    assert_eq!(config.files, read.map(|name| files.path(name)));
}

#[test]
fn a_profile_may_stand_in_another_file_than_its_repository() {
    let files = Files::new(&[
        ("hookward.toml", "version = 1\ninclude = [\"r.toml\"]\n[profile.p]\nrepository = \"r\"\nsources = [\"a\"]"),
        ("r.toml", "version = 1\n[repository.r]\nurl = \"/r\""),
    ]);
    assert_eq!(files.load().unwrap().profiles["p"].repository, "r");
}

#[test]
fn a_glob_may_match_nothing_a_path_may_not() {
    v1("include = [\"conf.d/*.toml\", \"nodir/**/x.toml\"]").load().unwrap();
    assert_eq!(
        v1("include = [\n  \"x.toml\"]").errors(),
        ["hookward.toml:3:3 cannot read x.toml: No such file or directory (os error 2) \
          | check the path; `hookward init` writes a new configuration"]
    );
}

#[test]
fn a_directory_with_the_characters_of_a_glob() {
    let files =
        Files::new(&[("[a]*/hookward.toml", "version = 1\ninclude = [\"*.conf\"]"), ("[a]*/x.conf", "version = 1")]);
    let config = hookward_runner::config::Config::load(&files.path("[a]*/hookward.toml")).unwrap();
    assert_eq!(config.files.len(), 2);
}

#[test]
fn a_file_is_read_once() {
    let files = Files::new(&[
        ("hookward.toml", "version = 1\ninclude = [\"a.toml\", \"./*.toml\", \"x/../a.toml\"]"),
        ("a.toml", &format!("version = 1\n{}", hook("a"))),
        ("x/y", ""),
    ]);
    // The glob finds the file that has it, too.
    assert_eq!(
        files.errors(),
        [
            "hookward.toml:2:22 files include each other: hookward.toml -> ./hookward.toml | remove one of these includes"
        ]
    );
    std::fs::write(files.path("hookward.toml"), "version = 1\ninclude = [\"a.toml\", \"[a]*.toml\", \"x/../a.toml\"]")
        .unwrap();
    assert_eq!(files.load().unwrap().hooks.len(), 1);
}

#[test]
fn a_loop_shows_its_chain() {
    let files = Files::new(&[
        ("hookward.toml", "version = 1\ninclude = [\"conf.d/a.toml\"]"),
        ("conf.d/a.toml", "version = 1\ninclude = [\"b.toml\"]"),
        ("conf.d/b.toml", "version = 1\ninclude = [\"a.toml\"]"),
    ]);
    assert_eq!(
        files.errors(),
        ["conf.d/b.toml:2:12 files include each other: conf.d/a.toml -> conf.d/b.toml -> conf.d/a.toml \
          | remove one of these includes"]
    );
}

#[test]
fn what_stands_in_two_files() {
    let files = Files::new(&[
        (
            "hookward.toml",
            "version = 1\ninclude = [\"z.toml\"]\n[defaults]\n[restic]\n[repository.r]\nurl = \"/r\"\n[profile.p]\nrepository = \"r\"",
        ),
        ("z.toml", "version = 1\n[defaults]\n[restic]\n[repository.r]\nurl = \"/r\"\n[profile.p]\nrepository = \"r\""),
    ]);
    assert_eq!(
        files.errors(),
        [
            "z.toml:2:1 [defaults] is defined twice, first at hookward.toml:3:1 | keep one of the two",
            "z.toml:3:1 [restic] is defined twice, first at hookward.toml:4:1 | keep one of the two",
            "z.toml:4:13 repository `r` is defined twice, first at hookward.toml:5:13 | keep one of the two",
            "z.toml:6:10 profile `p` is defined twice, first at hookward.toml:7:10 | keep one of the two",
        ]
    );
    let error = files.load().unwrap_err();
    let related: Vec<_> = error.diagnostics()[2].related_locations().collect();
    assert_eq!((related[0].0.line, related[0].1), (5, "first defined here"));
    let shown = files.without_dir(&error.diagnostics()[2].render(false));
    let expected = "\
error: repository `r` is defined twice, first at hookward.toml:5:13
 --> z.toml:4:13
  |
4 | [repository.r]
  |             ^
  |
 ::: hookward.toml:5:13
  |
5 | [repository.r]
  |             - first defined here
  |
  = help: keep one of the two";
    assert_eq!(shown, expected);
}

#[test]
fn errors_of_all_files_together() {
    let files = Files::new(&[
        ("hookward.toml", "version = 1\ninclude = [\"*.conf\"]\n"),
        ("a.conf", "version = 1\nx = 1"),
        ("b.conf", "version = 1\ny = 1"),
    ]);
    let errors = files.errors();
    assert_eq!(errors.len(), 2);
    assert!(errors[0].starts_with("a.conf:2:1 unknown key `x`"), "{}", errors[0]);
    assert!(errors[1].starts_with("b.conf:2:1 unknown key `y`"), "{}", errors[1]);
}

#[test]
fn hooks_of_one_name_in_two_files() {
    let files = Files::new(&[
        ("hookward.toml", &format!("version = 1\ninclude = [\"a.toml\"]\n{}", hook("x"))),
        ("a.toml", &format!("version = 1\n{}", hook("x"))),
    ]);
    assert_eq!(
        files.errors(),
        ["a.toml:3:8 two hooks of this scope are named `x` | rename one; the first is at hookward.toml:4:8"]
    );
}

#[test]
fn bad_includes() {
    assert_eq!(
        v1("include = [\"a***\", \"\"]").errors(),
        [
            "hookward.toml:2:12 bad glob `a***`: wildcards are either regular `*` or recursive `**` \
             | write a path or a glob, relative to this file, such as `conf.d/*.toml`",
            "hookward.toml:2:20 an include is empty \
             | write a path or a glob, relative to this file, such as `conf.d/*.toml`",
        ]
    );
    assert_eq!(
        Files::new(&[("hookward.toml", "version = 1\ninclude = [\"d\"]"), ("d/x", "")]).errors(),
        ["hookward.toml:2:12 cannot read d: not a regular file | name a regular file that can be read"]
    );
}

#[test]
fn a_file_that_cannot_be_read() {
    let files = Files::new(&[]);
    assert_eq!(
        files.errors(),
        ["hookward.toml cannot read hookward.toml: No such file or directory (os error 2) \
          | check the path; `hookward init` writes a new configuration"]
    );
    assert_eq!(
        files.without_dir(&files.load().unwrap_err().to_string()),
        "error: cannot read hookward.toml: No such file or directory (os error 2)\n\
         --> hookward.toml\n \
         = help: check the path; `hookward init` writes a new configuration"
    );
    let files = v1("");
    std::fs::set_permissions(files.path("hookward.toml"), PermissionsExt::from_mode(0o000)).unwrap();
    // Root reads it all the same.
    if std::fs::read(files.path("hookward.toml")).is_err() {
        assert_eq!(
            files.errors(),
            ["hookward.toml cannot read hookward.toml: Permission denied (os error 13) \
              | run as a user who may read this file, or change its permissions"]
        );
    }
    let files = Files::new(&[("hookward.toml/x", "")]);
    assert!(files.errors()[0].ends_with("| name a regular file that can be read"));
}

#[test]
fn a_file_that_is_too_large() {
    let files = v1(&"#".repeat(5 << 20));
    assert_eq!(
        files.errors(),
        ["hookward.toml cannot read hookward.toml: larger than 4 MiB \
          | name a configuration; split one that is so large with `include`"]
    );
}

#[test]
fn a_file_that_is_not_utf8() {
    let files = Files::new(&[]);
    std::fs::write(files.path("hookward.toml"), b"version = 1\n# \xc3\xbc\xe2\x82 x\xff").unwrap();
    assert_eq!(files.errors(), ["hookward.toml:2:4 the file is not UTF-8: byte 0xe2 | save the file as UTF-8"]);
}

#[test]
fn a_directory_whose_name_is_not_utf8() {
    let files = Files::new(&[]);
    let dir = files.dir.path().join(std::ffi::OsStr::from_bytes(b"d\xff"));
    std::fs::create_dir(&dir).unwrap();
    let text =
        "version = 1\n[[hook]]\nname = \"a\"\ncomponent = \"a\"\non = [\"before\"]\ngrants.dirs = [{ host = \"x\" }]";
    std::fs::write(dir.join("hookward.toml"), text).unwrap();
    let error = hookward_runner::config::Config::load(&dir.join("hookward.toml")).unwrap_err();
    assert_eq!(error.diagnostics()[0].help(), "add `guest`, the path at which the hook sees it");
    std::fs::write(dir.join("hookward.toml"), "version = 1\ninclude = [\"*.x\"]").unwrap();
    let error = hookward_runner::config::Config::load(&dir.join("hookward.toml")).unwrap_err();
    assert_eq!(error.diagnostics()[0].message(), "globs need a directory whose name is UTF-8");
}
