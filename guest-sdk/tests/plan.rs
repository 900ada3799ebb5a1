//! Changes of the plan: recorded, and refused where the host refuses them.

use hookward_sdk::PlanChange;
use hookward_sdk::prelude::*;
use hookward_sdk::testing::{self, Call};

const ALL: &[&str] = &["sources", "tags", "excludes", "env"];

fn call(kind: EventKind, parts: &[&str]) -> Call {
    Call::new(testing::event(kind)).plan_grants(parts)
}

#[test]
fn changes_are_recorded_in_order() {
    let report = call(EventKind::Before, ALL).run(|event: &Event| {
        plan::set_sources(event.sources.iter().map(|source| format!("/mnt{source}")))?;
        plan::add_sources(["/etc"])?;
        plan::add_tags(vec!["frozen".to_owned()])?;
        plan::add_excludes(["*.tmp", "/cache"])?;
        plan::set_env("RESTIC_COMPRESSION", "max")
    });
    assert_eq!(report.result, Ok(()));
    let text = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        report.plan,
        [
            PlanChange::SetSources(text(&["/mnt/srv/data"])),
            PlanChange::AddSources(text(&["/etc"])),
            PlanChange::AddTags(text(&["frozen"])),
            PlanChange::AddExcludes(text(&["*.tmp", "/cache"])),
            PlanChange::SetEnv { name: "RESTIC_COMPRESSION".to_owned(), value: "max".to_owned() },
        ]
    );
}

#[test]
fn every_part_has_its_own_grant() {
    type Change = fn() -> Result<(), PlanError>;
    let changes: [(&str, Change); 4] = [
        ("sources", || plan::add_sources(["/a"])),
        ("tags", || plan::add_tags(["a"])),
        ("excludes", || plan::add_excludes(["a"])),
        ("env", || plan::set_env("A", "a")),
    ];
    for (part, change) in changes {
        let others: Vec<&str> = ALL.iter().copied().filter(|other| *other != part).collect();
        let report = call(EventKind::Before, &others).run(|_: &Event| {
            assert!(matches!(change(), Err(PlanError::NotGranted(_))));
            change()
        });
        assert_eq!(
            report.error(),
            Some(&*format!("the hook may not change the plan's {part}: grant it in `grants.plan`"))
        );
        assert!(report.plan.is_empty());
        assert!(call(EventKind::Before, &[part]).run(|_: &Event| change()).is_ok());
    }
}

#[test]
fn the_plan_is_changed_before_a_backup_only() {
    let report = call(EventKind::Finally, ALL).run(|_: &Event| plan::add_tags(["late"]));
    assert_eq!(report.error(), Some("the plan can be changed in `before` of a backup, not in `finally` of `backup`"));
    let forget = testing::event(EventKind::Before).operation("forget");
    let report = Call::new(forget).plan_grants(ALL).run(|_: &Event| {
        assert!(matches!(plan::add_tags(["x"]), Err(PlanError::NotNow(_))));
        Ok::<(), String>(())
    });
    assert!(report.is_ok());
    assert!(report.plan.is_empty());
}

#[test]
fn values_that_restic_would_misread_are_invalid() {
    let report = call(EventKind::Before, ALL).run(|_: &Event| {
        for refused in [
            plan::set_sources(["relative"]),
            plan::add_sources(["/fine", "-rf"]),
            plan::add_tags(["a,b"]),
            plan::add_tags([""]),
            plan::add_excludes([""]),
            plan::set_env("A=B", "c"),
            plan::set_env("", "c"),
        ] {
            assert!(matches!(refused, Err(PlanError::Invalid(_))), "{refused:?}");
        }
        plan::add_tags(["a,b"])
    });
    assert_eq!(report.error(), Some("tag `a,b` can't be used: a tag is not empty and has no comma"));
    assert!(report.plan.is_empty());
}
