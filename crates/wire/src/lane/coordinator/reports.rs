//! What the coordinator's side of a lane reports.

use std::ops::Range;

use thiserror::Error;

use crate::lane::body::Body;

/// Why a call was not put into the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PushError {
    /// There is no room now. There will be when results were taken.
    #[error("the lane is full")]
    Full,
    /// The body never fits: it has to travel by the socket.
    #[error("the call has more bytes than fit in the lane ({max})")]
    TooLong {
        /// See [`Layout::call_inline_max`](crate::lane::Layout::call_inline_max).
        max: usize,
    },
}

/// A result, copied out of the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Index of the call.
    pub index: u64,
    /// How the call ended. The lane does not know what the number means.
    pub status: u8,
    /// Running time by the worker's clock, in nanoseconds, at most `u32::MAX`. Untrusted.
    pub ran_ns: u32,
    /// The output. One that travels by the socket was sent before this record was published.
    pub body: Body<'a>,
}

/// What a recall achieved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recalled {
    /// These calls, the oldest unclaimed ones, will never be begun by this worker. Empty where all were claimed.
    Calls(Range<u64>),
    /// The worker claimed a call at each of 16 tries. Try again later.
    Contended,
}

/// What the worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// It has claimed no call that is without a result.
    Nothing,
    /// It has claimed this call.
    Call(Claimed),
    /// It moved while this side looked, or there are results to take first. Take them and look again.
    Unsettled,
}

/// The one call that a worker has claimed and not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    /// Index of the call.
    pub index: u64,
    /// When the worker claimed it, by its clock. Untrusted: see [`Claimed::since_ns`].
    pub began_ns: u64,
    /// Whether its function has returned.
    pub returned: bool,
}

impl Claimed {
    /// Since when the call counts as running. The worker's clock can move that to before the coordinator first
    /// saw the call running, not to after it, and not to before it was sent.
    pub fn since_ns(&self, sent_ns: u64, first_seen_ns: u64) -> u64 {
        self.began_ns.max(sent_ns).min(first_seen_ns)
    }
}

/// What happens to the calls of a dead worker that have no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AfterDeath {
    /// The call that was begun. Charged with the death, unless its function had returned: then its
    /// result is lost.
    pub begun: Option<Claimed>,
    /// Calls that were never begun: requeued without a charge.
    pub unclaimed: Range<u64>,
}

/// When the worker is to send a wake byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeAt {
    /// At its next result.
    NextResult,
    /// When it has no call left, or no room for results. To be used with a timer.
    Dry,
}

/// Whether the coordinator may sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Armed {
    /// The flag is set. A wake byte will come, or the worker dies.
    Sleep,
    /// There are results to take, or space to release, and the flag is not set.
    Ready,
}
