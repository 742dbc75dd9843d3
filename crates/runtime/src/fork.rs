//! fork, with its contract checked: only a single-threaded process may do it.
//!
//! A child of a process with several threads has one thread and every lock in its state at that
//! instant; the allocator's may be among those that nobody will ever open again.

use crate::child::reset_signals;
use crate::limits::limit_hint;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::unistd::{ForkResult, Pid};
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;
use task::arrays::{Parent, before_fork};
use thiserror::Error;

/// Exit code of a forked child whose code panicked outside any task; Rust's own.
const EXIT_PANIC: i32 = 101;
/// How often this looks before other threads count. Looks, not time: while a container is held back
/// by its CPU quota, time passes and no thread gets on.
const LOOKS: u32 = 20;
/// The longest pause between two looks; all pauses together take a quarter of a second.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// The kernel's flag of a thread that will run no more of its program (`include/linux/sched.h`).
const PF_EXITING: u64 = 0x4;

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

/// How many threads this process has. Those that have left their program, as a thread that was joined
/// has, do not count, although the kernel may list them for a while. Where there are others, they are given
/// a moment to end: the threads of a scope are not joined.
///
/// # Errors
/// Where /proc cannot be read.
pub fn thread_count() -> io::Result<usize> {
    let mut pause = Duration::from_micros(20);
    for _ in 1..LOOKS {
        if running_threads(2)? <= 1 {
            return Ok(1);
        }
        std::thread::sleep(pause);
        pause = LONGEST_PAUSE.min(pause * 2);
    }
    running_threads(usize::MAX)
}

/// How many threads still run this program, counted up to `enough`.
fn running_threads(enough: usize) -> io::Result<usize> {
    let mut listed = fs::read_dir("/proc/self/task")?.collect::<io::Result<Vec<_>>>()?;
    if listed.len() > 1 {
        listed = (listed.into_iter())
            .filter(|task| has_not_ended(fs::read_to_string(task.path().join("stat"))))
            .take(enough)
            .collect();
    }
    Ok(listed.len())
}

/// Whether a thread of this `stat` may still run its program; also where that is unknown.
fn has_not_ended(stat: io::Result<String>) -> bool {
    match stat {
        Ok(stat) => flags(&stat).is_none_or(|flags| flags & PF_EXITING == 0),
        Err(error) => {
            error.kind() != io::ErrorKind::NotFound && error.raw_os_error() != Some(libc::ESRCH)
        }
    }
}

/// Field 9 of a `stat` in /proc, counted after the name, which may itself hold spaces and parentheses.
fn flags(stat: &str) -> Option<u64> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    // State is field 3.
    fields.nth(6)?.parse().ok()
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
    // A signal to the child must not run a handler of the parent's, which may write to a pipe of the parent's.
    let mask = SigSet::all()
        .thread_swap_mask(SigmaskHow::SIG_SETMASK)
        .map_err(io::Error::from)?;
    // SAFETY: this process is single-threaded (checked above, or the caller answers for it), so
    // the child may go on as the parent would have.
    let forked = unsafe { nix::unistd::fork() };
    if !matches!(forked, Ok(ForkResult::Child)) {
        // Setting a mask that was just in force cannot be refused.
        let _ = mask.thread_set_mask();
    }
    match forked.map_err(io::Error::from)? {
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

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::{SigHandler, Signal, signal};
    use nix::sys::wait::{WaitStatus, waitpid};
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
    use std::sync::{Arc, Barrier};

    fn own_stat() -> PathBuf {
        // SAFETY: takes nothing.
        let thread = unsafe { libc::gettid() };
        PathBuf::from(format!("/proc/self/task/{thread}/stat"))
    }

    #[test]
    fn a_thread_that_was_joined_does_not_count_though_it_is_listed() {
        assert!(has_not_ended(fs::read_to_string(own_stat())));
        // Many that end at once: the kernel is behind with taking them down.
        for _ in 0..500 {
            let end = Arc::new(Barrier::new(16));
            let ending = || {
                let end = Arc::clone(&end);
                std::thread::spawn(move || {
                    end.wait();
                    own_stat()
                })
            };
            let threads: Vec<_> = (0..16).map(|_| ending()).collect();
            for thread in threads {
                let stat = thread.join().unwrap();
                assert!(!has_not_ended(fs::read_to_string(stat)));
            }
        }
    }

    /// Where the parent's handler writes.
    static PIPE: AtomicI32 = AtomicI32::new(-1);
    /// Whether a child signals itself as soon as there is one.
    static SIGNALS: AtomicBool = AtomicBool::new(false);

    extern "C" fn write(_: libc::c_int) {
        // SAFETY: write may be called in a handler; it is given one byte.
        unsafe { libc::write(PIPE.load(Ordering::Relaxed), [1_u8].as_ptr().cast(), 1) };
    }

    extern "C" fn signal_oneself() {
        if SIGNALS.load(Ordering::Relaxed) {
            // SAFETY: passes no memory.
            unsafe { libc::raise(libc::SIGUSR2) };
        }
    }

    #[test]
    fn a_signal_to_a_new_child_ends_it_and_runs_no_handler_of_its_parent() {
        let (mut reader, writer) = io::pipe().unwrap();
        PIPE.store(writer.as_raw_fd(), Ordering::Relaxed);
        let handler = SigHandler::Handler(write);
        // SAFETY: the handler calls write and nothing else; no other test of this process uses the signal.
        let before = unsafe { signal(Signal::SIGUSR2, handler) }.unwrap();
        // SAFETY: the function stays, and does nothing unless it is asked to.
        let set = unsafe { libc::pthread_atfork(None, None, Some(signal_oneself)) };
        assert_eq!(set, 0);
        SIGNALS.store(true, Ordering::Relaxed);
        let child = fork(true, || 7).unwrap();
        SIGNALS.store(false, Ordering::Relaxed);
        let pid = Pid::from_raw(child.pid as i32);
        let ended = waitpid(pid, None).unwrap();
        assert!(
            matches!(ended, WaitStatus::Signaled(_, Signal::SIGUSR2, _)),
            "{ended:?}"
        );
        // The parent has its mask again, and its handler.
        nix::sys::signal::raise(Signal::SIGUSR2).unwrap();
        // SAFETY: the disposition from before the test.
        unsafe { signal(Signal::SIGUSR2, before) }.unwrap();
        drop(writer);
        let mut written = Vec::new();
        io::Read::read_to_end(&mut reader, &mut written).unwrap();
        assert_eq!(written, [1], "once, by the parent");
    }

    #[test]
    fn flags_come_after_a_hostile_name() {
        let stat = |flags| format!("7490 (a) R) ( Z) R 1 2 3 0 -1 {flags} 100 0 0");
        assert_eq!(flags(&stat("4194304")), Some(4_194_304));
        assert!(has_not_ended(Ok(stat("4194304"))));
        assert!(!has_not_ended(Ok(stat("4194308"))));
        assert!(has_not_ended(Ok("7 (a) R".to_owned())));
        assert!(has_not_ended(Err(io::Error::from_raw_os_error(
            libc::EMFILE
        ))));
    }
}
