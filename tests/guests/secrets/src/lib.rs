//! A hook for tests of the host: gets a secret, and tries to show it to everybody.
//!
//! What `get` returns instead of a secret is the hook's error.

#![allow(clippy::panic, clippy::string_slice, reason = "part of the tests")]

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hookward_sdk::__private::hookward::hook::log::{self, Field};
use hookward_sdk::Level;
use hookward_sdk::prelude::*;
use serde::Deserialize;

use self::host::hookward::hook::secrets;

mod host {
    #![allow(missing_docs, reason = "generated")]

    wit_bindgen::generate!({
        path: "../../../wit/0.1.0",
        inline: "package test:secrets; world imports { import hookward:hook/secrets@0.1.0; }",
        world: "test:secrets/imports",
        generate_all,
    });
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Config {
    /// The secret's name.
    name: String,
    /// What is made of its value: a form of [`form`].
    #[serde(default)]
    form: String,
    /// Where it is shown: a place of [`show`].
    #[serde(default)]
    place: String,
    /// Text before it.
    #[serde(default)]
    before: String,
    /// The value that must come: a hook that gets another fails.
    expect: Option<String>,
    /// How often it is asked for.
    #[serde(default)]
    times: u32,
}

/// Gets the secret, and shows it.
#[hook]
pub fn run(_: Event) -> Result<(), String> {
    let config: Config = config().map_err(|error| error.to_string())?;
    let get = || {
        secrets::get(&config.name).map_err(|error| match error {
            secrets::Error::Unknown(message) => format!("unknown: {message}"),
            secrets::Error::Unavailable(message) => format!("unavailable: {message}"),
        })
    };
    let value = get()?;
    for _ in 1..config.times {
        if get()? != value {
            return Err("it has changed".to_owned());
        }
    }
    if config.expect.as_ref().is_some_and(|expected| *expected != value) {
        return Err(format!("got {} bytes that were not expected", value.len()));
    }
    show(&config.place, &format!("{}{}", config.before, form(&config.form, &value)))
}

/// The secret in other words. `aligned` forms have one or two bytes before it.
fn form(form: &str, value: &str) -> String {
    let hex_digits = |prefix: &str| value.bytes().map(|byte| format!("{prefix}{byte:02x}")).collect::<String>();
    match form {
        "" | "raw" => value.to_owned(),
        "head" => value[..value.len() / 2].to_owned(),
        "tail" => value[value.len() / 2..].to_owned(),
        "base64" => STANDARD.encode(value),
        "base64-aligned-1" => STANDARD.encode(format!("x{value}y")),
        "base64-aligned-2" => STANDARD.encode(format!("xx{value}yy")),
        "base64-url" => URL_SAFE_NO_PAD.encode(value),
        "hex" => hex::encode(value),
        "hex-upper" => hex::encode_upper(value),
        "percent" => hex_digits("%"),
        "percent-upper" => hex_digits("%").to_uppercase(),
        "json" => value.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect(),
        "debug" => format!("{value:?}"),
        "escapes" => value.chars().map(|c| format!("{c}\x1b[0m")).collect(),
        "controls" => value.chars().map(|c| format!("{c}\u{7}")).collect(),
        "carriage-return" => format!("{}\r{value}", "x".repeat(value.len())),
        other => panic!("no form {other}"),
    }
}

fn show(place: &str, text: &str) -> Result<(), String> {
    let field = |key: &str, value: &str| Field { key: key.to_owned(), value: value.to_owned() };
    match place {
        "" => {}
        "stdout" => println!("{text}"),
        "stderr" => eprintln!("{text}"),
        "two-writes" => {
            let (head, tail) = text.split_at(text.len() / 2);
            let mut stdout = std::io::stdout();
            for part in [head, tail] {
                stdout.write_all(part.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| error.to_string())?;
            }
        }
        "byte-by-byte" => {
            let mut stderr = std::io::stderr();
            for byte in text.as_bytes() {
                stderr.write_all(&[*byte]).map_err(|error| error.to_string())?;
            }
        }
        "log" => log::write(Level::Info, text, &[]),
        "field" => log::write(Level::Info, "look", &[field("key", text)]),
        "field-key" => log::write(Level::Info, "look", &[field(text, "value")]),
        "warning" => control::warn(text),
        "skip" => control::skip(text),
        "error" => return Err(text.to_owned()),
        "panic" => panic!("{text}"),
        "last-words" => {
            eprintln!("{text}");
            std::process::abort();
        }
        other => panic!("no place {other}"),
    }
    Ok(())
}
