//! Commands: what the hook asks for, and what it makes of the answer.

use hookward_sdk::command::{Error, Exit, Output};
use hookward_sdk::prelude::*;
use hookward_sdk::testing::{self, Call, Invocation};

fn before() -> Call {
    Call::new(testing::event(EventKind::Before))
}

fn stop(_: &Event) -> Result<(), Error> {
    let output = command("systemctl").arg("verb", "stop").env("LANG", "C").stdin("yes\n").run_ok()?;
    info!(code = output.exit, "{}", output.stdout_text());
    Ok(())
}

#[test]
fn the_host_gets_what_the_hook_said() {
    let report = before()
        .command("systemctl", |invocation: &Invocation| {
            assert_eq!(invocation.variable("LANG"), Some("C"));
            testing::output(format!("{} with {}\n\n", invocation.command, invocation.stdin_text()))
        })
        .run(stop);
    assert_eq!(report.result, Ok(()));
    assert_eq!(report.logs[0].message, "systemctl with yes");
    assert_eq!(report.logs[0].field("code"), Some("exit code 0"));
    let [invocation] = report.commands.as_slice() else { panic!("one command: {:?}", report.commands) };
    assert_eq!(invocation.command, "systemctl");
    assert_eq!(invocation.arguments, [("verb".to_owned(), "stop".to_owned())]);
    assert_eq!(invocation.argument("noun"), None);
    assert_eq!(invocation.stdin.as_deref(), Some(b"yes\n".as_slice()));
}

#[test]
fn a_failure_tells_the_command_how_it_ended_and_the_end_of_stderr() {
    let told = |answer: testing::OutputBuilder| {
        before().command("systemctl", move |_: &Invocation| answer.clone()).run(stop).result.unwrap_err()
    };
    assert_eq!(told(testing::output("").code(5)), "command `systemctl` ended with exit code 5");
    assert_eq!(
        told(testing::output("out").code(1).stderr("one\ntwo\n\n  three\nfour\n")),
        "command `systemctl` ended with exit code 1: two / three / four"
    );
    assert_eq!(
        told(testing::output("").signal(9).stderr("last words")),
        "command `systemctl` was killed by signal 9: last words"
    );
}

#[test]
fn a_failure_keeps_the_output() {
    let report = before().command("x", |_: &Invocation| testing::output("text").code(3)).run(|_: &Event| {
        let Err(Error::Failed(failed)) = command("x").run_ok() else { panic!("it failed") };
        assert_eq!(failed.output().exit, Exit::Code(3));
        assert_eq!(failed.output().stdout, b"text");
        // Without `run_ok` the hook judges by itself.
        let output = command("x").run()?;
        assert!(!output.success());
        Ok::<(), Error>(())
    });
    assert_eq!(report.result, Ok(()));
    assert_eq!(report.commands.len(), 2);
}

#[test]
fn a_command_that_is_not_granted_is_unknown() {
    let report = before().command("docker", |_: &Invocation| testing::output("")).run(stop);
    assert_eq!(report.error(), Some("no command `systemctl` is granted: grant it in `grants.commands.systemctl`"));
    assert_eq!(report.commands.len(), 1);
}

#[test]
fn the_errors_of_the_host_are_its_sentences() {
    for error in [
        Error::Unknown("a sentence".into()),
        Error::Refused("a sentence".into()),
        Error::NotStarted("a sentence".into()),
        Error::TimedOut("a sentence".into()),
    ] {
        let answer = error.clone();
        let call = before().command("x", move |_: &Invocation| Err::<Output, _>(answer.clone()));
        let report = call.run(|_: &Event| {
            assert_eq!(command("x").run(), Err(error.clone()));
            command("x").run_ok().map(drop)
        });
        assert_eq!(report.error(), Some("a sentence"));
    }
}

#[test]
fn a_mock_keeps_state_and_may_call_the_sdk_itself() {
    let mut calls = 0;
    let report = before()
        .command("inner", |_: &Invocation| testing::output("inside"))
        .command("outer", move |_: &Invocation| {
            calls += 1;
            info!("call {calls}");
            command("inner").run().map(|output| Output { exit: Exit::Code(calls), ..output })
        })
        .command("circle", |_: &Invocation| command("circle").run())
        .run(|_: &Event| {
            command("outer").run()?;
            let output = command("outer").run()?;
            assert_eq!((output.exit, output.stdout_text().as_str()), (Exit::Code(2), "inside"));
            command("circle").run().map(drop)
        });
    assert_eq!(report.error(), Some("the test's command `circle` was called by itself"));
    assert!(report.logged("call 2"));
}

#[test]
fn without_a_call_there_is_no_host() {
    let error = command("x").run().unwrap_err();
    assert!(matches!(error, Error::NotStarted(_)));
    assert!(error.to_string().starts_with("there is no host here"));
}
