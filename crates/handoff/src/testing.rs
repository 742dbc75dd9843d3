//! Tasks that go wrong on request, for the tests of programs that use pools.
//!
//! What a program does when a worker crashes, hangs or answers late is hard to test with tasks that
//! work. These are linked into every program that uses this crate, so its workers have them too:
//!
//! ```no_run
//! use handoff::{ErrorKind, Pool, testing};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), handoff::Error> {
//! # handoff::init();
//! let mut pool = Pool::builder().retries(0).workers(1).start()?;
//! assert_eq!(pool.run(testing::crash()).unwrap_err().kind(), ErrorKind::Died);
//! let hang = testing::hang().timeout(Duration::from_millis(10));
//! assert_eq!(pool.run(hang).unwrap_err().kind(), ErrorKind::TimedOut);
//! assert_eq!(pool.run(testing::late(20, "answer".into()))?, "answer");
//! # Ok(())
//! # }
//! ```
//!
//! On threads ([`StartMethod::InProcess`](crate::StartMethod::InProcess)), crashes and exits are the
//! program's own.

use crate::task;
use std::path::PathBuf;
use std::time::Duration;

/// Ends its worker by SIGABRT.
#[task]
pub fn crash() {
    std::process::abort();
}

/// Ends its worker with an exit code.
#[task]
pub fn exit(code: i32) {
    std::process::exit(code);
}

/// Crashes the first `times` that it is run, then answers how often it was. Counts in the file at
/// `marks`, since a worker's memory dies with it.
#[task]
pub fn crash_at_first(marks: PathBuf, times: u64) -> std::io::Result<u64> {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(marks)?;
    file.write_all(b"x")?;
    let begun = file.metadata()?.len();
    if begun <= times {
        std::process::abort();
    }
    Ok(begun)
}

/// Never answers.
#[task]
pub fn hang() {
    loop {
        std::thread::park();
    }
}

/// Answers after `millis` milliseconds.
#[task]
pub fn late(millis: u64, answer: String) -> String {
    std::thread::sleep(Duration::from_millis(millis));
    answer
}

/// Panics.
#[task]
pub fn panic(message: String) {
    panic!("{message}");
}

/// Returns an error.
#[task]
pub fn fail(message: String) -> Result<(), String> {
    Err(message)
}

/// Answers with `len` bytes.
#[task]
pub fn bytes(len: usize) -> Vec<u8> {
    vec![b'x'; len]
}
