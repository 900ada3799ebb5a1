//! A hook that asks the host itself for changes of the backup, those that an honest
//! binding would refuse as well.

mod bindings {
    #![allow(clippy::all, clippy::restriction, missing_docs, unreachable_pub, unsafe_code, reason = "generated")]

    wit_bindgen::generate!({
        inline: "
            package hookward:plan-guest;

            world guest {
                import hookward:hook/plan@0.1.0;
            }
        ",
        path: "../../../wit/0.1.0",
        generate_all,
    });
}

use bindings::hookward::hook::plan;
use hookward_sdk::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Config {
    /// What to ask for, in this order. `{attempt}` in a text becomes the attempt's number.
    changes: Vec<Change>,
    /// Go on after an error of the host's; else it becomes the hook's own.
    #[serde(default)]
    go_on: bool,
    /// Attempts that fail after all changes.
    #[serde(default)]
    fail_attempts: u32,
    /// Ask in the end for the run to be skipped.
    #[serde(default)]
    skip: bool,
    /// Compute without end after all changes.
    #[serde(default)]
    spin: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Change {
    SetSources(Vec<String>),
    AddSources(Vec<String>),
    AddTags(Vec<String>),
    AddExcludes(Vec<String>),
    /// A name and a value.
    SetEnv(String, String),
    /// As many tags, of as many bytes each.
    ManyTags(usize, usize),
}

impl Change {
    fn ask(&self, attempt: u32) -> Result<(), plan::Error> {
        let attempt = attempt.to_string();
        let text = |text: &String| text.replace("{attempt}", &attempt);
        let list = |list: &[String]| list.iter().map(text).collect::<Vec<_>>();
        match self {
            Self::SetSources(sources) => plan::set_sources(&list(sources)),
            Self::AddSources(sources) => plan::add_sources(&list(sources)),
            Self::AddTags(tags) => plan::add_tags(&list(tags)),
            Self::AddExcludes(patterns) => plan::add_excludes(&list(patterns)),
            Self::SetEnv(name, value) => plan::set_env(name, &text(value)),
            Self::ManyTags(count, length) => {
                let tags: Vec<_> = (0..*count).map(|number| format!("{number:0length$}")).collect();
                plan::add_tags(&tags)
            }
        }
    }
}

/// Asks for the changes, and fails if told to.
#[hook]
pub fn run(event: &Event) -> Result<(), Box<dyn std::error::Error>> {
    let config: Config = config()?;
    for change in &config.changes {
        let Err(error) = change.ask(event.attempt) else { continue };
        let (name, message) = match error {
            plan::Error::NotGranted(message) => ("not-granted", message),
            plan::Error::NotNow(message) => ("not-now", message),
            plan::Error::Invalid(message) => ("invalid", message),
        };
        let error = format!("{name}: {message}");
        if !config.go_on {
            return Err(error.into());
        }
        info!("{error}");
    }
    if config.skip {
        control::skip("nothing new");
    }
    if config.spin {
        loop {
            std::hint::black_box(());
        }
    }
    if event.attempt <= config.fail_attempts {
        return Err("told to fail".into());
    }
    Ok(())
}
