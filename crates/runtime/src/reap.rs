//! Reaping a child: how it ended, and the most memory that it ever had.

use nix::errno::Errno;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A child that has ended and was reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reaped {
    /// The code that it exited with, or the number of the signal that ended it.
    pub ending: Result<i32, i32>,
    /// The most that was ever resident of it, in bytes, what it had before an exec among it.
    pub rss_peak: u64,
}

/// Reaps the child of `pidfd`, which is this process's own; `None` if it runs, unless `wait`.
///
/// The C library's waitid(2) leaves out the memory, which the kernel's gives.
///
/// # Errors
/// Where it is no child of this process, or was reaped before.
pub fn reap(pidfd: BorrowedFd<'_>, wait: bool) -> io::Result<Option<Reaped>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let how = if wait { 0 } else { libc::WNOHANG };
    loop {
        // SAFETY: the kernel writes to two places of the sizes that it expects.
        let waited = unsafe {
            libc::syscall(
                libc::SYS_waitid,
                libc::P_PIDFD,
                pidfd.as_raw_fd(),
                info.as_mut_ptr(),
                libc::WEXITED | how,
                usage.as_mut_ptr(),
            )
        };
        match Errno::result(waited) {
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // SAFETY: all zeros are valid values of both, and so is what the kernel has written.
    let (info, usage) = unsafe { (info.assume_init(), usage.assume_init()) };
    // SAFETY: these fields are those of a child's end, or zero where none has ended.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Ok(None);
    }
    Ok(Some(Reaped {
        ending: match info.si_code {
            libc::CLD_EXITED => Ok(status),
            _ => Err(status),
        },
        rss_peak: usage.ru_maxrss as u64 * 1024,
    }))
}
