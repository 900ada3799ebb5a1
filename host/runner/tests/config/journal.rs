//! `[journal]` and `max-duration`, and hooks as the journal keeps them.

use std::time::Duration;

use hookward_runner::config::{HookSpec, Retention};

use crate::v1;

const DAY: u64 = 24 * 60 * 60;

#[test]
fn what_is_kept() {
    for (text, keep, keep_runs) in [
        ("", 90 * DAY, 1000),
        ("[journal]", 90 * DAY, 1000),
        ("[journal]\nkeep = \"1h\"", 60 * 60, 1000),
        ("[journal]\nkeep = \"0s\"\nkeep-runs = 0", 0, 0),
        ("[journal]\nkeep-runs = 7", 90 * DAY, 7),
    ] {
        let expected = Retention { keep: Duration::from_secs(keep), keep_runs };
        assert_eq!(v1(text).load().unwrap().journal, expected, "{text}");
    }
    let units = "write a number and a unit, such as `30s`, `5m` or `1h 30m`";
    let errors = v1("[journal]\nkeep = \"long\"").errors();
    assert!(errors[0].starts_with("hookward.toml:3:8") && errors[0].ends_with(units), "{errors:?}");
    let errors = v1("[journal]\nkeep-run = 3").errors();
    assert_eq!(errors, ["hookward.toml:3:1 unknown key `keep-run` | did you mean `keep-runs`?"]);
}

#[test]
fn how_long_a_run_may_take() {
    let profile = |line: &str| v1(&format!("repository.r.url = \"/r\"\n[profile.p]\nrepository = \"r\"\n{line}"));
    let loaded = |line: &str| profile(line).load().unwrap().profiles["p"].max_duration;
    assert_eq!(loaded(""), None);
    assert_eq!(loaded("max-duration = \"6h\""), Some(Duration::from_secs(6 * 60 * 60)));
    assert_eq!(
        profile("max-duration = \"0s\"").errors(),
        ["hookward.toml:5:16 `max-duration` is zero | every run would be cancelled; remove the key for no limit"]
    );
}

#[test]
fn a_hook_is_the_same_after_it_was_kept() {
    let text = r#"
[[hook]]
name = "h"
component = "h.wasm"
digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
on = ["before", "finally"]
operations = ["backup", "check"]
kind = "optional"
timeout = "90s"
limits = { http-body = "1MiB" }
retry = { attempts = 3, delay = "5s", backoff = "exponential" }
exclusive = "db"
config = { a = "text", b = [1, 2] }
[hook.grants]
dirs = [{ host = "/a", guest = "/b", write = true }]
env = ["NAME"]
plan = ["sources", "env:TMPDIR"]
state = { max-bytes = "64KiB" }
tcp = ["[::1]:5432", "db.internal:5432"]
http = [{ url = "https://a.example/x/*", methods = ["POST"] }, { url = "http://docker", unix = "/run/d.sock", allow = ["POST /stop"] }]
[hook.grants.secrets]
file = { file = "/etc/secret" }
env = { env = "TOKEN" }
command = { command = ["pass", "show", "x"] }
credential = { credential = "app" }
[hook.grants.commands.stop]
argv = ["systemctl", "stop", "{unit}"]
args = { unit = "[a-z]+" }
env = { LANG = "C" }
"#;
    let config = v1(text).load().unwrap();
    let hook = &config.hooks[0];
    let kept = serde_json::to_string(hook).unwrap();
    assert_eq!(&serde_json::from_str::<HookSpec>(&kept).unwrap(), hook, "{kept}");
    // What no configuration could grant, nothing that was kept can.
    for (from, to) in
        [("env:TMPDIR", "env:PATH"), ("[::1]:5432", "*:5432"), ("\"credential\":\"app\"", "\"credential\":\"../app\"")]
    {
        let forged = kept.replace(from, to);
        assert_ne!(forged, kept, "{from}");
        assert!(serde_json::from_str::<HookSpec>(&forged).is_err(), "{to}");
    }
}
