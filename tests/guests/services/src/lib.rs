//! A hook that asks the host for secrets, state, commands and changes of the plan. The
//! folders beside this crate have the same in the other languages, each written with its
//! helpers.

use hookward_sdk::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What to ask for.
    ask: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: String,
}

type Asked = Result<(), Box<dyn std::error::Error>>;

/// Asks for it.
#[hook]
pub fn run(_: Event) -> Asked {
    let Config { ask, name, value } = config()?;
    match ask.as_str() {
        "secret" => {
            let secret = secret(&name)?;
            info!(length = secret.expose().len(), "read");
            Ok(())
        }
        "state" => remember(&name),
        "no-key" => Ok(state::set("", "x")?),
        "command" => {
            let output = command(name).arg("what", &value).env("GREETING", "hello").stdin("from stdin").run_ok()?;
            info!(said = output.stdout_text(), "ran");
            Ok(())
        }
        "any-end" => {
            let output = command(name).arg("what", &value).env("GREETING", "hello").stdin("from stdin").run()?;
            info!(success = output.success(), said = output.stderr_text(), "ended");
            Ok(())
        }
        "plan" => {
            plan::add_sources([&value])?;
            plan::add_tags(["frozen", "größe"])?;
            plan::add_excludes(["*.tmp"])?;
            Ok(plan::set_env("RESTIC_COMPRESSION", "max")?)
        }
        "sources" => Ok(plan::set_sources([&value])?),
        other => Err(format!("nothing is called {other}").into()),
    }
}

fn remember(name: &str) -> Asked {
    let runs = state::get::<u64>("runs")?.unwrap_or(0) + 1;
    let last = state::get::<String>("last")?.unwrap_or_else(|| "nobody".to_owned());
    state::set("runs", &runs)?;
    state::set("last", name)?;
    state::set_bytes("gone", b"not JSON")?;
    let kept = state::get_bytes("gone")?.is_some();
    state::delete("gone")?;
    let gone = state::get_bytes("gone")?.is_none();
    info!(runs = runs, last = last, keys = state::keys()?.join(" "), gone = kept && gone, "kept");
    Ok(())
}
