//! The tasks that the cases run, and what several of them need.

use handoff::task;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[task]
pub(crate) fn add_one(n: u64) -> u64 {
    n + 1
}

#[task]
pub(crate) fn sleep_ms(ms: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(ms));
    ms
}

#[task]
pub(crate) fn pid() -> u32 {
    std::process::id()
}

#[task]
pub(crate) fn abort() {
    std::process::abort()
}

/// Leaves a mark for each time that it is begun, then sleeps.
#[task]
pub(crate) fn mark(path: String, ms: u64) -> std::io::Result<()> {
    append(Path::new(&path))?;
    std::thread::sleep(Duration::from_millis(ms));
    Ok(())
}

/// Ends its worker the first time that it is begun.
#[task]
pub(crate) fn abort_once(path: String) -> std::io::Result<u64> {
    if marks(Path::new(&path)) == 0 {
        append(Path::new(&path))?;
        std::process::abort();
    }
    Ok(7)
}

/// A result of `len` bytes, after `ms` milliseconds, with a mark.
#[task]
pub(crate) fn bytes(path: String, len: usize, ms: u64) -> std::io::Result<String> {
    append(Path::new(&path))?;
    std::thread::sleep(Duration::from_millis(ms));
    Ok("x".repeat(len))
}

#[task]
pub(crate) fn length(text: String) -> usize {
    text.len()
}

/// What writing to a pipe without a reader gives.
#[task]
pub(crate) fn write_to_closed_pipe() -> std::io::Result<i32> {
    let (reader, mut writer) = std::io::pipe()?;
    drop(reader);
    let error = writer.write_all(b"x").expect_err("there is no reader");
    Ok(error.raw_os_error().unwrap_or(0))
}

#[task]
pub(crate) fn say(text: String) {
    eprintln!("{text}");
}

#[task]
pub(crate) fn panic_in_a_thread(text: String) -> bool {
    std::thread::spawn(move || panic!("{text}")).join().is_err()
}

pub(crate) fn append(path: &Path) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?;
    file.write_all(b"x")
}

/// How often a task left its mark.
pub(crate) fn marks(path: &Path) -> usize {
    std::fs::read(path).map_or(0, |marks| marks.len())
}

/// A file for marks, in a directory that goes with it.
pub(crate) struct Marks {
    directory: tempfile::TempDir,
}

impl Marks {
    pub(crate) fn new() -> Marks {
        Marks {
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    pub(crate) fn path(&self) -> String {
        self.directory.path().join("marks").display().to_string()
    }

    pub(crate) fn as_path(&self) -> PathBuf {
        self.directory.path().join("marks")
    }

    pub(crate) fn count(&self) -> usize {
        marks(Path::new(&self.path()))
    }

    /// Waits until there are this many; the watchdog ends a wait that is too long.
    pub(crate) fn wait_for(&self, count: usize) {
        while self.count() < count {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}
