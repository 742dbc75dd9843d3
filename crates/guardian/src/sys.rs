//! The system calls that the guardian makes, by number.
//!
//! It may be a copy of a process with many threads, where no lock is safe to take. `syscall` takes
//! none, and was bound by the dynamic linker before the guardian was born, since its owner has
//! called it.

use std::ffi::CStr;

/// Signals a process group, or (`pid` > 0) a process.
pub(crate) fn kill(pid: i64, signal: i32) {
    // SAFETY: passes no memory.
    unsafe { libc::syscall(libc::SYS_kill, pid, signal) };
}

/// A descriptor of a process; negative where there is none.
pub(crate) fn pidfd_open(pid: u32) -> i64 {
    // SAFETY: passes no memory.
    unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) }
}

/// Signals the process that a descriptor stands for.
pub(crate) fn pidfd_kill(pidfd: i64, signal: i32) {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: no memory is passed but a null pointer, which is allowed.
    unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signal, no_info, 0) };
}

/// Unlinks a file; `path` ends with a zero.
pub(crate) fn unlink(path: &[u8]) {
    let Ok(path) = CStr::from_bytes_until_nul(path) else {
        return;
    };
    // SAFETY: the path is a terminated string.
    unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path.as_ptr(), 0) };
}

/// Opens a file for reading; negative where that fails.
pub(crate) fn open(path: &CStr) -> i64 {
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: the path is a terminated string.
    unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0) }
}

/// Reads; negative where that fails, 0 at the end.
pub(crate) fn read(fd: i64, to: &mut [u8]) -> i64 {
    // SAFETY: the buffer is writable for its length.
    unsafe { libc::syscall(libc::SYS_read, fd, to.as_mut_ptr(), to.len()) }
}

pub(crate) fn close(fd: i64) {
    // SAFETY: closes a descriptor that the guardian has opened itself.
    unsafe { libc::syscall(libc::SYS_close, fd) };
}

/// Waits until a descriptor is readable; `false` where the wait was broken off.
pub(crate) fn wait_readable(fd: i32) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid pollfd, no time limit, no signal mask.
    let ready = unsafe {
        libc::syscall(
            libc::SYS_ppoll,
            &raw mut poll,
            1,
            std::ptr::null::<libc::timespec>(),
            std::ptr::null::<libc::sigset_t>(),
            0,
        )
    };
    ready == 1
}

/// Ends this process.
pub(crate) fn exit(code: i32) -> ! {
    loop {
        // SAFETY: ends this process and no other.
        unsafe { libc::syscall(libc::SYS_exit_group, code) };
    }
}
