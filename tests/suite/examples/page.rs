//! What a hook's page tells people to write, as the configuration of a lab.

use std::fs;
use std::path::Path;

use hookward_tests::guest;
use hookward_tests::lab::{Finished, Lab};
use hookward_tests::repository::{lab, snapshots};

/// The tables of a page's example that holds `part`, for the profile `p` of the lab.
/// Each pair is what the page says and what stands there in the lab.
pub(crate) fn example(page: &str, part: &str, changes: &[(&str, &str)]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hooks-examples").join(page);
    let text = fs::read_to_string(folder.join("README.md")).unwrap();
    let mut examples = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut example = examples.find(|example| example.contains(part)).unwrap().to_owned();
    example = example.replace(&format!("{page}.wasm"), guest(page).to_str().unwrap());
    for profile in ["usb", "office", "db", "home"] {
        example = example.replace(&format!("profile.{profile}."), "profile.p.");
    }
    for (from, to) in changes {
        assert!(example.contains(from), "the page no longer says {from}");
        example = example.replace(from, to);
    }
    example
}

/// A lab with the example, in which `@lab@` is its directory.
pub(crate) fn lab_of(example: &str) -> Lab {
    lab(&[example.to_owned()])
}

pub(crate) fn skipped(lab: &Lab, finished: &Finished, why: &str) {
    assert_eq!((finished.code, snapshots(lab).len()), (0, 0), "{finished:?}");
    assert!(finished.stdout.contains("skipped:") && finished.stdout.contains(why), "{finished:?}");
}
