//! What the worker's side of a lane takes and reports.

use crate::lane::body::Body;

/// A call, copied out of the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call<'a> {
    /// Its index in the lane.
    pub index: u64,
    /// The number of its task.
    pub task: u32,
    /// The arguments. Where they travel by the socket, frames of lower indices are of calls that were recalled,
    /// and are skipped.
    pub body: Body<'a>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// What both sides agreed on.
    pub status: u8,
    /// How long it ran, in nanoseconds, `u32::MAX` where it was longer.
    pub ran_ns: u32,
    /// The output. One that travels by the socket is sent before [`WorkerLane::complete`](crate::lane::WorkerLane::complete) is called: what is published
    /// is a result, even if the worker dies at once.
    pub body: Body<'a>,
}

/// How a result was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Completion {
    /// It is published. The worker may claim the next call.
    Published {
        /// The caller has to send a wake byte.
        wake: bool,
    },
    /// The ring has no room. Spin or sleep ([`Reason::Room`]) until it has, and call again.
    NoRoom,
    /// It never fits: send it by the socket, and call again with [`Body::Socket`].
    TooLong,
}

/// What the worker waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A call, for which it looks by itself before long.
    Calls,
    /// A call, for which it looks only once it is woken.
    Wake,
    /// Room for the result of the claimed call.
    Room,
}

/// Whether the worker may sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Rest {
    /// The flag is set: block until the socket has a wake byte or ends, then call
    /// [`WorkerLane::woken`](crate::lane::WorkerLane::woken).
    Sleep {
        /// The caller has to send a wake byte before it blocks.
        wake: bool,
    },
    /// What it waits for is there, and the flag is not set.
    Ready,
}
