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

/// Bytes of a cache line, and of the step in which memory is read.
const LINE: usize = 64;
/// Lines read in one turn of the loop: enough loads in flight for any prefetcher.
const TURN: usize = 16;

/// Reads one word of every cache line, which makes the machine bring in all of them.
///
/// The loop is written out by hand so that it is as fast in an unoptimised build: what is measured
/// is the memory, and the loads are all that it does.
pub(crate) fn read_lines(bytes: &[u8]) -> u64 {
    let words = bytes.as_ptr().cast::<u64>();
    let step = LINE / size_of::<u64>();
    let turns = bytes.len() / (LINE * TURN);
    let (mut a, mut b, mut c, mut d) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut turn = 0;
    while turn < turns {
        // SAFETY: turn < turns, so the words read lie in the turn's LINE * TURN bytes of the slice;
        // read_unaligned asks for no alignment.
        unsafe {
            let at = words.add(turn * step * TURN);
            a ^= at.read_unaligned() ^ at.add(step).read_unaligned();
            b ^= at.add(2 * step).read_unaligned() ^ at.add(3 * step).read_unaligned();
            c ^= at.add(4 * step).read_unaligned() ^ at.add(5 * step).read_unaligned();
            d ^= at.add(6 * step).read_unaligned() ^ at.add(7 * step).read_unaligned();
            a ^= at.add(8 * step).read_unaligned() ^ at.add(9 * step).read_unaligned();
            b ^= at.add(10 * step).read_unaligned() ^ at.add(11 * step).read_unaligned();
            c ^= at.add(12 * step).read_unaligned() ^ at.add(13 * step).read_unaligned();
            d ^= at.add(14 * step).read_unaligned() ^ at.add(15 * step).read_unaligned();
        }
        turn += 1;
    }
    std::hint::black_box(a ^ b ^ c ^ d)
}

/// Maps `bytes` of a file or segment for reading, shared and untouched.
pub(crate) fn map(file: &impl AsFd, bytes: usize) -> std::io::Result<Mmap> {
    use std::os::fd::AsRawFd;
    // SAFETY: the probes' own segments never shrink; the dataset is only read, and a user who
    // truncates it meanwhile loses the probe's process, which is told as a failed probe.
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
