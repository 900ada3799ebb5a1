//! Settings: from the host's encoding to a type, and the errors on the way.
#![expect(clippy::expect_used, reason = "in helpers of tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use hookward_sdk::prelude::*;
use hookward_sdk::testing::{self, Call};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn read<T: DeserializeOwned>(table: Value) -> Result<T, ConfigError> {
    let mut read = None;
    let report = Call::new(testing::event(EventKind::Before)).config(table).run(|_: &Event| {
        read = Some(config());
        Ok::<(), String>(())
    });
    assert!(report.is_ok());
    read.expect("the hook was called")
}

fn problem<T: DeserializeOwned>(table: Value) -> String {
    read::<T>(table).err().expect("the config is wrong").to_string()
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
struct Config {
    text: String,
    maybe_text: Option<String>,
    letter: Option<char>,
    number: u16,
    negative: Option<i64>,
    share: f32,
    flag: bool,
    list: Vec<String>,
    pair: Option<(u8, String)>,
    table: BTreeMap<String, u8>,
    nested: Vec<Nested>,
    id: Option<Id>,
    mode: Option<Mode>,
    #[serde(with = "humantime_serde")]
    max_age: Option<Duration>,
    #[serde(rename = "other-name")]
    renamed: u8,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Id(String);

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nested {
    from: String,
    count: u8,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    VeryStrict,
    Number(u8),
    At { hour: u8 },
}

#[test]
fn every_kind_of_field_is_read() {
    let config: Config = read(json!({
        "text": "5", "maybe-text": "true", "letter": "7", "number": 5, "negative": -7,
        "share": 0.5, "flag": true, "list": ["a", "5"], "pair": [1, "x"], "table": {"k": 3},
        "nested": [{"from": "a", "count": 1}], "id": "[x]", "mode": "very-strict",
        "max-age": "25h", "other-name": 9,
    }))
    .unwrap();
    assert_eq!(
        config,
        Config {
            text: "5".into(),
            maybe_text: Some("true".into()),
            letter: Some('7'),
            number: 5,
            negative: Some(-7),
            share: 0.5,
            flag: true,
            list: vec!["a".into(), "5".into()],
            pair: Some((1, "x".into())),
            table: BTreeMap::from([("k".into(), 3)]),
            nested: vec![Nested { from: "a".into(), count: 1 }],
            id: Some(Id("[x]".into())),
            mode: Some(Mode::VeryStrict),
            max_age: Some(Duration::from_secs(25 * 3600)),
            renamed: 9,
        }
    );
}

#[test]
fn what_is_not_there_takes_its_default() {
    assert_eq!(read::<Config>(json!({})).unwrap(), Config::default());
    assert_eq!(read::<Config>(json!({"maybe-text": null})).unwrap(), Config::default());
}

#[test]
fn variants_with_content_are_tables() {
    let mode = |mode: Value| read::<Config>(json!({ "mode": mode })).unwrap().mode;
    assert_eq!(mode(json!({"number": 4})), Some(Mode::Number(4)));
    assert_eq!(mode(json!({"at": {"hour": 3}})), Some(Mode::At { hour: 3 }));
}

#[test]
fn strings_are_the_text_as_written() {
    for text in ["", "null", "true", "12", "\"quoted\"", "[1]", "{\"a\":1}", "a\nb", "ü"] {
        let config: Config = read(json!({ "text": text })).unwrap();
        assert_eq!(config.text, text);
        let any: BTreeMap<String, String> = read(json!({ "k": text })).unwrap();
        assert_eq!(any["k"], text);
    }
}

#[test]
fn a_type_that_takes_anything_gets_json_or_text() {
    let table = json!({"a": 1, "b": "text", "c": [1, "x"], "d": {"k": true}, "e": "null", "f": "\"q\""});
    assert_eq!(read::<Value>(table.clone()).unwrap(), table);

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    let read = |value: Value| read::<BTreeMap<String, OneOrMore>>(json!({ "k": value })).unwrap();
    assert_eq!(read(json!("/a"))["k"], OneOrMore::One("/a".into()));
    assert_eq!(read(json!(["/a"]))["k"], OneOrMore::More(vec!["/a".into()]));
}

#[test]
fn flattened_and_tagged_types_are_read() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Flat {
        name: String,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }
    let flat: Flat = read(json!({"name": "n", "x": 1})).unwrap();
    assert_eq!(flat.rest, BTreeMap::from([("x".into(), json!(1))]));

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "kind", rename_all = "kebab-case")]
    enum Target {
        File { path: String },
    }
    let target: Target = read(json!({"kind": "file", "path": "/a"})).unwrap();
    assert_eq!(target, Target::File { path: "/a".into() });
}

#[test]
fn wholes_may_be_optional_or_wrapped() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(Inner);
    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        a: u8,
    }
    assert_eq!(read::<Wrapped>(json!({"a": 1})).unwrap(), Wrapped(Inner { a: 1 }));
    assert_eq!(read::<Option<Inner>>(json!({"a": 1})).unwrap(), Some(Inner { a: 1 }));
    assert_eq!(read::<Option<Inner>>(json!({})).unwrap(), None);
}

#[test]
fn errors_name_the_key() {
    let wrong = |table: Value| problem::<Config>(table);
    assert_eq!(wrong(json!({"number": "many"})), "config key `number`: invalid type: string \"many\", expected u16");
    assert_eq!(wrong(json!({"number": 70000})), "config key `number`: invalid value: integer `70000`, expected u16");
    assert_eq!(wrong(json!({"flag": "yes"})), "config key `flag`: invalid type: string \"yes\", expected a boolean");
    assert_eq!(wrong(json!({"list": "a"})), "config key `list`: invalid type: string \"a\", expected a sequence");
    assert_eq!(
        wrong(json!({"mode": "lax"})),
        "config key `mode`: unknown variant `lax`, expected one of `very-strict`, `number`, `at`"
    );
    let age = wrong(json!({"max-age": "soon"}));
    assert!(age.starts_with("config key `max-age`: "), "{age}");
}

#[test]
fn errors_inside_a_value_name_the_way_to_it() {
    let wrong = |nested: Value| problem::<Config>(json!({ "nested": nested }));
    assert_eq!(
        wrong(json!([{"from": "a", "count": 1}, {"from": "b", "count": "x"}])),
        "config key `nested[1].count`: invalid type: string \"x\", expected u8"
    );
    assert_eq!(wrong(json!([{"count": 1}])), "config key `nested[0]`: missing field `from`");
    assert_eq!(
        wrong(json!([{"from": "a", "count": 1, "to": "b"}])),
        "config key `nested[0].to`: unknown field `to`, expected `from` or `count`"
    );
}

#[test]
fn missing_and_unknown_keys_are_told() {
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Small {
        max_age: u8,
        path: Option<String>,
    }
    let error = read::<Small>(json!({"path": "/a"})).unwrap_err();
    assert_eq!(error.to_string(), "config key `max-age` is missing");
    assert_eq!(error.key(), Some("max-age"));
    let error = read::<Small>(json!({"max-agee": 3})).unwrap_err();
    assert_eq!(error.to_string(), "config key `max-agee` is not known, the known ones are `max-age`, `path`");
    assert_eq!(error.key(), Some("max-agee"));

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    assert_eq!(problem::<Nothing>(json!({"a": 1})), "config key `a` is not known: this hook takes no config");
}

#[test]
fn what_is_not_a_table_is_told_to_the_author_of_the_test() {
    assert_eq!(
        problem::<Config>(json!([1])),
        "the hook's config can't be read: the test gave `[1]` to `config`, which wants a table"
    );
}
