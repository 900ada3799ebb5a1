//! No secret stands in a record, in no form; and the replay goes the same way.

use std::fs;

use hookward_tests::lab::Lab;
use hookward_tests::{example, guest};

use crate::support::{calls, elsewhere, identical, recorded, secret};

const SECRET: &str = "hunter2-and-8-more-of-it";

/// Every form that the mask knows, whole and in its halves.
fn forms() -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

    let (head, tail) = SECRET.split_at(SECRET.len() / 2);
    let mut forms: Vec<String> = vec![SECRET.to_owned(), head.to_owned(), tail.to_owned()];
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.extend([hex.to_uppercase(), hex]);
    for before in 0..3 {
        let text = format!("{}{SECRET}", "x".repeat(before));
        for encoded in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
            // Without what the bytes around it have a part in.
            forms.push(encoded[4..encoded.len() - 4].to_owned());
        }
    }
    forms.push(SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect());
    forms.push(SECRET.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect());
    forms
}

#[track_caller]
fn hidden(record: &std::path::Path) {
    let text = fs::read_to_string(record).unwrap();
    for form in forms() {
        assert!(!text.contains(&form), "{form} in {text}");
    }
}

#[test]
fn no_form_of_a_secret_stands_in_a_record() {
    let lab = Lab::new();
    secret(&lab, "secret", SECRET);
    let grants = format!("secrets.it = {{ file = \"{}\" }}", lab.path("secret").display());
    for (form, place) in [
        ("raw", "log"),
        ("raw", "stdout"),
        ("raw", "error"),
        ("raw", "warning"),
        ("raw", "skip"),
        ("raw", "byte-by-byte"),
        ("base64", "error"),
        ("base64-aligned-1", "log"),
        ("base64-aligned-2", "log"),
        ("base64-url", "log"),
        ("hex", "log"),
        ("hex-upper", "log"),
        ("percent", "log"),
        ("json", "log"),
        ("debug", "panic"),
        ("head", "log"),
        ("tail", "log"),
    ] {
        let (form_setting, place_setting) = (format!("form={form}"), format!("place={place}"));
        let args = ["--event", "before", "--set", "name=it", "--set", &form_setting, "--set", &place_setting];
        let before = format!("before={SECRET}");
        let args = [&args[..], &["--set", &before, "--grants", &grants]].concat();
        let (_, record) = recorded(&lab, &guest("secrets"), "secret", &args);
        hidden(&record);
        // The guest has the same number of bytes to encode.
        identical(&record);
        let given = calls(&record);
        let given = given[0]["answer"]["ok"].as_str().unwrap().to_owned();
        assert_eq!(given.len(), SECRET.len());
    }
}

/// The secret stands in a file that the hook reads, in its event and its settings, too.
#[test]
fn a_secret_is_hidden_wherever_it_comes_from() {
    let lab = Lab::new();
    secret(&lab, "secret", SECRET);
    fs::create_dir(lab.path("source").join(SECRET)).unwrap();
    let grants = format!(
        "secrets.it = {{ file = \"{}\" }}\ncommands.tell = {{ argv = [\"/bin/echo\", \"{SECRET}\", \"{{place}}\"], args = {{ place = \".*\" }}, env = {{ WORD = {{ file = \"{}\" }} }} }}",
        lab.path("secret").display(),
        lab.path("secret").display()
    );
    let calls_setting = format!("calls=[{{ command = \"tell\", args = [[\"place\", \"x{SECRET}y\"]] }}]");
    let args =
        ["--event", "before", "--source", &format!("/srv/{SECRET}"), "--set", &calls_setting, "--grants", &grants];
    let (call, record) = recorded(&lab, &guest("command"), "command", &args);
    assert!(call["log"].to_string().contains("***"), "{call:#}");
    hidden(&record);
    identical(&record);
}

#[test]
fn a_secret_url_keeps_its_host_and_the_request_is_the_same() {
    let lab = Lab::new();
    let check = "9f8e7d6c-5b4a-4c3d-8e2f-1a0b9c8d7e6f";
    secret(&lab, "url", &format!("https://user:{SECRET}@127.0.0.1:1/{check}"));
    let grants = format!(
        "http = [{{ url = \"https://127.0.0.1:1/*\", methods = [\"POST\"] }}]\nsecrets.ping-url = {{ file = \"{}\" }}",
        lab.path("url").display()
    );
    let args = ["--event", "before", "--set", "url-secret=ping-url", "--grants", &grants];
    let (call, record) = recorded(&lab, &example("healthchecks"), "url", &args);
    assert_eq!(call["ok"], false, "{call:#}");
    hidden(&record);
    let text = fs::read_to_string(&record).unwrap();
    assert!(!text.contains(check), "{text}");
    let (code, report) = elsewhere(&record, &[]);
    assert_eq!(code, 0, "{report:#}");
}
