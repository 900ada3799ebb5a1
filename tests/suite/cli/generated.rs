//! What is made from the declarations: completions, man pages, the schema.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use hookward_tests::lab::Lab;

use crate::support::json;

/// Whether a program is there to check with.
fn there_is(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let lab = Lab::new();
    for (shell, begins) in [("bash", "_hookward()"), ("zsh", "#compdef hookward"), ("fish", "# Print an optspec")] {
        let finished = lab.run(["completions", shell]);
        assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{finished:?}");
        assert!(finished.stdout.starts_with(begins), "{}", &finished.stdout[..100]);
        for word in ["snapshots", "explain", "event-file", "fail-fast"] {
            assert!(finished.stdout.contains(word), "{shell}: no {word}");
        }
        assert!(!finished.stdout.contains("internal"), "{shell}");
        if there_is(shell) {
            let mut check = Command::new(shell).arg("-n").stdin(Stdio::piped()).spawn().unwrap();
            check.stdin.take().unwrap().write_all(finished.stdout.as_bytes()).unwrap();
            assert!(check.wait().unwrap().success(), "{shell}");
        }
    }
}

#[test]
fn bash_completes_a_subcommand() {
    let lab = Lab::new();
    let script = lab.run(["completions", "bash"]).stdout;
    fs::write(lab.path("complete"), script).unwrap();
    let ask = ". ./complete; COMP_WORDS=(hookward expl); COMP_CWORD=1; _hookward hookward expl hookward; \
               echo \"${COMPREPLY[@]}\"";
    let output = lab.command("bash").args(["-c", ask]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "explain\n", "{output:?}");
}

#[test]
fn man_pages_render() {
    let lab = Lab::new();
    let finished = lab.run(["man"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{finished:?}");
    assert!(finished.stdout.contains(".TH hookward 1"), "{}", &finished.stdout[..200]);
    fs::write(lab.path("hookward.1"), &finished.stdout).unwrap();
    if there_is("groff") {
        let output = lab.command("groff").args(["-man", "-Tutf8", "-ww", "hookward.1"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("sandboxed hooks"), "{text}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }

    assert_eq!(lab.run(["man", "pages"]).code, 0);
    for page in ["hookward.1", "hookward-run.1", "hookward-hook-call.1", "hookward-exec.1"] {
        assert!(lab.path("pages").join(page).is_file(), "{page}");
    }
    assert!(!lab.path("pages/hookward-internal-compile.1").exists());
    fs::write(lab.path("file"), "").unwrap();
    let finished = lab.run(["man", "file"]);
    assert!(finished.code == 1 && finished.stderr.contains("cannot create file"), "{finished:?}");
}

#[test]
fn the_schema_describes_every_table() {
    let lab = Lab::new();
    let schema = json(&lab.run(["schema"]));
    for key in ["version", "include", "defaults", "restic", "repository", "profile", "hook"] {
        let described = schema["properties"][key].is_object();
        assert!(described, "{key}");
    }
    let hook = &schema["$defs"]["Hook"];
    assert_eq!(hook["required"], serde_json::json!(["name", "component", "on"]), "{hook:#}");
    for (key, property) in hook["properties"].as_object().unwrap() {
        assert!(
            property["description"].is_string()
                || property["$ref"].is_string()
                || property["anyOf"].is_array()
                || property["enum"].is_array()
                || property["items"].is_object(),
            "{key}: {property:#}"
        );
    }
    assert_eq!(hook["additionalProperties"], false);
}
