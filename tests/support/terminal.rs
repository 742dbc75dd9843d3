//! A program whose stderr is a terminal, or a pipe, and what it drew there.

use std::fs::File;
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[path = "dispositions.rs"]
mod dispositions;

/// Past this, a program hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Where stderr goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stderr {
    /// To a terminal that calls itself so.
    Terminal(&'static str),
    /// To a pipe.
    Pipe,
}

/// A program that runs, and what it has drawn so far. It is killed when it is dropped.
pub(crate) struct Watched {
    child: Child,
    seen: Arc<Mutex<String>>,
}

impl Watched {
    /// Starts it. Its stdout goes to a pipe that nobody reads before the end.
    pub(crate) fn start(command: &mut Command, stderr: Stderr) -> Watched {
        let (reader, writer) = match stderr {
            Stderr::Terminal(_) => terminal(),
            Stderr::Pipe => {
                let (reader, writer) = std::io::pipe().unwrap();
                (OwnedFd::from(reader), OwnedFd::from(writer))
            }
        };
        let name = match stderr {
            Stderr::Terminal(name) => name,
            Stderr::Pipe => "xterm",
        };
        let child = dispositions::by_default(command)
            .env("TERM", name)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(writer)
            .spawn()
            .unwrap();
        // The command holds the writing end too: without it the reader sees the end.
        command.stderr(Stdio::null());
        let seen = Arc::new(Mutex::new(String::new()));
        let seeing = Arc::clone(&seen);
        thread::spawn(move || {
            let (mut reader, mut buffer) = (File::from(reader), [0; 4096]);
            // A terminal ends with EIO.
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..read]);
                seeing.lock().unwrap().push_str(&text);
            }
        });
        Watched { child, seen }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that came on its stderr so far.
    pub(crate) fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until this came on its stderr.
    pub(crate) fn wait_for(&self, text: &str) {
        let began = Instant::now();
        while !self.seen().contains(text) {
            assert!(
                began.elapsed() < DEADLINE,
                "no {text:?} in {:?}",
                self.seen()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: kill(2) touches no memory; the child is not reaped yet, so the pid is its own.
        assert_eq!(unsafe { libc::kill(self.pid() as i32, signal) }, 0);
    }

    /// Waits for its end, and gives its exit code, stdout and stderr.
    pub(crate) fn end(mut self) -> (Option<i32>, String, String) {
        let mut stdout = String::new();
        let mut pipe = self.child.stdout.take().unwrap();
        pipe.read_to_string(&mut stdout).unwrap();
        let code = self.child.wait().unwrap().code();
        // What was written before the end is read soon after it.
        thread::sleep(Duration::from_millis(50));
        (code, stdout, self.seen())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Both ends of a new terminal of 80 columns: the one to read, the one for the program.
fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut reader, mut writer) = (-1, -1);
    let size = libc::winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the first two pointers are to live integers, the size is only read, and name and
    // settings may be null.
    let opened = unsafe {
        libc::openpty(
            &raw mut reader,
            &raw mut writer,
            std::ptr::null_mut(),
            std::ptr::null(),
            &raw const size,
        )
    };
    assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
    for fd in [reader, writer] {
        // SAFETY: the descriptor was just opened, and fcntl(2) touches no memory for this.
        let kept_to_us = unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        assert_eq!(kept_to_us, 0);
    }
    // SAFETY: both were just opened, and nobody else knows them.
    unsafe { (OwnedFd::from_raw_fd(reader), OwnedFd::from_raw_fd(writer)) }
}
