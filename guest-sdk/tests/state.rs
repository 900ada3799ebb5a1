//! State: typed, raw, and what a call leaves.

use hookward_sdk::prelude::*;
use hookward_sdk::testing::{self, Call};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Last {
    run: String,
    count: u32,
}

fn before() -> Call {
    Call::new(testing::event(EventKind::Before))
}

fn count(event: &Event) -> Result<(), StateError> {
    let last: Option<Last> = state::get("last")?;
    let count = last.map_or(0, |last| last.count) + 1;
    state::set("last", &Last { run: event.run_id.clone(), count })
}

#[test]
fn a_value_is_kept_from_call_to_call() {
    let first = before().run(count);
    let last: Last = first.stored("last").unwrap().unwrap();
    assert_eq!(last.count, 1);
    let second = before().state("last", &last).run(count);
    assert_eq!(second.stored::<Last>("last").unwrap().unwrap().count, 2);
    assert_eq!(second.stored::<Last>("other"), Ok(None));
}

#[test]
fn bytes_keys_and_deletion() {
    let report = before().state("old", "text").run(|_: &Event| {
        assert_eq!(state::get_bytes("old")?.as_deref(), Some(b"\"text\"".as_slice()));
        state::set_bytes("raw", &[0, 255])?;
        state::set("a", "unsized")?;
        assert_eq!(state::keys()?, ["a", "old", "raw"]);
        state::delete("old")?;
        state::delete("never there")?;
        assert_eq!(state::get::<String>("old")?, None);
        Ok::<(), StateError>(())
    });
    assert_eq!(report.result, Ok(()));
    assert_eq!(report.state.keys().collect::<Vec<_>>(), ["a", "raw"]);
    assert_eq!(report.state["raw"], [0, 255]);
}

#[test]
fn a_value_of_another_type_is_an_error_with_its_key() {
    let report = before().state("last", &[1, 2]).run(|_: &Event| state::get::<String>("last").map(drop));
    let error = report.error().unwrap();
    assert!(error.starts_with("state `last`: invalid type: sequence, expected a string"), "{error}");
    assert!(report.stored::<String>("last").is_err());
}

#[test]
fn without_a_call_there_is_no_host() {
    assert!(state::keys().unwrap_err().to_string().starts_with("state: there is no host here"));
}
