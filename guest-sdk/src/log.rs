//! Messages for the operator.

use crate::{Level, host};

/// Writes one message.
pub fn write(level: Level, message: &str, fields: &[(&str, String)]) {
    host::log(level, message, fields);
}

/// Logs a message of a detail that only the author of the hook wants to see.
///
/// The form is that of [`info!`](crate::info!).
#[macro_export]
macro_rules! trace {
    ($($message:tt)+) => { $crate::__log!([$crate::Level::Trace] [] $($message)+) };
}

/// Logs a message that helps to find out why a hook did what it did.
///
/// The form is that of [`info!`](crate::info!).
#[macro_export]
macro_rules! debug {
    ($($message:tt)+) => { $crate::__log!([$crate::Level::Debug] [] $($message)+) };
}

/// Logs a message that tells what the hook did.
///
/// Fields may stand before the message, each a name and a value that is written as
/// [`Display`](std::fmt::Display) does, or with a `?` as [`Debug`](std::fmt::Debug)
/// does. The message is what [`format!`] takes.
/// ```
/// use hookward_sdk::info;
///
/// let path = std::path::Path::new("/mnt/usb");
/// let files = 3;
/// info!("checked {files} files");
/// info!(path = path.display(), files = files, "checked in {} ms", 20);
/// info!(path = ?path, "checked");
/// ```
#[macro_export]
macro_rules! info {
    ($($message:tt)+) => { $crate::__log!([$crate::Level::Info] [] $($message)+) };
}

/// Logs a message of something that the operator should look at.
///
/// It stands in the log alone: see [`control::warn`](crate::control::warn) for a
/// warning in the run's report. The form is that of [`info!`](crate::info!).
#[macro_export]
macro_rules! warn {
    ($($message:tt)+) => { $crate::__log!([$crate::Level::Warn] [] $($message)+) };
}

/// Logs a message of something that went wrong.
///
/// It doesn't make the hook fail: only the error that it returns does. The form is
/// that of [`info!`](crate::info!).
#[macro_export]
macro_rules! error {
    ($($message:tt)+) => { $crate::__log!([$crate::Level::Error] [] $($message)+) };
}

/// Takes the fields off the front of a message, one a step.
#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ([$level:expr] [$($fields:tt)*] $key:ident = ? $value:expr, $($rest:tt)+) => {
        $crate::__log!([$level] [
            $($fields)*
            (::core::stringify!($key), $crate::__private::format!("{:?}", $value)),
        ] $($rest)+)
    };
    ([$level:expr] [$($fields:tt)*] $key:ident = % $value:expr, $($rest:tt)+) => {
        $crate::__log!([$level] [$($fields)*] $key = $value, $($rest)+)
    };
    ([$level:expr] [$($fields:tt)*] $key:ident = $value:expr, $($rest:tt)+) => {
        $crate::__log!([$level] [
            $($fields)*
            (::core::stringify!($key), $crate::__private::format!("{}", $value)),
        ] $($rest)+)
    };
    ([$level:expr] [$($fields:tt)*] $($message:tt)+) => {
        $crate::__private::write(
            $level,
            &$crate::__private::format!($($message)+),
            &[$($fields)*],
        )
    };
}
