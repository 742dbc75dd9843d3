//! The limit that a piece of memory would exceed, in words that name it, its value and a
//! command that would do.

use std::fmt;
use std::path::PathBuf;

use crate::address_space::AddressSpace;

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

    /// The limit in words, where `wanted` bytes were requested and are not available: its value, what
    /// is left of it, and which command would do.
    pub fn for_bytes(&self, wanted: u64) -> impl fmt::Display {
        Shortage {
            limit: self.clone(),
            wanted,
        }
    }
}

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// A path in it.
    pub path: PathBuf,
    /// Bytes in all.
    pub total: u64,
    /// Bytes free.
    pub available: u64,
}

/// What a control group leaves: its limit less its usage. Of memory it counts bytes, and file pages
/// that can be dropped are not used; of tasks it counts processes and threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupRoom {
    /// The file that holds the limit.
    pub file: PathBuf,
    /// What that file says.
    pub limit: u64,
    /// What is left.
    pub available: u64,
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
