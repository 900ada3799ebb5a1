//! What a component says of itself, and where it is shown.

use std::fs;

use hookward_tests::lab::{Finished, Lab};
use hookward_tests::{component, core_module_saying, example, guest, lab::stand_in};
use serde_json::Value;
use wasm_metadata::{AddMetadata, AddMetadataField, Version};

/// The component, with this name and version.
fn stamped(component: &[u8], name: &str, version: Option<&str>) -> Vec<u8> {
    let mut add = AddMetadata::default();
    add.name = AddMetadataField::Set(name.to_owned());
    if let Some(version) = version {
        add.version = AddMetadataField::Set(Version::new(version.to_owned()));
    }
    add.to_wasm(component).unwrap()
}

/// A lab with a profile `p` whose two hooks are the probe: one stamped, one as it is.
fn lab() -> Lab {
    let lab = Lab::new();
    let probe = fs::read(guest("probe")).unwrap();
    fs::write(lab.path("stamped.wasm"), stamped(&probe, "probe-of-tests", Some("1.2.3-rc.1"))).unwrap();
    let says = "config = { name = \"x\", log = \"hello\" }";
    lab.configure(&format!(
        "version = 1\n[restic]\nbinary = \"{}\"\n[repository.r]\nurl = \"/srv/repo\"\npassword-file = \"@lab@/password\"\n\
         [profile.p]\nrepository = \"r\"\nsources = [\"@lab@/source\"]\n\
         [[profile.p.hook]]\nname = \"known\"\ncomponent = \"stamped.wasm\"\non = [\"before\"]\n{says}\n\
         [[profile.p.hook]]\nname = \"unknown\"\ncomponent = \"@probe@\"\non = [\"before\"]\n{says}\n",
        stand_in().display()
    ));
    lab
}

fn run(lab: &Lab, args: &[&str]) -> Finished {
    let finished = lab.run(args);
    assert_eq!(finished.code, 0, "{finished:?}");
    finished
}

const MODULE: &str = "probe-of-tests@1.2.3-rc.1";

#[test]
fn a_run_shows_it_beside_the_hook() {
    let lab = lab();
    let shown = run(&lab, &["run", "p"]).stdout;
    assert!(shown.contains(&format!("  before    known ({MODULE}): ok (")), "{shown}");
    assert!(shown.contains("  before    unknown: ok ("), "{shown}");
    let report: Value = serde_json::from_str(&run(&lab, &["run", "p", "--json"]).stdout).unwrap();
    let hooks = &report["runs"][0]["hooks"];
    assert_eq!((&hooks[0]["module"], hooks[1].get("module")), (&MODULE.into(), None), "{report:#}");
}

#[test]
fn each_line_of_the_log_for_machines_has_it() {
    let lab = lab();
    let finished = run(&lab, &["run", "p", "--log-format", "json"]);
    let lines = finished.stderr.lines().chain(finished.stdout.lines()).filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    for event in ["hook-said", "hook-ended"] {
        let of = |hook: &str| lines.iter().find(|line| line["event"] == event && line["hook"] == hook).unwrap();
        assert_eq!((&of("known")["module"], of("unknown").get("module")), (&MODULE.into(), None), "{lines:#?}");
    }
}

#[test]
fn the_journal_keeps_it_and_the_plan_tells_it() {
    let lab = lab();
    run(&lab, &["run", "p"]);
    let runs: Value = serde_json::from_str(&run(&lab, &["runs", "list", "--json"]).stdout).unwrap();
    let id = runs["runs"][0]["run-id"].as_str().unwrap();
    let shown = run(&lab, &["runs", "show", id]).stdout;
    assert!(shown.contains(&format!("  before      known ({MODULE}): ok (")), "{shown}");
    assert!(shown.contains("  before      unknown: ok ("), "{shown}");
    let report: Value = serde_json::from_str(&run(&lab, &["runs", "show", id, "--json"]).stdout).unwrap();
    assert_eq!(report["run"]["hooks"][0]["module"], MODULE, "{report:#}");

    let shown = run(&lab, &["explain", "p"]).stdout;
    assert!(shown.contains(&format!("\n              {MODULE}\n")), "{shown}");
    let plan: Value = serde_json::from_str(&run(&lab, &["explain", "p", "--json"]).stdout).unwrap();
    assert_eq!((&plan["hooks"][0]["module"], &plan["hooks"][1]["module"]), (&MODULE.into(), &Value::Null), "{plan:#}");
}

#[test]
fn what_a_component_says_is_cleaned_and_half_a_claim_is_none() {
    let lab = lab();
    let made = component(&core_module_saying("no"));
    for (name, version) in [("evil\u{1b}[31m\nname", Some("1.0\r2")), ("name-alone", None)] {
        fs::write(lab.path("stamped.wasm"), stamped(&made, name, version)).unwrap();
        let inspected = run(&lab, &["hook", "inspect", "stamped.wasm"]).stdout;
        let explained = run(&lab, &["explain", "p"]).stdout;
        for shown in [&inspected, &explained] {
            assert!(!shown.contains('\u{1b}') && !shown.contains('\r') && !shown.contains("\nname\n"), "{shown:?}");
        }
        assert!(inspected.contains("name-alone") != version.is_some(), "{inspected}");
        assert!(!explained.contains("name-alone"), "{explained}");
    }
}

#[test]
fn the_sdk_leaves_its_version_by_whatever_cargo_builds() {
    let lab = Lab::new();
    let hook = example("require-path");
    let shown = run(&lab, &["hook", "inspect", hook.to_str().unwrap()]).stdout;
    let version = env!("CARGO_PKG_VERSION");
    assert!(shown.contains(&format!("\nmade with   hookward-sdk {version}\n")), "{shown}");
    assert!(shown.contains("\ncontract    hookward:hook@0.1.0\nruns here   yes\n"), "{shown}");
}

#[test]
fn a_component_that_would_not_run_here_says_why() {
    let lab = Lab::new();
    let wit = "package hookward:hook@9.9.9; interface log { say: func(); } \
               world made { import log; export run: func() -> u32; }";
    let core = r#"(module (import "hookward:hook/log@9.9.9" "say" (func)) (memory (export "memory") 1)
        (func (export "run") (result i32) (call 0) (i32.const 0)))"#;
    fs::write(lab.path("new.wasm"), newer(wit, core)).unwrap();
    let shown = run(&lab, &["hook", "inspect", "new.wasm"]).stdout;
    let says =
        "runs here   no: it was built for hookward:hook@9.9.9 (it imports hookward:hook/log@9.9.9); this host serves";
    assert!(shown.contains(says) && shown.contains("[interface-version]\n"), "{shown}");
    let report: Value = serde_json::from_str(&run(&lab, &["hook", "inspect", "new.wasm", "--json"]).stdout).unwrap();
    assert_eq!((&report["runs-here"], &report["contract"]), (&false.into(), &Value::Null), "{report:#}");
    assert_eq!(report["failure"]["reason"], "interface-version", "{report:#}");
}

/// A component for a world that stands alone.
fn newer(wit: &str, core: &str) -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("new.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wat::parse_str(core).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, wit_component::StringEncoding::UTF8).unwrap();
    wit_component::ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}
