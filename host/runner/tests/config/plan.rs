//! The grant `plan`.

use hookward_engine::plan::Part;

use crate::v1;

/// A file with one hook that has these keys, from the fifth line on.
fn hook(lines: &str) -> crate::Files {
    v1(&format!("[[hook]]\nname = \"h\"\ncomponent = \"h.wasm\"\n{lines}"))
}

#[track_caller]
fn check(lines: &str, expected: &[&str]) {
    let expected: Vec<_> = expected.iter().map(|error| format!("hookward.toml:{error}")).collect();
    assert_eq!(hook(lines).errors(), expected);
}

#[test]
fn the_parts_are_read_with_their_places() {
    let files = hook(
        "on = [\"before\", \"finally\"]\ngrants.plan = [\"sources\", \"tags\",\n\"excludes\", \"env\", \"env:TMPDIR\"]",
    );
    let config = files.load().unwrap();
    let plan = &config.hooks[0].grants.plan;
    let parts: Vec<_> = plan.iter().map(|part| part.value.clone()).collect();
    assert_eq!(parts, [Part::Sources, Part::Tags, Part::Excludes, Part::Env, Part::Variable("TMPDIR".to_owned())]);
    assert_eq!((plan[4].location.line, plan[4].location.column), (7, 20));
}

#[test]
fn a_part_that_is_none() {
    let on = "on = [\"before\"]\n";
    for (part, error) in [
        ("source", "the plan has no part `source` | did you mean `sources`?"),
        ("exclude", "the plan has no part `exclude` | did you mean `excludes`?"),
        (
            "everything",
            "the plan has no part `everything` | known parts: `sources`, `tags`, `excludes`, `env`, `env:NAME`",
        ),
        ("env:", "`` is not the name of a variable | write `env:` and a name, such as `env:TMPDIR`"),
        ("env:A=b", "`A=b` is not the name of a variable | write `env:` and a name, such as `env:TMPDIR`"),
        ("env:OS_*", "`OS_*` is not the name of a variable | write `env:` and a name, such as `env:TMPDIR`"),
    ] {
        check(&format!("{on}grants.plan = [\"tags\", \"{part}\"]"), &[&format!("6:24 {error}")]);
    }
}

#[test]
fn a_variable_that_no_hook_is_given() {
    for name in ["LD_PRELOAD", "PATH", "RESTIC_REPOSITORY", "RESTIC_REPOSITORY_FILE", "RESTIC_PASSWORD_COMMAND"] {
        check(
            &format!("on = [\"before\"]\ngrants.plan = [\"env:{name}\"]"),
            &[&format!(
                "6:16 `{name}` can't be left to a hook: it chooses the repository, or a program that runs outside of \
                 the sandbox | set it yourself, in hookward's own environment or in the configuration"
            )],
        );
    }
}

#[test]
fn a_grant_that_could_never_be_used() {
    let late = "the plan is granted to a hook that isn't called in `before` | add \"before\" to `on`, or remove the \
                grant: nothing can be changed later";
    let elsewhere = "the plan is granted to a hook that isn't called for a `backup` | add \"backup\" to \
                     `operations`, or remove the grant: nothing else has a plan";
    check("on = [\"success\", \"finally\"]\ngrants.plan = [\"tags\"]", &[&format!("6:16 {late}")]);
    check("on = [\"before\"]\noperations = [\"forget\"]\ngrants.plan = [\"tags\"]", &[&format!("7:16 {elsewhere}")]);
    hook("on = [\"before\"]\noperations = [\"*\"]\ngrants.plan = [\"tags\"]").load().unwrap();
    // What grants nothing is no mistake; one event that is none is one mistake.
    hook("on = [\"finally\"]\ngrants.plan = []").load().unwrap();
    check("on = [\"befor\"]\ngrants.plan = [\"tags\"]", &["5:7 no event `befor` | did you mean `before`?"]);
}
