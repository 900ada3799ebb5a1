//! A terminal with a program on it, for what only shows there.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};

use crate::lab::{PATIENCE, code};

/// A terminal. What runs on it is killed when it is dropped.
#[derive(Debug)]
pub struct Terminal {
    master: File,
    child: Child,
    shown: Arc<Mutex<Vec<u8>>>,
    /// Bytes that were expected and came.
    taken: usize,
}

impl Terminal {
    /// Starts a command that [`on_terminal`](crate::lab::Lab::on_terminal) has made.
    ///
    /// # Panics
    /// When there is no terminal to be had.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let size = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let slave = || Stdio::from(pty.slave.try_clone().unwrap());
        let child = command.stdin(slave()).stdout(slave()).stderr(slave()).spawn().unwrap();
        let master = File::from(pty.master);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, kept) = (master.try_clone().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            // Ends with an error once nobody has the terminal any more.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..count]);
            }
        });
        Self { master, child, shown, taken: 0 }
    }

    /// Types.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn send(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the text shows, and returns what showed before it since the last
    /// one.
    ///
    /// # Panics
    /// When it doesn't come.
    pub fn expect(&mut self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let shown = self.bytes();
            let fresh = &shown[self.taken..];
            if let Some(at) = fresh.windows(text.len()).position(|window| window == text.as_bytes()) {
                self.taken += at + text.len();
                return String::from_utf8_lossy(&fresh[..at]).into_owned();
            }
            assert!(start.elapsed() < PATIENCE, "waited in vain for {text:?} on the terminal: {:?}", self.shown());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Everything that has shown so far.
    #[must_use]
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn bytes(&self) -> Vec<u8> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the terminal shows what is typed.
    ///
    /// # Panics
    /// When the terminal is gone.
    #[must_use]
    pub fn echoes(&self) -> bool {
        tcgetattr(&self.master).unwrap().local_flags.contains(LocalFlags::ECHO)
    }

    /// The process on the terminal.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end of the program: its exit code, or 128 and the signal.
    ///
    /// # Panics
    /// When it doesn't end.
    pub fn wait(&mut self) -> i32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // What it has written last is still on its way.
                std::thread::sleep(Duration::from_millis(50));
                return code(status);
            }
            assert!(start.elapsed() < PATIENCE, "the program did not end: {:?}", self.shown());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
