//! From text to [`schema::File`], and serde's words to ours.

use std::sync::Arc;

use serde::Deserialize as _;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use super::diagnostic::{Diagnostic, Place, Source, suggest};
use super::{VERSION, schema};

/// Reads one file, up to its first error.
pub(super) fn parse(source: &Arc<Source>) -> Result<schema::File, Diagnostic> {
    let table = DeTable::parse(&source.text).map_err(|error| syntax_error(source, &error))?;
    version(source, table.get_ref())?;
    schema::File::deserialize(Deserializer::from(table)).map_err(|error| schema_error(source, &error))
}

/// Reads a `grants` table that stands alone, up to its first error.
pub(super) fn grants(source: &Arc<Source>) -> Result<schema::Grants, Diagnostic> {
    let table = DeTable::parse(&source.text).map_err(|error| syntax_error(source, &error))?;
    schema::Grants::deserialize(Deserializer::from(table)).map_err(|error| schema_error(source, &error))
}

/// Reads the `grants` table of a text that holds more, up to its first error.
pub(super) fn grants_within(source: &Arc<Source>) -> Result<schema::Grants, Diagnostic> {
    #[derive(serde::Deserialize)]
    struct Within {
        #[serde(default)]
        grants: schema::Grants,
    }

    let table = DeTable::parse(&source.text).map_err(|error| syntax_error(source, &error))?;
    let within = Within::deserialize(Deserializer::from(table)).map_err(|error| schema_error(source, &error))?;
    Ok(within.grants)
}

/// Comes first: the keys of another version are not misspelled ones of this.
fn version(source: &Arc<Source>, table: &DeTable<'_>) -> Result<(), Diagnostic> {
    let Some(version) = table.get("version") else {
        return Err(Diagnostic::at(
            Place::new(source, 0..0),
            "`version` is missing",
            format!("add `version = {VERSION}` as the first line"),
        ));
    };
    match version.get_ref() {
        DeValue::Integer(number) if number.as_str().parse() != Ok(VERSION) => Err(Diagnostic::at(
            Place::new(source, version.span()),
            format!("version {} of the format is not known", number.as_str()),
            format!("this version of hookward reads `version = {VERSION}`"),
        )),
        _ => Ok(()),
    }
}

fn place(source: &Arc<Source>, error: &Error) -> Place {
    let end = source.text.len();
    Place::new(source, error.span().unwrap_or(end..end))
}

fn syntax_error(source: &Arc<Source>, error: &Error) -> Diagnostic {
    let message = error.message();
    let help = if message.contains("duplicate key") {
        "keep one of the two; a table of the same name is written once"
    } else {
        "correct the TOML here; texts stand in quotes, a table's name in brackets"
    };
    Diagnostic::at(place(source, error), format!("invalid TOML: {message}"), help)
}

fn schema_error(source: &Arc<Source>, error: &Error) -> Diagnostic {
    let message = error.message();
    let place = place(source, error);
    if let Some((name, known)) = unknown_field(message) {
        let help = suggest(name, "keys", known);
        return Diagnostic::at(place, format!("unknown key `{name}`"), help);
    }
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return Diagnostic::at(place, format!("`{name}` is missing"), format!("add `{name} = {}`", example(name)));
    }
    let mismatch = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    // From the right: what was found is quoted from the file.
    if let Some((found, expected)) = mismatch.and_then(|rest| rest.rsplit_once(", expected ")) {
        let (expected, help) = in_words(found, expected);
        let message = format!("expected {expected}, found {}", found_in_words(found));
        return Diagnostic::at(place, message, help);
    }
    Diagnostic::at(place, message, "see `hookward schema` for the form of this value")
}

/// Takes serde's message apart: the unknown name and the known ones.
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let (name, known) = message.strip_prefix("unknown field `")?.rsplit_once("`, expected ")?;
    Some((name, known.split('`').skip(1).step_by(2).collect()))
}

/// A value for a key that has to be there.
fn example(name: &str) -> &'static str {
    match name {
        "url" => "\"sftp:user@host:/srv/restic\"",
        "component" => "\"my-hook.wasm\"",
        "on" => "[\"before\", \"finally\"]",
        "attempts" => "3",
        "argv" => "[\"systemctl\", \"stop\", \"app.service\"]",
        "host" => "\"/srv/data\"",
        _ => "\"...\"",
    }
}

/// serde's name of an expected type in words of TOML, and what to do.
fn in_words(found: &str, expected: &str) -> (String, &'static str) {
    let (expected, help) = match expected {
        "a string" => ("a string", "write a text in quotes"),
        "a boolean" => ("a boolean", "write `true` or `false`, without quotes"),
        "a size" => ("a size", "write a number of bytes, or a size such as \"64MiB\""),
        "a sequence" if found == "map" => {
            ("an array", "write the header of a list of tables in two brackets, such as `[[hook]]`")
        }
        "a sequence" => ("an array", "write a list in brackets, such as `[\"a\", \"b\"]`"),
        "u8" => ("a whole number from 0 to 255", "write a smaller number, without quotes"),
        "u32" => ("a whole number from 0 to 4294967295", "write such a number, without quotes"),
        "u64" | "usize" | "i64" => ("a whole number, 0 or more", "write such a number, without quotes"),
        table if table == "a map" || table.starts_with("struct ") => {
            ("a table", "write a table, such as `{ key = \"value\" }`")
        }
        other => return (other.to_owned(), "see `hookward schema` for the form of this value"),
    };
    (expected.to_owned(), help)
}

fn found_in_words(found: &str) -> String {
    match found {
        "sequence" => "an array".to_owned(),
        "map" => "a table".to_owned(),
        other => other.replacen("floating point", "number", 1),
    }
}
