//! Every example of every hook's page: what it grants is enough, none of it is too
//! much, and whoever leaves a part out is told which.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hookward_tests::example;
use hookward_tests::lab::{Finished, Lab};
use hookward_tests::repository::lab;
use serde_json::Value as Json;
use toml::{Table, Value};

mod furniture;
mod table;

use table::TABLE;

/// One hook of an example.
struct Example {
    page: String,
    /// Which it is on its page, from 1.
    number: usize,
    hook: Table,
}

/// All of them, as their pages have them.
fn examples() -> Vec<Example> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hooks-examples");
    let mut pages: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.retain(|page| page.join("README.md").is_file());
    pages.sort();
    pages.iter().flat_map(|page| of_page(page)).collect()
}

fn of_page(folder: &Path) -> Vec<Example> {
    let page = folder.file_name().unwrap().to_str().unwrap();
    let text = fs::read_to_string(folder.join("README.md")).unwrap();
    let tables = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let hooks = tables.flat_map(|table| {
        let table: Table = table.parse().unwrap();
        let profiles: Vec<Value> = table["profile"].as_table().unwrap().values().cloned().collect();
        profiles.into_iter().flat_map(|profile| profile["hook"].as_array().unwrap().clone())
    });
    let numbered = |(n, hook): (usize, Value)| {
        let mut hook = hook.as_table().unwrap().clone();
        // An optional one that is refused is a warning.
        drop(hook.remove("kind"));
        hook.insert("component".to_owned(), example(page).to_str().unwrap().into());
        Example { page: page.to_owned(), number: n + 1, hook }
    };
    hooks.enumerate().map(numbered).collect()
}

impl Example {
    fn title(&self) -> String {
        format!("{} {}", self.page, self.number)
    }

    fn grants(&self) -> Table {
        self.hook.get("grants").map(|grants| grants.as_table().unwrap().clone()).unwrap_or_default()
    }

    /// The same with other grants.
    fn with(&self, grants: Table) -> Self {
        let mut hook = self.hook.clone();
        hook.insert("grants".to_owned(), grants.into());
        Self { page: self.page.clone(), number: self.number, hook }
    }

    /// A lab whose only hook it is.
    fn lab(&self) -> Lab {
        let hooks = Value::Array(vec![self.hook.clone().into()]);
        let in_table = |key: &str, value: Value| Value::Table(Table::from_iter([(key.to_owned(), value)]));
        let config = in_table("profile", in_table("p", in_table("hook", hooks)));
        lab(&[toml::to_string(&config).unwrap()])
    }
}

/// Grants whose imports are refused without them; others let a hook start, and see
/// nothing.
fn is_gated(kind: &str) -> bool {
    !matches!(kind, "dirs" | "env")
}

/// Every single grant: a path to it, as the table writes it.
fn singles(grants: &Table) -> BTreeSet<String> {
    let mut singles = BTreeSet::new();
    for (kind, granted) in grants {
        let parts: Vec<String> = match granted {
            Value::Array(parts) => parts.iter().enumerate().flat_map(|(n, part)| requests(n, part)).collect(),
            Value::Table(parts) => parts.keys().cloned().collect(),
            other => panic!("{other}"),
        };
        // The last of a gated kind: the import itself is refused.
        let is_last = parts.len() < 2 && is_gated(kind);
        singles.extend(parts.into_iter().filter(|_| !is_last).map(|part| format!("{kind}.{part}")));
    }
    singles
}

/// An element of a list, and the single requests that it allows.
fn requests(n: usize, part: &Value) -> Vec<String> {
    let allowed = part.get("allow").and_then(Value::as_array);
    let name = part.as_str().map_or_else(|| n.to_string(), str::to_owned);
    allowed.map_or_else(|| vec![name], |allowed| (0..allowed.len()).map(|m| format!("{n}.allow.{m}")).collect())
}

/// The grants without the one at this path.
fn without(grants: &Table, path: &str) -> Table {
    fn remove(value: &mut Value, path: &str) {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        match (value, rest) {
            (Value::Table(table), Some(rest)) => remove(&mut table[first], rest),
            (Value::Table(table), None) => drop(table.remove(first).unwrap()),
            (Value::Array(list), Some(rest)) => remove(&mut list[first.parse::<usize>().unwrap()], rest),
            (Value::Array(list), None) => {
                let place = list.iter().position(|part| part.as_str() == Some(first));
                list.remove(place.unwrap_or_else(|| first.parse().unwrap()));
            }
            (other, _) => panic!("{other}"),
        }
    }
    let mut value = Value::Table(grants.clone());
    remove(&mut value, path);
    value.as_table().unwrap().clone()
}

