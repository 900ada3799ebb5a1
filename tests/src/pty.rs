//! A terminal with a program on it, for what only shows there.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{LocalFlags, tcgetattr};

use crate::lab::{PATIENCE, code};

/// A terminal. What runs on it is killed when it is dropped.
#[derive(Debug)]
pub struct Terminal {
    master: File,
    child: Option<Child>,
    shown: Arc<Mutex<Vec<u8>>>,
    /// Bytes that were expected and came.
    taken: usize,
    /// Tells the reader to let go of the terminal.
    gone: Arc<AtomicBool>,
}

impl Terminal {
    /// Starts a command that [`on_terminal`](crate::lab::Lab::on_terminal) has made.
    ///
    /// # Panics
    /// When there is no terminal to be had.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        // Kept from every child: who has the master's end keeps the terminal alive.
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let slave = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NOCTTY.bits())
            .open(ptsname_r(&master).unwrap())
            .unwrap();
        let stream = || Stdio::from(slave.try_clone().unwrap());
        let sized = Command::new("stty").args(["rows", "40", "cols", "120"]).stdin(stream()).status().unwrap();
        assert!(sized.success());
        let child = command.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap();
        let master = File::from(master.as_fd().try_clone_to_owned().unwrap());
        let shown = Arc::new(Mutex::new(Vec::new()));
        let gone = Arc::new(AtomicBool::new(false));
        let (mut reader, kept, left) = (master.try_clone().unwrap(), Arc::clone(&shown), Arc::clone(&gone));
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while !left.load(Ordering::SeqCst) {
                let mut poll = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
                if nix::poll::poll(&mut poll, PollTimeout::from(50_u8)).unwrap_or(0) == 0 {
                    continue;
                }
                // Ends with an error once nobody has the terminal any more.
                let Ok(count @ 1..) = reader.read(&mut buffer) else { break };
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..count]);
            }
        });
        Self { master, child: Some(child), shown, taken: 0, gone }
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

    /// Takes the terminal away, as closing its window does.
    ///
    /// # Panics
    /// When it has been taken away before.
    #[must_use]
    pub fn hang_up(mut self) -> Child {
        self.gone.store(true, Ordering::SeqCst);
        self.child.take().unwrap()
    }

    /// Waits for the end of the program: its exit code, or 128 and the signal.
    ///
    /// # Panics
    /// When it doesn't end.
    pub fn wait(&mut self) -> i32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
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
        self.gone.store(true, Ordering::SeqCst);
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
