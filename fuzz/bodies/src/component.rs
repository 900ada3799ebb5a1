use hookward_engine::{Digest, Failure, Inspection, Metadata, Reason, fuzzing};

use super::is_clean;

pub(crate) fn body(data: &[u8]) {
    let inspected = Inspection::of(data);
    let metadata = Metadata::of(data);
    if let Ok(metadata) = &metadata {
        let texts = [&metadata.name, &metadata.version, &metadata.description, &metadata.authors, &metadata.licenses];
        let texts = texts.into_iter().chain([&metadata.source, &metadata.homepage]).flatten();
        let maps = [&metadata.languages, &metadata.tools];
        let pairs = maps.into_iter().flatten().flat_map(|(key, value)| [key, value]);
        assert!(texts.chain(pairs).all(|text| is_clean(text)), "{metadata:?}");
    }
    match inspected {
        Ok(inspection) => {
            assert_eq!(inspection.size, data.len() as u64);
            assert_eq!(inspection.digest, Digest::of(data));
            assert!(inspection.exports.iter().any(|name| name == "run"));
            assert!(inspection.exports.iter().all(|name| is_clean(name)), "{inspection:?}");
            assert!(inspection.requests.iter().all(|request| is_clean(&request.import)), "{inspection:?}");
            serde_json::to_string(&inspection).expect("an inspection can be written");
            if let Err(failure) = fuzzing::check(&inspection) {
                examine(&failure);
            }
        }
        Err(failure) => {
            examine(&failure);
            assert!(failure.reason != Reason::Empty || data.is_empty());
            assert!(failure.reason != Reason::NotWasm || !data.starts_with(b"\0asm"));
        }
    }
}

/// A failure is told in a terminal.
fn examine(failure: &Failure) {
    assert!(!failure.message.is_empty() && is_clean(&failure.message), "{failure:?}");
}
