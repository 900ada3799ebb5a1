//! A record that isn't what was written is none.

use std::fs;

use hookward_engine::{CallRecord, RecordError};
use hookward_tests::guest;
use hookward_tests::lab::{Finished, Lab};

use crate::support::recorded;

#[test]
fn a_record_with_any_bit_changed_is_refused() {
    let lab = Lab::new();
    let notes = format!("{}:/notes:rw", lab.path("notes").display());
    let args = ["--event", "before", "--set", "journal=/notes/journal", "--dir", &notes];
    let (_, record) = recorded(&lab, &guest("probe"), "call", &args);
    let good = fs::read(&record).unwrap();
    assert!(CallRecord::parse(&good).is_ok());
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1 << (place % 8);
        let read = CallRecord::parse(&bad);
        assert!(read.is_err(), "byte {place} of {} may be changed", good.len());
    }
    for end in (0..good.len()).step_by(7) {
        assert!(CallRecord::parse(&good[..end]).is_err(), "may be cut off at {end}");
    }
    let mut longer = good.clone();
    longer.extend_from_slice(b"\n");
    assert!(matches!(CallRecord::parse(&longer), Err(RecordError::Digest)));
    // Lines may neither go nor change places.
    let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    for line in 1..lines.len() - 1 {
        let without = [&lines[..line], &lines[line + 1..]].concat().concat();
        assert!(CallRecord::parse(&without).is_err(), "line {line} may go");
        let mut moved = lines.clone();
        moved.swap(line, line - 1);
        assert!(CallRecord::parse(&moved.concat()).is_err(), "line {line} may move");
    }
}

#[test]
fn what_is_refused_is_said_with_an_exit_code_of_its_own() {
    let lab = Lab::new();
    let (_, record) = recorded(&lab, &guest("hello"), "call", &["--event", "before"]);
    let good = fs::read_to_string(&record).unwrap();
    let replay = |text: &str, args: &[&str]| -> Finished {
        fs::write(&record, text).unwrap();
        lab.run([&["hook", "replay", record.to_str().unwrap()], args].concat())
    };
    for (text, says) in [
        (good.replace("\"backup\"", "\"prune\""), "has been changed or cut off since it was written"),
        (good.replace("hookward-record\":1", "hookward-record\":2"), "is a record of version 2"),
        ("version = 1\n".to_owned(), "it is not a record of a hook's call"),
        (String::new(), "it is not a record of a hook's call"),
    ] {
        let finished = replay(&text, &[]);
        assert_eq!(finished.code, 78, "{finished:?}");
        assert!(finished.stderr.contains(says), "{finished:?}");
    }
    let finished = lab.run(["hook", "replay", "nowhere"]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert_eq!(replay(&good, &[]).code, 0);
}
