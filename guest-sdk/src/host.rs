//! The door to the host: the imports in WebAssembly, the recorder of
//! [`testing`](crate::testing) everywhere else.

#[cfg(target_family = "wasm")]
pub(crate) use component::*;
#[cfg(not(target_family = "wasm"))]
pub use native::*;

#[cfg(target_family = "wasm")]
mod component {
    use crate::Level;
    use crate::bindings::hookward::hook::log::Field;
    use crate::bindings::hookward::hook::{control, log};
    use crate::bindings::wasi::config::store;

    pub(crate) fn log(level: Level, message: &str, fields: &[(&str, String)]) {
        let fields: Vec<Field> =
            fields.iter().map(|(key, value)| Field { key: (*key).to_owned(), value: value.clone() }).collect();
        log::write(level, message, &fields);
    }

    pub(crate) fn skip(reason: &str) {
        control::skip(reason);
    }

    pub(crate) fn warn(message: &str) {
        control::warn(message);
    }

    pub(crate) fn config_entries() -> Result<Vec<(String, String)>, String> {
        store::get_all().map_err(|error| match error {
            store::Error::Upstream(message) | store::Error::Io(message) => message,
        })
    }
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use crate::Level;
    use crate::testing::{Log, recorder};

    pub(crate) fn log(level: Level, message: &str, fields: &[(&str, String)]) {
        let log = Log::new(level, message, fields);
        if let Err(log) = recorder::with(log, |recorder, log| recorder.logs.push(log)) {
            eprintln!("{log}");
        }
    }

    pub(crate) fn skip(reason: &str) {
        let heard = recorder::with(reason, |recorder, reason| {
            // The first reason is why; a later one finds the run skipped already.
            recorder.skip.get_or_insert_with(|| reason.to_owned());
        });
        if heard.is_err() {
            eprintln!("skip (outside of a `testing::Call`, so nobody hears it): {reason}");
        }
    }

    pub(crate) fn warn(message: &str) {
        let heard = recorder::with(message, |recorder, message| {
            recorder.warnings.push(message.to_owned());
        });
        if heard.is_err() {
            eprintln!("warning (outside of a `testing::Call`, so nobody hears it): {message}");
        }
    }

    pub(crate) fn config_entries() -> Result<Vec<(String, String)>, String> {
        recorder::with((), |recorder, ()| recorder.config.clone()).unwrap_or_else(|()| {
            Err("there is no host here: call the hook through `hookward_sdk::testing::Call`".into())
        })
    }

    /// Notes what the host would be told of the error that the hook now returns.
    pub fn note_error(text: String) {
        // Outside of a call there is nobody to ask for it.
        let _ = recorder::with(text, |recorder, text| recorder.error = Some(text));
    }
}
