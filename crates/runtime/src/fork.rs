//! fork, with its contract checked: only a single-threaded process may do it.
//!
//! A child of a process with several threads has one thread and every lock in its state at that
//! instant; the allocator's may be among those that nobody will ever open again.

use crate::child::reset_signals;
use crate::limits::limit_hint;
use nix::errno::Errno;
use nix::unistd::{ForkResult, Pid};
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};
use task::arrays::{Parent, before_fork};
use thiserror::Error;

/// Exit code of a forked child whose code panicked outside any task; Rust's own.
const EXIT_PANIC: i32 = 101;
/// How long other threads may take to end before they count.
const LISTED: Duration = Duration::from_millis(50);

/// Why a process was not forked.
#[derive(Debug, Error)]
pub enum ForkError {
    /// The process has other threads.
    #[error(
        "this process has {threads} threads, and only a single-threaded process can be forked \
         safely; use start method forkserver or spawn"
    )]
    Threads {
        /// How many threads there are, this one included.
        threads: usize,
    },
    /// The number of threads of the process is unknown.
    #[error(
        "only a single-threaded process can be forked safely, and /proc/self/task, which has one entry \
         a thread, cannot be read ({0}); mount /proc, or use start method spawn"
    )]
    NoProc(io::Error),
    /// The kernel refused.
    #[error("fork failed: {0}{hint}", hint = limit_hint(.0))]
    Kernel(#[from] io::Error),
}

impl ForkError {
    /// Whether every other fork of this process would fail alike.
    pub fn is_permanent(&self) -> bool {
        matches!(self, ForkError::Threads { .. } | ForkError::NoProc(_))
    }
}

/// A child just forked.
#[derive(Debug)]
pub struct Forked {
    /// Its process id.
    pub pid: u32,
    /// A descriptor of the process, readable once it has ended.
    pub pidfd: OwnedFd,
}

/// How many threads this process has. Where there are others, they are given a moment to end: a thread
/// that was joined is listed until the kernel has taken it down.
///
/// # Errors
/// Where /proc cannot be read.
pub fn thread_count() -> io::Result<usize> {
    let began = Instant::now();
    let mut pause = Duration::from_micros(20);
    loop {
        let count = fs::read_dir("/proc/self/task")?.count();
        if count <= 1 || began.elapsed() >= LISTED {
            return Ok(count);
        }
        std::thread::sleep(pause);
        pause *= 2;
    }
}

/// Forks, as [`fork_from`] for a parent that goes on while the child lives.
///
/// # Errors
/// As [`fork_from`].
pub fn fork(threads_allowed: bool, child: impl FnOnce() -> i32) -> Result<Forked, ForkError> {
    fork_from(Parent::GoesOn, threads_allowed, child)
}

/// Forks; the child has default signal dispositions and an empty mask, runs `child`, and exits
/// with the code it returns, without running anything of the parent's (no destructors, no
/// buffered output written again). Arrays in shared memory become the child's own, before anything else.
///
/// # Errors
/// [`ForkError::Threads`] or [`ForkError::NoProc`] unless `threads_allowed`, or what the kernel says.
pub fn fork_from(
    parent: Parent,
    threads_allowed: bool,
    child: impl FnOnce() -> i32,
) -> Result<Forked, ForkError> {
    if !threads_allowed {
        match thread_count() {
            Ok(..=1) => {}
            Ok(threads) => return Err(ForkError::Threads { threads }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ForkError::NoProc(error));
            }
            Err(error) => return Err(error.into()),
        }
    }
    io::stdout().flush()?;
    let arrays = before_fork(parent)?;
    // SAFETY: this process is single-threaded (checked above, or the caller answers for it), so
    // the child may go on as the parent would have.
    match unsafe { nix::unistd::fork() }.map_err(io::Error::from)? {
        ForkResult::Child => {
            let code = match arrays.in_child() {
                Ok(()) => {
                    reset_signals();
                    panic::catch_unwind(AssertUnwindSafe(child)).unwrap_or(EXIT_PANIC)
                }
                Err(error) => {
                    let _ = writeln!(io::stderr(), "cannot keep arrays apart: {error}");
                    1
                }
            };
            let _ = io::stdout().flush();
            // SAFETY: ends this process and no other.
            unsafe { libc::_exit(code) }
        }
        ForkResult::Parent { child } => {
            arrays.in_parent();
            let pidfd = pidfd_open(child)?;
            Ok(Forked {
                pid: child.as_raw() as u32,
                pidfd,
            })
        }
    }
}

/// A descriptor of our own child `pid`, which has not been reaped.
///
/// # Errors
/// Where descriptors have run out.
pub(crate) fn pidfd_open(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let raw = Errno::result(raw)? as i32;
    // SAFETY: the kernel has just made this descriptor for us; it is close-on-exec.
    let pidfd = unsafe { OwnedFd::from_raw_fd(raw) };
    debug_assert!(pidfd.as_raw_fd() > 2);
    Ok(pidfd)
}
