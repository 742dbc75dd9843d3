//! The system calls of this example, and its only unsafe code: shared memory, fork, poll.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;

/// Words of zeros that forked children share. Never unmapped.
pub(crate) fn shared_words(words: usize) -> &'static [AtomicU64] {
    let (read_write, shared) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_SHARED | libc::MAP_ANONYMOUS,
    );
    // SAFETY: a fresh mapping at an address that the kernel chooses.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), words * 8, read_write, shared, -1, 0) };
    assert_ne!(at, libc::MAP_FAILED, "{}", io::Error::last_os_error());
    // SAFETY: the mapping is page-aligned, writable, zeroed, large enough and never unmapped; every
    // process uses it by atomics alone.
    unsafe { std::slice::from_raw_parts(at.cast::<AtomicU64>(), words) }
}

/// Runs `child` in a new process, which ends with this one. Returns its pid.
pub(crate) fn fork(child: impl FnOnce()) -> i32 {
    // SAFETY: this program has one thread.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "{}", io::Error::last_os_error());
    if pid == 0 {
        // SAFETY: no memory is involved. The example's process may be killed.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        let code = i32::from(catch_unwind(AssertUnwindSafe(child)).is_err());
        // SAFETY: the child ends without running what belongs to its parent.
        unsafe { libc::_exit(code) };
    }
    pid
}

/// Processor time that a process has used, in nanoseconds; of this process where `pid` is 0.
pub(crate) fn processor_ns(pid: i32) -> u64 {
    let mut clock = 0;
    // SAFETY: `clock` outlives the call.
    let found = unsafe { libc::clock_getcpuclockid(pid, &mut clock) };
    assert_eq!(found, 0, "process {pid} has no clock");
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` outlives the call.
    let read = unsafe { libc::clock_gettime(clock, &mut time) };
    assert_eq!(read, 0, "{}", io::Error::last_os_error());
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Ends this program after `seconds`: a lost wake shows up as SIGALRM, not as a hang.
pub(crate) fn watchdog(seconds: u32) {
    // SAFETY: no memory is involved.
    unsafe { libc::alarm(seconds) };
}

/// Keeps this process on one processor, if it may run there. Two processes that spin on the same one would measure
/// the scheduler.
pub(crate) fn pin(processor: usize) {
    // SAFETY: a set of processors is plain bits, and all zeros is the empty set.
    let mut set = unsafe { std::mem::zeroed::<libc::cpu_set_t>() };
    // SAFETY: `set` is a valid set, and the number is below its size.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: `set` outlives the call.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) };
}

/// Waits until one of the descriptors is readable.
pub(crate) fn poll(fds: &[RawFd], timeout_ms: i32) {
    let mut polled = [libc::pollfd {
        fd: -1,
        events: libc::POLLIN,
        revents: 0,
    }; 8];
    for (slot, fd) in polled.iter_mut().zip(fds) {
        slot.fd = *fd;
    }
    // SAFETY: the array outlives the call and is as long as said.
    unsafe { libc::poll(polled.as_mut_ptr(), fds.len().min(8) as u64, timeout_ms) };
}

/// The number of a descriptor.
pub(crate) fn number(fd: &impl AsRawFd) -> RawFd {
    fd.as_raw_fd()
}
