//! The vocabulary of the coordinator's view: what regions and workers are, and what there is to do.

use std::collections::{BTreeMap, BTreeSet};

use crate::alloc::{GIVE_BACK_AFTER_NS, GIVE_BACK_BYTES};
use crate::range::{CallId, Range, RegionId, SMALL_BYTES, Worker};

/// What the machine and the protocol prescribe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Page size of the system, in bytes.
    pub page: u64,
    /// The smallest range that a worker may lend from its arena, in bytes. Bounds what entries cost.
    pub smallest: u64,
    /// A free range with this many bytes in use is given back.
    pub give_back_bytes: u64,
    /// It is given back when it was free for this long.
    pub give_back_after_ns: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            page: 4096,
            smallest: SMALL_BYTES,
            give_back_bytes: GIVE_BACK_BYTES,
            give_back_after_ns: GIVE_BACK_AFTER_NS,
        }
    }
}

/// What a region is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegionKind {
    /// The process's arena for `Array`: workers may only read it.
    Array,
    /// The process's arena for `ArrayMut`: a worker that is handed a part may write to it.
    ArrayMut,
    /// The arena of a worker, who allocates in it.
    Worker(Worker),
}

/// How a worker has to have a region attached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Access {
    /// By a descriptor that is open for reading alone.
    Read,
    /// By a descriptor that is open for reading and writing.
    Write,
}

/// What the shell has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The range is free. For a worker's arena: report it to that worker, if it lives, with `entries`.
    /// For the coordinator's regions: the range is back in the allocator already.
    Freed {
        /// The region.
        region: RegionId,
        /// A whole block.
        range: Range,
        /// Entries of results that the arena's own worker lent this block by; 0 in other regions.
        entries: u64,
    },
    /// Nobody uses these whole pages of a dead worker's arena: give them back to the system.
    Punch {
        /// The region.
        region: RegionId,
        /// Whole pages.
        range: Range,
    },
    /// The arena of a dead worker has no array left: unmap it here, detach it elsewhere, and close it.
    ArenaDone {
        /// The region, whose number is not used again.
        region: RegionId,
    },
}

/// How a worker is started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Start {
    /// It is a fork of this process, and so has every array that is alive now.
    pub forked: bool,
    /// It may be handed mutable memory outside its own arena. External and confined workers are not: arrays
    /// are copied there.
    pub writable: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Membership {
    pub(super) writable: bool,
    /// The number of its fork.
    pub(super) fork: Option<u64>,
    pub(super) arena: Option<RegionId>,
    pub(super) attached: BTreeMap<RegionId, Access>,
    /// Calls that were sent to it.
    pub(super) calls: BTreeSet<CallId>,
}
