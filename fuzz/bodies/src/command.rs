use std::collections::BTreeMap;

use hookward_engine::{CommandGrant, fuzzing};
use regex::Regex;

const PLACE: &str = "x";

pub(crate) fn body(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let (Some(words), Some(pattern), Some(value)) = (lines.next(), lines.next(), lines.next()) else { return };
    // Compiling a pattern is the operator's time, not the hook's.
    if pattern.len() > 200 {
        return;
    }
    let argv: Vec<_> = words.split('\t').map(str::to_owned).collect();
    let patterns = BTreeMap::from([(PLACE.to_owned(), pattern.to_owned())]);
    let grant = match CommandGrant::new(&argv, &patterns) {
        Ok(grant) => grant,
        Err(errors) => {
            assert!(!errors.is_empty() && errors.iter().all(|error| !error.to_string().is_empty()));
            return;
        }
    };
    // It is kept in the journal, and is the same for a recovery.
    let kept = serde_json::to_string(&grant).expect("a grant can be written");
    assert_eq!(serde_json::from_str::<CommandGrant>(&kept).expect("what was written can be read"), grant);
    assert!(fuzzing::command_args(&grant, &[]).is_err(), "a place was left open");
    assert!(fuzzing::command_args(&grant, &[(PLACE, value), (PLACE, value)]).is_err(), "a place was filled twice");
    let Ok(args) = fuzzing::command_args(&grant, &[(PLACE, value)]) else { return };
    assert_eq!(args.len() + 1, argv.len(), "other arguments than the operator's");
    assert!(!value.contains(char::is_control), "{value:?}");
    let whole = Regex::new(&format!(r"\A(?:{pattern})\z")).expect("it was compiled before");
    assert!(whole.is_match(value), "{value:?} is not {pattern:?}");
    for (arg, written) in args.iter().zip(&argv[1..]) {
        let place = format!("{{{PLACE}}}");
        if !written.contains(&place) {
            continue;
        }
        // Only the operator makes an option of it.
        assert!(!arg.starts_with('-') || written.starts_with('-'), "{arg:?} of {written:?}");
        if written == &place {
            assert!(arg == value && !value.starts_with('-'), "{arg:?} of {written:?}");
        }
        let (before, after) = (written.split('{').next().unwrap_or(""), written.rsplit('}').next().unwrap_or(""));
        if !before.contains('}') && !written.contains("{{") && !written.contains("}}") {
            assert!(arg.starts_with(before) && arg.ends_with(after), "{arg:?} of {written:?}");
        }
    }
}
