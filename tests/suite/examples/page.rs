//! What a hook's page tells people to write, as the configuration of a lab.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;

use hookward_tests::lab::{Finished, Lab, finish};
use hookward_tests::repository::{lab, snapshots};

/// The tables of a page's example that holds `part`, for the profile `p` of the lab.
/// Each pair is what the page says and what stands there in the lab.
pub(crate) fn example(page: &str, part: &str, changes: &[(&str, &str)]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hooks-examples").join(page);
    let text = fs::read_to_string(folder.join("README.md")).unwrap();
    let mut examples = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut example = examples.find(|example| example.contains(part)).unwrap().to_owned();
    example = example.replace(&format!("{page}.wasm"), hookward_tests::example(page).to_str().unwrap());
    let names = |text: &str| -> Vec<String> {
        let tables = text.split("[[profile.").skip(1).filter_map(|rest| rest.split('.').next());
        tables.map(str::to_owned).collect()
    };
    for profile in names(&example) {
        example = example.replace(&format!("profile.{profile}."), "profile.p.");
    }
    changed(&example, changes)
}

/// A text of a page with each pair's first replaced by its second.
pub(crate) fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "the page no longer says {from}");
        text = text.replace(from, to);
    }
    text
}

/// A lab with the example, in which `@lab@` is its directory.
pub(crate) fn lab_of(example: &str) -> Lab {
    lab(&[example.to_owned()])
}

/// Where the configuration says that restic is the lab's script `restic-wrapper`.
pub(crate) const WRAPPED: &str = "[restic]\nbinary = \"@lab@/restic-wrapper\"\n";

/// Makes that script: each backup notes its start in the lab's `restic-journal`, runs
/// these lines of sh, and is then the real restic.
pub(crate) fn wrap_restic(lab: &Lab, lines: &str) {
    let (journal, real) = (lab.path("restic-journal"), program("restic"));
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *\" backup \"*)\n echo \"$(date +%s%N) restic\" >> '{}'\n{lines}\n;; esac\n\
         exec '{}' \"$@\"\n",
        journal.display(),
        real.display()
    );
    write_program(&lab.path("restic-wrapper"), &script);
}

/// Lines for [`wrap_restic`] that hold restic up until the lab has a file `go`.
pub(crate) fn until_go(lab: &Lab) -> String {
    let lab = lab.path("");
    // Nothing outlives a test that has failed, and its directory.
    format!("while [ -d '{0}' ] && [ ! -e '{0}/go' ]; do sleep 0.05; done", lab.display())
}

/// Starts the backup of the lab, and waits until it has come to restic.
pub(crate) fn held(lab: &Lab) -> Child {
    let child = lab.hookward(["run", "p"]).spawn().unwrap();
    lab.wait_for("restic", |lab| !lab.lines("restic-journal").is_empty());
    child
}

/// Lets restic go on.
pub(crate) fn go(lab: &Lab, child: Child) -> Finished {
    fs::write(lab.path("go"), "").unwrap();
    finish(child)
}

/// A program in `PATH`.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file()).unwrap()
}

/// Writes an executable file.
pub(crate) fn write_program(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn skipped(lab: &Lab, finished: &Finished, why: &str) {
    assert_eq!((finished.code, snapshots(lab).len()), (0, 0), "{finished:?}");
    assert!(finished.stdout.contains("skipped:") && finished.stdout.contains(why), "{finished:?}");
}