#[test]
fn every_page_grants_what_its_hook_asks_for_and_nothing_else() {
    for example in examples() {
        let (title, lab) = (example.title(), example.lab());
        let finished = lab.run(["validate"]);
        assert_eq!(finished.code, 0, "{title}: {finished:?}");
        let finished = lab.run(["explain", "p", "--json"]);
        let plan: Json = serde_json::from_str(&finished.stdout).unwrap();
        let hook = &plan["hooks"][0];
        assert!(hook["failure"].is_null(), "{title}: {hook:#}");
        let asked: BTreeSet<&str> =
            hook["requests"].as_array().unwrap().iter().filter_map(|request| gate(request)).collect();
        let granted = example.grants();
        let granted: BTreeSet<&str> = granted.keys().map(String::as_str).filter(|kind| is_gated(kind)).collect();
        assert_eq!(asked, granted, "{title}: {hook:#}");
    }
}

/// The grant without which an import is refused.
fn gate(request: &Json) -> Option<&str> {
    request["access"]["gated"].as_str()
}

#[test]
fn without_a_kind_of_grants_a_hook_is_refused() {
    for example in examples() {
        let grants = example.grants();
        for kind in grants.keys().filter(|kind| is_gated(kind)) {
            let title = format!("{} without {kind}", example.title());
            let lab = example.with(without(&grants, kind)).lab();
            let finished = lab.run(["validate"]);
            assert_eq!(finished.code, 78, "{title}: {finished:?}");
            let config = fs::read_to_string(lab.path("hookward.toml")).unwrap();
            let line = config.lines().position(|line| line == "[[profile.p.hook]]").unwrap() + 1;
            for part in [&format!("needs the grant `{kind}` [import-not-granted]"), &format!("hookward.toml:{line}:1")]
            {
                assert!(finished.stderr.contains(part), "{title}: no {part:?} in {finished:?}");
            }
        }
    }
}

#[test]
fn the_table_has_every_single_grant_of_every_page() {
    let pages: BTreeSet<_> = examples()
        .iter()
        .flat_map(|example| {
            singles(&example.grants()).into_iter().map(|single| format!("{} {single}", example.title()))
        })
        .collect();
    let table: BTreeSet<_> = TABLE.iter().map(|row| format!("{} {}", row.0, row.1)).collect();
    let missing: Vec<_> = pages.difference(&table).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    // More than that is what narrows a grant: its options.
    for row in table.difference(&pages) {
        assert!(row.contains(".commands") || row.contains(" commands."), "{row} is on no page");
    }
}

#[test]
fn without_a_single_grant_a_hook_says_what_to_grant() {
    let examples = examples();
    let mut problems = Vec::new();
    for &(title, grant, event, says) in TABLE {
        let example = examples.iter().find(|example| example.title() == title).unwrap();
        let finished = call(example, Some(grant), event);
        if finished.code != 1 || !says.iter().all(|part| finished.stderr.contains(part)) {
            problems.push(format!("{title} without {grant}: {}: {}", finished.code, finished.stderr));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Else what fails without a grant could fail with it too.
#[test]
fn with_all_its_grants_a_hook_does_its_work() {
    let examples = examples();
    let calls: BTreeSet<_> = TABLE.iter().map(|&(title, _, event, _)| (title, event)).collect();
    for (title, event) in calls {
        let example = examples.iter().find(|example| example.title() == title).unwrap();
        let finished = call(example, None, event);
        let last = finished.stderr.lines().last().unwrap_or_default();
        assert!(finished.code == 0 && last.starts_with("ok ("), "{title} in {event}: {finished:?}");
    }
}

/// Calls the hook once, without the grant, in a lab where all else is there.
fn call(example: &Example, grant: Option<&str>, event: &str) -> Finished {
    let lab = Lab::new();
    let down = if example.number == 1 { "exited" } else { "paused" };
    let (hook, _server) = furniture::furnish(&lab, &example.hook, down, event == "before");
    let write = |name: &str, table: Table| {
        let file = lab.path(name);
        fs::write(&file, table.to_string()).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let part = |name: &str| hook.get(name).and_then(Value::as_table).cloned().unwrap_or_default();
    let granted = grant.map_or_else(|| part("grants"), |grant| without(&part("grants"), grant));
    let (grants, config) = (write("grants.toml", granted), write("config.toml", part("config")));
    let (component, source) = (hook["component"].as_str().unwrap(), lab.path("srv"));
    let call = ["hook", "call", component, "--event", event, "--grants", &grants, "--config-file", &config];
    lab.run([&call[..], &["--profile", "db", "--source", source.to_str().unwrap(), "--quiet"]].concat())
}
