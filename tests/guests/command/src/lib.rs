//! A hook for tests of commands: runs what its settings say, with no regard to what
//! is granted, and logs what came of each run as JSON.

use hookward_sdk::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use self::bindings::hookward::hook::command::{self, Entry, Error, Exit, Invocation, Output};

mod bindings {
    #![allow(missing_docs, unreachable_pub, reason = "generated; the docs stand in wit/")]

    wit_bindgen::generate!({
        path: "../../../wit/0.1.0",
        inline: "package test:command; world commands { import hookward:hook/command@0.1.0; }",
        world: "test:command/commands",
        generate_all,
    });
}

/// What to do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    calls: Vec<Call>,
}

/// One command.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    command: String,
    /// Places and their values, in this order, twice if they are.
    #[serde(default)]
    args: Vec<(String, String)>,
    #[serde(default)]
    env: Vec<(String, String)>,
    stdin: Option<String>,
    #[serde(default = "once")]
    times: u32,
    /// Whether only the lengths of the output are logged.
    #[serde(default)]
    brief: bool,
}

fn once() -> u32 {
    1
}

/// Runs the commands.
#[hook]
pub fn run(_: Event) -> Result<(), String> {
    let Config { calls } = config().map_err(|error| error.to_string())?;
    for call in &calls {
        for _ in 0..call.times {
            let result = command::run(&invocation(call));
            info!("{}", told(result, call.brief));
        }
    }
    Ok(())
}

fn invocation(call: &Call) -> Invocation {
    let entries = |list: &[(String, String)]| {
        list.iter().map(|(name, value)| Entry { name: name.clone(), value: value.clone() }).collect()
    };
    Invocation {
        command: call.command.clone(),
        arguments: entries(&call.args),
        environment: entries(&call.env),
        stdin: call.stdin.as_ref().map(|text| text.clone().into_bytes()),
    }
}

fn told(result: Result<Output, Error>, brief: bool) -> Value {
    match result {
        Ok(output) => {
            let text = |bytes: &[u8]| match brief {
                true => json!(bytes.len()),
                false => json!(String::from_utf8_lossy(bytes)),
            };
            let (how, number) = match output.exit {
                Exit::Code(code) => ("code", code),
                Exit::Signal(signal) => ("signal", signal),
            };
            json!({
                how: number,
                "stdout": text(&output.stdout),
                "stdout-truncated": output.stdout_truncated,
                "stderr": text(&output.stderr),
                "stderr-truncated": output.stderr_truncated,
            })
        }
        Err(Error::Unknown(message)) => json!({ "unknown": message }),
        Err(Error::Refused(message)) => json!({ "refused": message }),
        Err(Error::NotStarted(message)) => json!({ "not-started": message }),
        Err(Error::TimedOut(message)) => json!({ "timed-out": message }),
    }
}
