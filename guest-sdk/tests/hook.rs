//! The attribute: what it accepts, and what becomes of an error.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "in helpers of tests")]

use std::error::Error;
use std::fmt;

use hookward_sdk::prelude::*;
use hookward_sdk::testing::{self, Call};

fn told<M>(hook: impl testing::Hook<M>) -> String {
    let report = Call::new(testing::event(EventKind::Before)).run(hook);
    report.error().expect("the hook returns an error").to_owned()
}

#[derive(Debug, thiserror::Error)]
#[error("the config can't be read")]
struct Outer(#[source] Middle);

#[derive(Debug, thiserror::Error)]
#[error("the file is damaged: line 3")]
struct Middle(#[source] Inner);

#[derive(Debug, thiserror::Error)]
#[error("line 3")]
struct Inner(#[source] std::num::ParseIntError);

fn nested() -> Outer {
    Outer(Middle(Inner("x".parse::<u8>().unwrap_err())))
}

const CHAIN: &str = "the config can't be read: the file is damaged: line 3: invalid digit found in string";

struct OnlyDisplay;

impl fmt::Display for OnlyDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only displayed")
    }
}

#[hook]
fn string(event: Event) -> Result<(), String> {
    Err(format!("{} is not for me", event.operation))
}

#[hook]
fn str(_: Event) -> Result<(), &'static str> {
    Err("no")
}

#[hook]
fn std_error(_event: Event) -> Result<(), Outer> {
    Err(nested())
}

#[hook]
fn boxed(_event: &Event) -> Result<(), Box<dyn Error>> {
    Err(nested())?
}

#[hook]
fn boxed_and_shared(_event: &Event) -> Result<(), Box<dyn Error + Send + Sync>> {
    Err(nested())?
}

#[hook]
fn anyhow_error(_event: &Event) -> anyhow::Result<()> {
    Err(anyhow::Error::new(nested()).context("it went wrong"))
}

#[hook]
fn only_display(_event: &Event) -> Result<(), OnlyDisplay> {
    Err(OnlyDisplay)
}

#[hook]
fn opaque(_event: Event) -> Result<(), impl fmt::Display> {
    Err(OnlyDisplay)
}

#[hook]
pub(crate) fn takes_it_apart(Event { sources, tags: _, .. }: Event) -> Result<(), String> {
    // Neither of these names is taken by what the macro writes.
    let event = sources.len();
    let result = event + 1;
    if result == 2 {
        return Err("returned early".to_owned());
    }
    Ok(())
}

mod inside {
    use super::*;

    #[hook]
    pub(super) fn run(event: &hookward_sdk::Event) -> Result<(), std::convert::Infallible> {
        info!(operation = event.operation, "fine");
        Ok(())
    }
}

#[test]
fn every_kind_of_error_is_told_in_full() {
    assert_eq!(told(string), "backup is not for me");
    assert_eq!(told(str), "no");
    assert_eq!(told(std_error), CHAIN);
    assert_eq!(told(boxed), CHAIN);
    assert_eq!(told(boxed_and_shared), CHAIN);
    assert_eq!(told(anyhow_error), format!("it went wrong: {CHAIN}"));
    assert_eq!(told(only_display), "only displayed");
    assert_eq!(told(opaque), "only displayed");
    assert_eq!(told(takes_it_apart), "returned early");
}

#[test]
fn a_function_around_a_hook_is_told_as_the_hook() {
    assert_eq!(told(|event: Event| std_error(event)), CHAIN);
    // The last hook's error is not taken for that of the whole.
    let other = |event: Event| std_error(event).map_err(|_| "something else");
    assert_eq!(told(other), "something else");
}

#[test]
fn a_plain_function_is_told_as_it_displays() {
    assert_eq!(told(|_: &Event| Err::<(), _>(nested())), "the config can't be read");
    assert_eq!(told(|_: Event| Err::<(), _>(anyhow::anyhow!("a").context("b"))), "b: a");
}

#[test]
fn a_hook_stays_an_ordinary_function() {
    let event = testing::event(EventKind::Before).build();
    assert_eq!(string(event.clone()), Err("backup is not for me".to_owned()));
    assert!(inside::run(&event).is_ok());
}

#[test]
fn wrong_hooks_are_refused_where_they_are_wrong() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
