//! Where a secret comes from, and every way in which it can't be had.

use std::time::{Duration, Instant};

use hookward_engine::{Access, Grants, InvalidSource, Limits, Reason, SecretSource};

use crate::secrets_support::{Call, SecretFile, component, set_mode};

fn command(argv: &[&str]) -> SecretSource {
    SecretSource::command(argv.iter().map(|&word| word.to_owned()).collect()).unwrap()
}

/// What a hook is told whose secret can't be read.
async fn refused(source: SecretSource) -> String {
    let outcome = Call::of(source).run().await;
    let error = outcome.error();
    let why = error.strip_prefix("unavailable: the secret `token` can't be read: ");
    why.unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[tokio::test]
async fn without_the_grant_the_import_is_refused() {
    let request = component().await.inspection().requests.iter().find(|request| request.import.contains("secrets"));
    assert_eq!(request.unwrap().access, Access::Gated("secrets"));
    let failure = component().await.hook(Limits::default(), Grants::default()).unwrap_err();
    assert_eq!(failure.reason, Reason::ImportNotGranted);
    assert!(failure.message.ends_with("needs the grant `secrets`"), "{failure}");
}

#[tokio::test]
async fn only_what_is_granted_has_a_name() {
    let file = SecretFile::new("hunter2!", 0o600);
    for name in ["other", "", "TOKEN", "token ", "../token", "token\0"] {
        let outcome = Call::of(file.source()).config("name", name).run().await;
        assert!(outcome.error().starts_with("unknown: no secret `"), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_file_is_read_without_the_break_at_its_end() {
    for (bytes, value) in [
        ("hunter2!", "hunter2!"),
        ("hunter2!\n", "hunter2!"),
        ("hunter2!\r\n", "hunter2!"),
        ("hunter2!\n\n", "hunter2!\n"),
        (" two\nlines \n", " two\nlines "),
        ("grüße\n", "grüße"),
    ] {
        for mode in [0o600, 0o400, 0o700] {
            let file = SecretFile::new(bytes, mode);
            let outcome = Call::of(file.source()).config("expect", value).run().await;
            assert_eq!(outcome.report.result, Ok(()), "{bytes:?}");
        }
    }
    let long = "0123456789abcdef".repeat(4 << 10);
    let file = SecretFile::new(format!("{long}\r\n"), 0o600);
    // Too long for a setting that is compared, not for a secret.
    assert_eq!(Call::of(file.source()).run().await.report.result, Ok(()));
}

#[tokio::test]
async fn a_file_that_others_may_read_is_refused() {
    for mode in [0o644, 0o604, 0o660, 0o620, 0o601, 0o610, 0o666, 0o4755] {
        let file = SecretFile::new("hunter2!", mode);
        let path = file.path();
        let expected =
            format!("the file {0} may be read by others (mode {mode:04o}): run `chmod 600 {0}`", path.display());
        assert_eq!(refused(file.source()).await, expected);
        assert_eq!(file.source().check().unwrap_err().to_string(), expected);
    }
    // One group may read what is root's.
    let file = SecretFile::new("hunter2!", 0o640);
    let is_root = nix::unistd::geteuid().is_root();
    assert_eq!(Call::of(file.source()).run().await.report.result.is_ok(), is_root);
    // The file counts, not the link to it.
    let open = SecretFile::new("hunter2!", 0o644);
    let link = open.path().with_file_name("link");
    std::os::unix::fs::symlink(open.path(), &link).unwrap();
    assert!(refused(SecretSource::file(link.clone()).unwrap()).await.contains("mode 0644"));
    set_mode(&open.path(), 0o600);
    assert_eq!(Call::of(SecretSource::file(link).unwrap()).run().await.report.result, Ok(()));
}

#[tokio::test]
async fn what_is_no_usable_file_is_refused() {
    let file = SecretFile::new("hunter2!", 0o600);
    let beside = |name: &str| file.path().with_file_name(name);
    nix::unistd::mkfifo(&beside("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let began = Instant::now();
    for (path, why) in [
        (beside("missing"), "No such file or directory"),
        (beside(""), "is a directory, not a file"),
        (beside("fifo"), "is a pipe or a device, not a file"),
        ("/dev/zero".into(), "is a pipe or a device, not a file"),
    ] {
        let source = SecretSource::file(path).unwrap();
        assert!(source.check().unwrap_err().to_string().contains(why));
        let told = refused(source).await;
        assert!(told.contains(why), "{told}");
    }
    assert!(began.elapsed() < Duration::from_secs(20));
    for (bytes, why) in [
        (Vec::new(), "holds nothing"),
        (b"\n".to_vec(), "holds nothing"),
        (b"abc\n".to_vec(), "holds fewer than 4 bytes: it would be too short to be masked"),
        (vec![b'x'; (64 << 10) + 1], "holds more than 65536 bytes"),
        (vec![b'x'; 1 << 20], "holds more than 65536 bytes"),
        (b"hunter\xff2".to_vec(), "holds no text: it is not UTF-8"),
    ] {
        let file = SecretFile::new(bytes, 0o600);
        assert_eq!(refused(file.source()).await, format!("the file {} {why}", file.path().display()));
    }
}

#[tokio::test]
async fn a_variable_is_read() {
    // The only one that every test process has.
    let value = std::env::var("PATH").unwrap();
    let source = SecretSource::env("PATH".to_owned()).unwrap();
    let outcome = Call::of(source).config("place", "error").run().await;
    assert_eq!(outcome.error(), "***", "{value}");
    let unset = SecretSource::env("HOOKWARD_TEST_UNSET".to_owned()).unwrap();
    assert_eq!(refused(unset).await, "the variable HOOKWARD_TEST_UNSET is not set");
}

#[tokio::test]
async fn a_command_is_run_without_a_shell() {
    for (argv, value) in [
        (&["printf", "hunter2!\\n"][..], "hunter2!"),
        (&["/usr/bin/printf", "%s", "$HOME;`id`"], "$HOME;`id`"),
        (&["sh", "-c", "echo hunter2!; echo noise >&2"], "hunter2!"),
        (&["sh", "-c", "echo got=$CARGO$LD_LIBRARY_PATH; pwd"], "got=\n/"),
        (&["sh", "-c", "echo $PATH"], "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        (&["sh", "-c", "cat; echo no-stdin"], "no-stdin"),
    ] {
        let outcome = Call::of(command(argv)).config("expect", value).run().await;
        assert_eq!(outcome.report.result, Ok(()), "{argv:?}");
    }
}

#[tokio::test]
async fn a_command_that_fails_is_told_without_what_it_said() {
    for (argv, why) in [
        (&["sh", "-c", "echo half-the-secret; echo hunter2! >&2; exit 7"][..], "the command sh exited with code 7"),
        (&["sh", "-c", "echo hunter2!; kill -9 $$"], "the command sh was killed by a signal"),
        (&["true"], "the command true holds nothing"),
        (&["head", "-c", "70000", "/dev/zero"], "the command head holds more than 65536 bytes"),
        (
            &["/nowhere/pass", "show"],
            "the command /nowhere/pass could not be run: cannot start /nowhere/pass: No such file",
        ),
        (&["/etc/passwd"], "the command /etc/passwd could not be run: cannot start /etc/passwd: Permission denied"),
        (
            &["hookward-test-no-such-program"],
            "the command hookward-test-no-such-program could not be run: no program `hookward-test-no-such-program` in \
             /usr/local/sbin:",
        ),
    ] {
        let told = refused(command(argv)).await;
        assert!(told.starts_with(why), "{told}");
    }
}

/// The hook's own time counts; nothing that the command started outlives it.
#[tokio::test]
async fn a_command_that_hangs_ends_with_the_call() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    let script = format!("sleep 600 & echo $! $$ > {}; wait", pids.display());
    let began = Instant::now();
    let mut call = Call::of(command(&["sh", "-c", &script]));
    call.limits.timeout = Duration::from_secs(2);
    call.run().await.failed(Reason::Timeout);
    let mut call = Call::of(command(&["sh", "-c", "echo hunter2!; exec >&-; sleep 600"]));
    call.limits.timeout = Duration::from_millis(500);
    call.run().await.failed(Reason::Timeout);
    let call = Call::of(command(&["sleep", "600"]));
    let cancel = call.cancel.clone();
    let cancelled = tokio::join!(call.run(), async { cancel.cancel() }).0;
    cancelled.failed(Reason::Cancelled);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let noted = std::fs::read_to_string(&pids).unwrap();
    for pid in noted.split_whitespace() {
        let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).ok().filter(|stat| !stat.contains(") Z "));
        while state().is_some() {
            assert!(began.elapsed() < Duration::from_secs(30), "{pid} lives on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_credential_needs_a_service() {
    assert!(std::env::var_os("CREDENTIALS_DIRECTORY").is_none());
    let told = refused(SecretSource::credential("token".to_owned()).unwrap()).await;
    assert!(told.starts_with("there is no credential token, since CREDENTIALS_DIRECTORY is not set"), "{told}");
}

/// Once a call, whatever comes of it: a hook can't start a program as often as it likes.
#[tokio::test]
async fn a_source_is_read_when_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let note = dir.path().join("note");
    let script = format!("echo x >> {}; echo hunter2!", note.display());
    let source = command(&["sh", "-c", &script]);
    let mut call = Call::of(SecretFile::new("another!", 0o600).source());
    call.grants.secrets.insert("unasked".to_owned(), source.clone());
    let hook = component().await.hook(call.limits.clone(), call.grants.clone()).unwrap();
    assert!(!note.exists() && hook.grants().mask.is_empty());
    drop(call.run().await);
    assert!(!note.exists());
    for times in 1..3 {
        let outcome = Call::of(source.clone()).config("times", "5").config("expect", "hunter2!").run().await;
        assert_eq!(outcome.report.result, Ok(()));
        assert_eq!(std::fs::read_to_string(&note).unwrap().lines().count(), times);
    }
}

#[test]
fn what_can_be_no_source_is_refused_at_once() {
    let argv = |words: &[&str]| SecretSource::command(words.iter().map(|&word| word.to_owned()).collect());
    assert_eq!(SecretSource::file("token".into()), Err(InvalidSource::Relative("token".into())));
    for name in ["", "A=B", "A\0"] {
        assert_eq!(SecretSource::env(name.to_owned()), Err(InvalidSource::Variable(name.to_owned())));
    }
    for name in ["", ".", "..", "a/b", "/etc/shadow", "a\0"] {
        assert_eq!(SecretSource::credential(name.to_owned()), Err(InvalidSource::Credential(name.to_owned())));
    }
    assert_eq!(argv(&[]), Err(InvalidSource::EmptyCommand));
    assert_eq!(argv(&[""]), Err(InvalidSource::EmptyCommand));
    assert_eq!(argv(&["./pass"]), Err(InvalidSource::Program("./pass".to_owned())));
    assert_eq!(argv(&["bin/pass"]), Err(InvalidSource::Program("bin/pass".to_owned())));
    assert_eq!(argv(&["pass", "a\0"]), Err(InvalidSource::Argument));
}

#[tokio::test]
async fn an_empty_grant_lets_the_hook_in_and_gives_it_nothing() {
    let mut call = Call::of(SecretSource::env("HOOKWARD_TEST_UNSET".to_owned()).unwrap());
    call.grants.secrets.clear();
    let refused = component().await.hook(call.limits.clone(), call.grants.clone()).unwrap_err();
    assert_eq!(refused.reason, Reason::ImportNotGranted);
    call.grants.empty.insert("secrets".to_owned());
    let outcome = call.run().await;
    assert!(outcome.error().contains("no secret `token` is granted"), "{outcome:?}");
}
