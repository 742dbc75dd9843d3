//! The few system calls and `/proc` readings that several files here need, each with its checks.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The size of what a descriptor stands for, bytes.
pub(crate) fn size_of(fd: BorrowedFd<'_>) -> io::Result<u64> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // Not by the C library, which may ask by newfstatat(2): that one takes a path as well, and so
    // is refused to a confined worker.
    // SAFETY: the buffer is as large as the kernel's own on 64-bit machines.
    let result = unsafe { libc::syscall(libc::SYS_fstat, fd.as_raw_fd(), stat.as_mut_ptr()) };
    nix::errno::Errno::result(result)?;
    // SAFETY: all zeros are a valid value, and so is what the kernel has written.
    Ok(unsafe { stat.assume_init() }.st_size.max(0) as u64)
}

/// Bytes of memory behind a descriptor of a tmpfs, whole pages.
pub(crate) fn allocated(fd: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(nix::sys::stat::fstat(fd)?.st_blocks.max(0) as u64 * 512)
}

/// The size of a page, bytes.
pub fn page_size() -> u64 {
    use nix::unistd::{SysconfVar, sysconf};
    // Every Linux answers; 4096 keeps the arithmetic whole should one not.
    sysconf(SysconfVar::PAGE_SIZE)
        .ok()
        .flatten()
        .map_or(4096, |bytes| bytes as u64)
}

/// The size of a huge page, bytes; `None` where the kernel knows no transparent huge pages.
pub(crate) fn huge_page_size() -> Option<u64> {
    fs::read_to_string("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
        .ok()?
        .trim()
        .parse()
        .ok()
        .filter(|bytes: &u64| bytes.is_power_of_two())
}

/// 64 unpredictable bits.
pub(crate) fn random() -> io::Result<u64> {
    let mut bits = 0u64;
    // SAFETY: the buffer is `bits`, eight writable bytes. Up to 256 bytes come whole or not at all.
    let got = unsafe { libc::getrandom((&raw mut bits).cast(), 8, 0) };
    if got == 8 {
        Ok(bits)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// When a process started, clock ticks since boot; `None` if there is no such process, or only
/// its unreaped remains.
pub(crate) fn start_time(pid: u32) -> io::Result<Option<u64>> {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(text) => Ok(parse_start_time(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Distinguish "no such process" from "no /proc".
            fs::metadata("/proc/self/stat").map(|_| None)
        }
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Field 22 of `/proc/<pid>/stat`, counted after the command's name, which may itself hold spaces
/// and parentheses. A zombie or a dead process has none.
fn parse_start_time(stat: &str) -> Option<u64> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    // State is field 3, hence field 22 is the nineteenth after it.
    fields.nth(18)?.parse().ok()
}

/// Which lock of an open file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lock {
    /// Others may have it too.
    Shared,
    /// Nobody else has one.
    Exclusive,
}

/// Locks an open file, without waiting, until its last descriptor is closed. `false` where a lock of
/// another open file is in the way.
///
/// The locks of the standard library came with Rust 1.89; those of nix end when one of several
/// descriptors is dropped, in a forked process too.
pub(crate) fn try_lock(fd: BorrowedFd<'_>, lock: Lock) -> io::Result<bool> {
    let operation = match lock {
        Lock::Shared => libc::LOCK_SH,
        Lock::Exclusive => libc::LOCK_EX,
    };
    loop {
        // SAFETY: takes a descriptor and a number.
        if unsafe { libc::flock(fd.as_raw_fd(), operation | libc::LOCK_NB) } == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::WouldBlock => return Ok(false),
            io::ErrorKind::Interrupted => {}
            _ => return Err(error),
        }
    }
}

/// Reads up to `len` bytes of a file at `offset` into memory at `to`; 0 at its end.
///
/// # Safety
///
/// - `to` points into a writable mapping that covers `len` bytes from there, and stays for the
///   call. Its pages need not exist: a page that cannot be had is the error `EFAULT`.
/// - nobody else reads or writes those bytes meanwhile.
pub(crate) unsafe fn read_at(
    file: BorrowedFd<'_>,
    to: *mut u8,
    len: usize,
    offset: u64,
) -> io::Result<usize> {
    loop {
        // SAFETY: as the caller guarantees; the kernel checks every page that it writes.
        let got =
            unsafe { libc::pread64(file.as_raw_fd(), to.cast(), len, offset as libc::off64_t) };
        if got >= 0 {
            return Ok(got as usize);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Runs `work` with every signal blocked in this thread, so that threads started in it are born
/// with all signals blocked, and puts the mask back.
pub(crate) fn with_signals_blocked<T>(work: impl FnOnce() -> T) -> T {
    use nix::sys::signal::{SigSet, SigmaskHow};
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let result = work();
    if let Ok(before) = before {
        // Setting a mask that was just in force cannot be refused.
        let _ = before.thread_set_mask();
    }
    result
}

/// The limit that setrlimit(2) puts on the size of a file (`ulimit -f`), bytes. Going past it
/// would raise SIGXFSZ.
pub(crate) fn file_size_limit() -> Option<u64> {
    use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
    let (soft, _) = getrlimit(Resource::RLIMIT_FSIZE).ok()?;
    (soft != RLIM_INFINITY).then_some(soft)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_time_is_read_after_a_hostile_command_name() {
        let fields = "S 1 1 1 0 -1 4194304 100 0 0 0 0 0 0 0 20 0 1 0 84690 3133440 394";
        assert_eq!(
            parse_start_time(&format!("7490 (a) R) ( Z) {fields}")),
            Some(84690)
        );
        assert_eq!(
            parse_start_time(&format!("7 (cat) {}", fields.replace('S', "Z"))),
            None
        );
        assert_eq!(parse_start_time("unparsable"), None);
        assert_eq!(parse_start_time("7 (cat) S 1"), None);
    }
}
