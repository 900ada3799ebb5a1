//! Shared by the tests of the examples: whether what a hook asks for is within the
//! grants that its page shows.

use std::collections::BTreeSet;

use hookward_sdk::testing::Invocation;
use regex::Regex;
use serde_json::Value;

/// The names of a hook's granted commands.
pub(crate) fn commands(hook: &Value) -> Vec<String> {
    let commands = hook["grants"]["commands"].as_object().expect("the hook is granted commands");
    commands.keys().cloned().collect()
}

/// Holds a call to the grant of its command, as the host does.
pub(crate) fn check(hook: &Value, call: &Invocation) {
    let grant = &hook["grants"]["commands"][&call.command];
    assert!(grant.is_object(), "command `{}` is not granted: {hook}", call.command);
    let place = Regex::new(r"\{([a-z-]+)\}").expect("the pattern is one");
    let argv = grant["argv"].to_string();
    let places: BTreeSet<&str> = place.captures_iter(&argv).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    let given: BTreeSet<&str> = call.arguments.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(places, given, "the open places of `{}`", call.command);
    for (name, value) in &call.arguments {
        let pattern = grant["args"][name].as_str().expect("every place has a pattern");
        let whole = Regex::new(&format!("^(?:{pattern})$")).expect("the pattern is one");
        assert!(whole.is_match(value), "`{value}` for `{name}` of `{}`", call.command);
        assert!(!value.starts_with('-'), "`{value}` would be an option");
    }
    for (name, _) in &call.environment {
        let names = grant["hook-env"].as_array().expect("the hook may set variables");
        assert!(names.iter().any(|granted| granted == name), "`{name}` is not in `hook-env`");
    }
    assert!(call.stdin.is_none() || grant["stdin"] == true, "stdin is not granted");
}
