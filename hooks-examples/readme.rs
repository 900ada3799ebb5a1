//! Shared by the tests of the examples: what their pages tell people to write.

use serde_json::Value;

/// Every hook in the TOML examples of a page.
pub(crate) fn hooks(page: &str) -> Vec<Value> {
    let examples = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let hooks: Vec<Value> = examples
        .flat_map(|example| {
            let example: Value = toml::from_str(example).expect("the example is TOML");
            let profiles = example["profile"].as_object().expect("the example has a profile").clone();
            profiles.into_iter().flat_map(|(_, profile)| profile["hook"].as_array().expect("it has hooks").clone())
        })
        .collect();
    assert!(!hooks.is_empty());
    hooks
}
