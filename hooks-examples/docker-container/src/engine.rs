//! The engine, by its API.

use std::thread;
use std::time::{Duration, Instant};

use hookward_sdk::http::{self, Response};
use serde::Deserialize;
use serde_json::json;

use crate::config::{Config, is_name};
use crate::container::{Container, Progress};

/// Time between two looks at a container.
pub(crate) const PAUSE: Duration = Duration::from_millis(250);

/// What the engine may take for an answer, besides the time that a container has to
/// stop.
const ANSWER: Duration = Duration::from_secs(30);

/// The containers by name: those of the settings, then those that have the label.
pub(crate) fn names(config: &Config) -> Result<Vec<String>, String> {
    let mut names = config.containers.clone();
    if let Some(label) = &config.label {
        let mut labelled = labelled(config, label)?;
        labelled.sort_unstable();
        labelled.retain(|name| !names.contains(name));
        names.extend(labelled);
    }
    Ok(names)
}

fn labelled(config: &Config, label: &str) -> Result<Vec<String>, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Listed {
        names: Vec<String>,
    }

    let filters = json!({ "label": [label] }).to_string();
    let listed: Vec<Listed> = request(config, "GET", "json", &[("all", "true"), ("filters", &filters)])
        .and_then(|response| response.json().map_err(|error| error.to_string()))
        .map_err(|error| format!("the containers with the label `{label}` can't be listed: {error}"))?;
    // Names through links of other containers have a slash inside.
    let name = |listed: Listed| {
        listed.names.into_iter().find_map(|name| name.strip_prefix('/').filter(|name| is_name(name)).map(str::to_owned))
    };
    Ok(listed.into_iter().filter_map(name).collect())
}

/// Looks at a container.
pub(crate) fn inspect(config: &Config, name: &str) -> Result<Container, String> {
    request(config, "GET", &format!("{name}/json"), &[])
        .and_then(|response| response.json().map_err(|error| error.to_string()))
        .map_err(|error| format!("{name} can't be looked at: {error}"))
}

/// Takes a container down and waits until it is.
pub(crate) fn down(config: &Config, name: &str) -> Result<(), String> {
    change(config, name, config.action.down(), |container| container.going_down(config.action))
        .map_err(|why| format!("{name} did not go down: {why}"))
}

/// Brings a container back and waits until it is up.
pub(crate) fn up(config: &Config, name: &str) -> Result<(), String> {
    change(config, name, config.action.up(), Container::coming_up)
        .map_err(|why| format!("{name} did not come up: {why}"))
}

/// Asks for a change, and looks until it is made. What the container then is counts
/// for more than what the engine says.
fn change(config: &Config, name: &str, verb: &str, progress: impl Fn(&Container) -> Progress) -> Result<(), String> {
    let seconds = config.timeout.as_secs().to_string();
    let query: &[(&str, &str)] = if verb == "stop" { &[("t", &seconds)] } else { &[] };
    let asked = request(config, "POST", &format!("{name}/{verb}"), query);
    let begin = Instant::now();
    loop {
        let container = inspect(config, name)?;
        let progress = progress(&container);
        match (&asked, progress) {
            (_, Progress::Done) => return Ok(()),
            (Err(error), _) => return Err(format!("it is {container}: {error}")),
            (Ok(_), Progress::Stuck) => return Err(format!("it is {container}")),
            (Ok(_), Progress::OnItsWay) => {}
        }
        let left = config.wait.saturating_sub(begin.elapsed());
        if left.is_zero() {
            let wait = humantime::format_duration(config.wait);
            return Err(format!("after {wait} (`wait`) it is still {container}"));
        }
        thread::sleep(left.min(PAUSE));
    }
}

fn request(config: &Config, method: &str, path: &str, query: &[(&str, &str)]) -> Result<Response, String> {
    let url = format!("{}/{}/containers/{path}", config.url.trim_end_matches('/'), config.api);
    let response = http::request(method, url)
        .query(query)
        .timeout(config.timeout + ANSWER)
        .send()
        .map_err(|error| error.to_string())?;
    // 304: it was so already.
    if response.is_success() || response.status() == 304 { Ok(response) } else { Err(refusal(&response)) }
}

/// The engine's own words, where it has some.
fn refusal(response: &Response) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }

    let status = response.status();
    match response.json::<Refusal>() {
        Ok(Refusal { message }) => format!("the engine answers {status}: {}", message.trim_end()),
        Err(_) => format!("the engine answers {status}"),
    }
}
