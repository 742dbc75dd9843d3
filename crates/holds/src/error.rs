//! What can go wrong: violations, which a worker commits, and use errors, which the coordinator's own code
//! commits. A violation ends the worker; a use error changes nothing.

use std::fmt;

use crate::range::{CallId, Range, RegionId, Worker};
use crate::units::Bytes;
use crate::usage::Usage;

/// Why a report of a worker is refused. The state is unchanged; the worker has to be killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{list} {index}: {reason}")]
pub struct Violation {
    /// Which list of the report.
    pub list: List,
    /// Which entry of that list.
    pub index: usize,
    /// What is wrong with it.
    pub reason: Reason,
}

/// The lists of a worker's report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum List {
    /// The table of the result.
    Outputs,
    /// The arrays that the worker still holds after a call.
    Retained,
    /// An array that it no longer holds.
    Released,
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            List::Outputs => "array of the result",
            List::Retained => "retained array",
            List::Released => "released array",
        })
    }
}

/// What is wrong with an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Reason {
    /// The call is not open, or was not sent to this worker. (The index is 0.)
    #[error("result of a call that the worker does not have")]
    NoSuchCall,
    /// The region does not exist, or the worker was never given it.
    #[error("unknown region")]
    UnknownRegion,
    /// The range ends outside the region.
    #[error("out of range")]
    OutOfRange,
    /// The range has no bytes.
    #[error("0 bytes long")]
    Empty,
    /// Arrays this small travel as bytes.
    #[error("too small for an array of its own")]
    TooSmall,
    /// Two entries of the report overlap, and one of them is mutable.
    #[error("overlaps another array of the report")]
    Doubled,
    /// The range overlaps memory that is alive, and that the worker may not name in this way.
    #[error("overlaps memory that is in use")]
    Overlaps,
    /// A mutable entry over memory that the worker does not own, or an entry over more than it owns.
    #[error("the worker does not own this memory")]
    NotOwned,
    /// An immutable entry over memory that the worker was not given, or no longer holds.
    #[error("the worker does not hold this memory")]
    NotHeld,
}

/// A mistake in the coordinator's own code, or a resource that it lacks. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UseError {
    /// The number was used before, or the worker of the region is not alive.
    #[error("region {0:?} cannot be added: its number is in use, or its worker is not alive")]
    BadRegion(RegionId),
    /// There is no such region, or it is not one that the coordinator allocates in.
    #[error("no region {0:?} of the coordinator")]
    NoSuchRegion(RegionId),
    /// The worker is dead, or was never added.
    #[error("no worker {0:?}")]
    NoSuchWorker(Worker),
    /// The worker was added before.
    #[error("worker {0:?} exists")]
    WorkerExists(Worker),
    /// The call is not open.
    #[error("no open call {0:?}")]
    NoSuchCall(CallId),
    /// The call exists, or is at a worker, or was cancelled.
    #[error("call {0:?} is open, sent or cancelled")]
    CallBusy(CallId),
    /// There is no handle of that kind for exactly (mutable) or within (immutable) this range.
    #[error("no handle for {1} in {0:?}")]
    NoHandle(RegionId, Range),
    /// A mutable range occurs twice among the arguments of a call.
    #[error("{1} in {0:?} are handed over twice")]
    Doubled(RegionId, Range),
    /// Others may only read this region, so none of it can be handed over: copy the array.
    #[error("{0:?} is read-only for workers")]
    ReadOnlyRegion(RegionId),
    /// A cut outside the range, or at its ends.
    #[error("{0} cannot be split there")]
    BadSplit(Range),
    /// The parts do not follow each other in one allocation.
    #[error("the parts do not follow each other in one allocation")]
    NotAdjacent,
    /// The worker has not been sent this region, or not for writing.
    #[error("{0:?} is not attached as needed")]
    NotAttached(RegionId),
    /// External and confined workers get no writable memory.
    #[error("worker {0:?} gets no writable memory")]
    NoWritableMemory(Worker),
    /// An allocation of 0 bytes.
    #[error("an array of 0 bytes needs no memory")]
    Empty,
    /// No free range is long enough.
    #[error("arena full: {}; {} were asked for, the longest free range is {}", .0.usage, Bytes(.0.asked), Bytes(.0.longest))]
    Full(Full),
}

/// The sizes of a failed allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full {
    /// Bytes that were asked for.
    pub asked: u64,
    /// Bytes of the longest free range.
    pub longest: u64,
    /// What the arena's memory is held by.
    pub usage: Usage,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_arena_is_reported_with_what_holds_it() {
        let usage = Usage {
            size: 4 << 30,
            handles: 3 << 30,
            calls: 1 << 20,
            ..Usage::default()
        };
        let message = UseError::Full(Full {
            asked: 2 << 30,
            longest: 1 << 30,
            usage,
        })
        .to_string();
        assert_eq!(
            message,
            "arena full: 3.0 of 4.0 GiB are held (3.0 GiB by handles, 1.0 MiB by open calls); \
             2.0 GiB were asked for, the longest free range is 1.0 GiB"
                .replace("3.0 of 4.0 GiB", "3.0 GiB of 4.0 GiB")
        );
    }
}
