use std::cell::OnceCell;
use std::ffi::OsString;
use std::fs;

use hookward_engine::Trigger;
use hookward_runner::config::{Config, HookSpec, Source};
use hookward_runner::plan::{Plan, Request, Restic};
use tempfile::TempDir;

thread_local! {
    static DIR: OnceCell<TempDir> = const { OnceCell::new() };
}

pub(crate) fn body(data: &[u8]) {
    // An include may name any file of the machine, and as many as there are.
    let has = |text: &str| data.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    if has("include") && (has("/") || has("\\")) {
        return;
    }
    DIR.with(|dir| {
        let path = dir.get_or_init(|| TempDir::new().unwrap()).path().join("hookward.toml");
        fs::write(&path, data).unwrap();
        let env = |name: &str| (name == "HOME").then(|| OsString::from("/home/somebody"));
        match Config::load_with_env(&path, &env) {
            Ok(config) => examine(&config),
            Err(error) => {
                let text = String::from_utf8_lossy(data);
                assert!(!error.diagnostics().is_empty());
                for diagnostic in error.diagnostics() {
                    assert_eq!(diagnostic.file(), path);
                    assert!(!diagnostic.message().is_empty() && !diagnostic.help().is_empty(), "{diagnostic:?}");
                    let at = diagnostic.location().expect("an error has a place");
                    assert!(at.line >= 1 && at.line <= text.split('\n').count() + 1, "{at} of {text:?}");
                    assert!(at.column >= 1, "{at}");
                    assert!(diagnostic.render(false).contains("hookward.toml"), "{}", diagnostic.render(false));
                }
                assert!(!error.render(true).is_empty());
            }
        }
    });
}

fn examine(config: &Config) {
    for profile in config.profiles.keys() {
        let request = Request {
            profile: Some(profile.clone()),
            restic: Restic::Managed { operation: "backup".to_owned(), extra: Vec::new() },
            trigger: Trigger::Manual,
            dry_run: false,
            keep_stdout: false,
        };
        let Ok(plan) = Plan::new(config, &request) else { continue };
        plan.hooks.iter().for_each(hook);
        assert_eq!(plan.profile.as_ref(), Some(profile));
        let names: Vec<_> = plan.hooks.iter().map(|hook| (hook.scope, &hook.name)).collect();
        assert!(names.iter().enumerate().all(|(at, name)| !names[..at].contains(name)), "{names:?}");
    }
}

fn hook(hook: &HookSpec) {
    assert!(!hook.name.is_empty() && !hook.on.is_empty(), "{hook:?}");
    assert!(!matches!(&hook.component, Source::File(path) if !path.is_absolute()), "{hook:?}");
    assert!(hook.retry.attempts >= 1 && hook.retry.pause(hook.retry.attempts).is_none(), "{hook:?}");
    let pauses = (1..hook.retry.attempts.min(100)).filter_map(|attempt| hook.retry.pause(attempt));
    assert!(pauses.into_iter().all(|pause| pause <= hook.retry.max_delay), "{hook:?}");
    // It is kept in the journal, and is the same for a recovery.
    let kept = serde_json::to_string(hook).expect("a hook can be written");
    assert_eq!(&serde_json::from_str::<HookSpec>(&kept).expect("what was written can be read"), hook);
}
