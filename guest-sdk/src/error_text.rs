//! What the macro asks of a hook's types, and the one string that is left of its
//! error.
//!
//! The kind of error is found by method lookup on a stack of references: the impl
//! for the most of them is tried first, and skipped where its bound doesn't hold.

use std::error::Error;
use std::fmt::Display;

use crate::Event;

/// The text of the error behind a reference, however much it can tell.
#[doc(hidden)]
#[macro_export]
macro_rules! __error_text {
    ($error:expr) => {{
        #[allow(unused_imports)]
        use $crate::__private::{Boxed as _, Plain as _, Shared as _, Sourced as _};
        (&&&&$crate::__private::Failure($error)).text()
    }};
}

/// What a hook may be called with.
#[diagnostic::on_unimplemented(message = "a hook takes `Event` or `&Event`, not `{Self}`", label = "not an event")]
pub trait Argument {}

impl Argument for Event {}
impl Argument for &Event {}

/// Asks that a type be what a hook may be called with.
pub fn takes<T: Argument>() {}

/// What a hook may return.
#[diagnostic::on_unimplemented(
    message = "a hook returns `Result<(), E>`, not `{Self}`",
    label = "neither ok nor an error"
)]
pub trait Returned {
    /// The `E`.
    type Error;

    /// The error, if it is one.
    fn error(&self) -> Option<&Self::Error>;
}

impl<E> Returned for Result<(), E> {
    type Error = E;

    fn error(&self) -> Option<&E> {
        self.as_ref().err()
    }
}

/// An error that a hook returned.
#[derive(Debug)]
pub struct Failure<'a, E: ?Sized>(pub &'a E);

/// An error of std's kind.
pub trait Sourced {
    /// What is told.
    fn text(&self) -> String;
}

impl<E: Error> Sourced for &&&Failure<'_, E> {
    fn text(&self) -> String {
        chain(self.0)
    }
}

/// `anyhow::Error` and its like, `Box<dyn Error + Send + Sync>`.
pub trait Shared {
    /// What is told.
    fn text(&self) -> String;
}

impl<E: AsRef<dyn Error + Send + Sync + 'static>> Shared for &&Failure<'_, E> {
    fn text(&self) -> String {
        chain(self.0.as_ref())
    }
}

/// `Box<dyn Error>`.
pub trait Boxed {
    /// What is told.
    fn text(&self) -> String;
}

impl<E: AsRef<dyn Error + 'static>> Boxed for &Failure<'_, E> {
    fn text(&self) -> String {
        chain(self.0.as_ref())
    }
}

/// Whatever can be displayed.
pub trait Plain<E: ?Sized> {
    /// What is told.
    fn text(&self) -> String
    where
        E: HookError;
}

// The bound stands on the method, so that a type that breaks it is still found
// here and the compiler says what is asked of it.
impl<E: ?Sized> Plain<E> for Failure<'_, E> {
    fn text(&self) -> String
    where
        E: HookError,
    {
        self.0.tell()
    }
}

/// What a hook may return as its error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be shown to the operator as a hook's error",
    label = "the error of this result can't be displayed",
    note = "return `Result<(), E>` with an `E` that implements `Display`: `String`, `anyhow::Error`, ..."
)]
pub trait HookError {
    /// Its text.
    fn tell(&self) -> String;
}

impl<E: Display + ?Sized> HookError for E {
    fn tell(&self) -> String {
        format!("{self:#}")
    }
}

/// Joins an error and its sources as `a: b: c`. A source is left out when what
/// stands before it tells it already.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = error.source();
    }
    text
}
