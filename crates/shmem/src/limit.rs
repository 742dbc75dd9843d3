//! The limit that stands in the way of a piece of memory, in words that name it, its value and a
//! command that would do.

use std::fmt;

use crate::address_space::AddressSpace;
use crate::room::{CgroupRoom, FileSystem};

/// The limit that binds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// The tmpfs is (almost) full.
    FileSystem(FileSystem),
    /// The machine's memory.
    Memory {
        /// Bytes available.
        available: u64,
    },
    /// A control group (a container's memory limit, say).
    Cgroup(CgroupRoom),
    /// `ulimit -f`.
    FileSize {
        /// The longest file, bytes.
        available: u64,
    },
    /// `ulimit -v`.
    AddressSpace(AddressSpace),
    /// None that could be read.
    None,
}

impl Limit {
    /// Bytes that it leaves.
    pub fn available(&self) -> u64 {
        match self {
            Limit::FileSystem(FileSystem { available, .. })
            | Limit::Memory { available }
            | Limit::Cgroup(CgroupRoom { available, .. })
            | Limit::FileSize { available }
            | Limit::AddressSpace(AddressSpace { available, .. }) => *available,
            Limit::None => u64::MAX,
        }
    }

    /// The limit in words, for whoever wants `wanted` bytes and does not get them: its value, what
    /// is left of it, and what would do.
    pub fn for_bytes(&self, wanted: u64) -> impl fmt::Display {
        Shortage {
            limit: self.clone(),
            wanted,
        }
    }
}

/// Added to what a command is to ask for, since a program goes on taking a little.
const SPARE: u64 = 16 << 20;

struct Shortage {
    limit: Limit,
    wanted: u64,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = self.wanted;
        // A limit that leaves `available` of `limit` has to be so large.
        let enough = |limit: u64, available| limit.saturating_sub(available).saturating_add(wanted);
        match &self.limit {
            Limit::FileSystem(FileSystem {
                path,
                total,
                available,
            }) => {
                let (path, mib) = (path.display(), enough(*total, *available).div_ceil(1 << 20));
                write!(
                    f,
                    "{path} has {available} of its {total} bytes free; remove what fills it, or \
                     enlarge it: `mount -o remount,size={mib}M {path}` would do (for a container \
                     --shm-size={mib}m)"
                )
            }
            Limit::Memory { available } => write!(
                f,
                "the machine has {available} bytes of memory available (MemAvailable in \
                 /proc/meminfo); end other programs or take less at a time"
            ),
            Limit::Cgroup(CgroupRoom {
                file,
                limit,
                available,
            }) => write!(
                f,
                "the control group's memory limit is {limit} bytes, of which {available} are left; \
                 take less at a time, or raise it: `echo {} > {}` would do (for a container \
                 --memory)",
                enough(*limit, *available),
                file.display()
            ),
            Limit::FileSize { available } => write!(
                f,
                "files may have {available} bytes at most (RLIMIT_FSIZE); `ulimit -f {}` would do",
                wanted.div_ceil(1024)
            ),
            Limit::AddressSpace(AddressSpace { limit, available }) => write!(
                f,
                "this process may have {limit} bytes of address space (RLIMIT_AS), of which \
                 {available} are left for it; `ulimit -v {}` would do",
                (enough(*limit, *available) + SPARE).div_ceil(1024)
            ),
            Limit::None => f.write_str("no limit is known"),
        }
    }
}
