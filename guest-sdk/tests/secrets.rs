//! Secrets: read, hidden, missing.

use hookward_sdk::prelude::*;
use hookward_sdk::testing::{self, Call};

fn before() -> Call {
    Call::new(testing::event(EventKind::Before))
}

#[test]
fn a_secret_is_read_and_not_shown() {
    let report = before().secret("token", "hunter2").run(|_: &Event| {
        let token = secret("token")?;
        assert_eq!(token.expose(), "hunter2");
        assert_eq!(format!("{:?}", Some(token.clone())), "Some(Secret(..))");
        Ok::<(), SecretError>(())
    });
    assert_eq!(report.result, Ok(()));
}

#[test]
fn a_secret_that_is_not_granted_is_unknown() {
    let report = before().secret("token", "hunter2").run(|_: &Event| {
        assert!(matches!(secret("other"), Err(SecretError::Unknown(_))));
        secret("other").map(drop)
    });
    assert_eq!(report.error(), Some("no secret `other` is granted: grant it in `grants.secrets.other`"));
}

#[test]
fn without_a_call_there_is_no_host() {
    assert!(matches!(secret("token"), Err(SecretError::Unavailable(message)) if message.contains("no host here")));
}
