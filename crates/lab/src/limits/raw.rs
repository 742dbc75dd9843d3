//! The few lines of the probes that the compiler cannot check: fork, mappings, the read loop.
//!
//! Every probe runs in a process of its own that has one thread whenever it forks.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use memmap2::{Advice, Mmap, MmapMut, MmapOptions};
use nix::fcntl::OFlag;
use nix::sys::mman::{shm_open, shm_unlink};
use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, ftruncate};

/// A cache line of 64 bytes, of which one word is read.
type Line = [u64; 8];
/// As many lines as a page of 4 KiB has.
type Lines = [Line; 64];
/// Neighbouring pages that are read side by side.
type Pages = [Lines; 4];

/// Reads one word of every cache line, which makes the machine bring in all of them.
///
/// Four pages are read side by side: the hardware looks ahead within a page only, and so it is kept
/// busy across the ends of pages. Arrays of fixed size leave nothing to check, so that the loop is as
/// fast in an unoptimised build.
pub(crate) fn read_lines(bytes: &[u8]) -> u64 {
    // SAFETY: every bit pattern is valid for u64.
    let (_, blocks, rest) = unsafe { bytes.align_to::<Pages>() };
    let mut seen = rest.last().map_or(0, |byte| u64::from(*byte));
    for [one, two, three, four] in blocks {
        for (((a, b), c), d) in one.iter().zip(two).zip(three).zip(four) {
            seen ^= a[0] ^ b[0] ^ c[0] ^ d[0];
        }
    }
    std::hint::black_box(seen)
}

/// Reads a mapping as [`read_lines`] does, and a byte of every 64 KiB, which is what one page fault brings,
/// some way ahead: no way is known to read a mapping faster for the first time.
pub(crate) fn read_mapping(bytes: &[u8]) -> u64 {
    const FAULT: usize = 64 << 10;
    const WINDOW: usize = 8 * FAULT;
    let (mut seen, mut touched) = (0, 0);
    for (window, end) in bytes.chunks(WINDOW).zip((2 * WINDOW..).step_by(WINDOW)) {
        while touched < end.min(bytes.len()) {
            seen ^= u64::from(bytes[touched]);
            touched += FAULT;
        }
        seen ^= read_lines(window);
    }
    std::hint::black_box(seen)
}

/// Maps `bytes` of a file or segment for reading, shared and untouched.
pub(crate) fn map(file: &impl AsFd, bytes: usize) -> std::io::Result<Mmap> {
    use std::os::fd::AsRawFd;
    // SAFETY: the probes' own segments never shrink; the dataset is only read, and a user who
    // truncates it meanwhile loses the probe's process, which is reported as a failed probe.
    unsafe { MmapOptions::new().len(bytes).map(file.as_fd().as_raw_fd()) }
}

/// Maps `bytes` of a segment for writing, shared and untouched.
pub(crate) fn map_mut(segment: &OwnedFd, bytes: usize) -> std::io::Result<MmapMut> {
    // SAFETY: the segment is the probe's own, has no name any more and never shrinks.
    unsafe { MmapOptions::new().len(bytes).map_mut(segment) }
}

/// Private memory, every page touched, huge pages or base pages as the kernel allows.
pub(crate) fn filled_memory(bytes: usize, huge: bool) -> std::io::Result<MmapMut> {
    let mut memory = MmapMut::map_anon(bytes.max(1))?;
    // A kernel without huge pages refuses the advice, and has base pages anyway.
    let _ = memory.advise(if huge {
        Advice::HugePage
    } else {
        Advice::NoHugePage
    });
    memory.fill(1);
    Ok(memory)
}

/// A shared-memory segment whose name is gone already: nothing is left of it when the probe ends,
/// however it ends.
pub(crate) fn segment(bytes: u64) -> anyhow::Result<OwnedFd> {
    let name = format!("/handoff-limits-{}", std::process::id());
    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_RDWR;
    let segment = shm_open(name.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
    shm_unlink(name.as_str())?;
    ftruncate(&segment, i64::try_from(bytes)?)?;
    Ok(segment)
}

/// Opens a file that another program may be reading too.
pub(crate) fn open(path: &std::path::Path) -> anyhow::Result<(File, u64)> {
    use anyhow::Context;
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

/// Runs `work` in a forked child, which then ends without running anything of the parent's.
pub(crate) fn in_child(work: impl FnOnce()) -> nix::Result<Pid> {
    // SAFETY: a probe's process has one thread whenever it forks (its threads are scoped and
    // joined), so the child may do whatever the parent might.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            work();
            // SAFETY: _exit takes any code and does not return.
            unsafe { libc::_exit(0) }
        }
    }
}

/// Waits for a child of [`in_child`].
pub(crate) fn reap(child: Pid) -> anyhow::Result<()> {
    match waitpid(child, None)? {
        nix::sys::wait::WaitStatus::Exited(_, 0) => Ok(()),
        other => anyhow::bail!("a child of the probe ended with {other:?}"),
    }
}
