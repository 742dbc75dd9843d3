//! What lies in lanes: the values of calls and of results.

#[expect(unused_imports, reason = "documentation names them")]
use crate::message::{Call, FromWorker, ToWorker};
use crate::message::{CallInput, FailureKind, bytes};
use serde::{Deserialize, Serialize};

/// The value of a lane's entry: a [`Call`] whose task is a number beside it, its place in
/// [`FromWorker::Ready`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaneEntry<'a> {
    /// As [`Call::id`].
    pub id: u64,
    /// As [`Call::attempt`].
    pub attempt: u32,
    /// How many [`ToWorker::Attach`] and [`ToWorker::Arena`] messages the worker has to have taken before
    /// it runs this.
    pub attached: u32,
    /// As [`Call::input`], but no stream.
    #[serde(borrow)]
    pub input: CallInput<'a>,
    /// As [`Call::args`].
    #[serde(serialize_with = "bytes")]
    pub args: &'a [u8],
    /// As [`Call::arrays`].
    #[serde(serialize_with = "bytes")]
    pub arrays: &'a [u8],
}

/// What a lane has beside the arguments of a call that has nothing else: no input, no arrays, and nobody has
/// begun it. Most calls are such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlainCall {
    /// As [`Call::id`]; of 40 bits.
    pub id: u64,
    /// As [`LaneEntry::attached`]; of 24 bits.
    pub attached: u32,
}

impl PlainCall {
    /// As it lies in a lane; `None` where its numbers are too large for that.
    #[inline]
    pub fn to_bytes(self) -> Option<[u8; 8]> {
        let fits = self.id < 1 << 40 && self.attached < 1 << 24;
        fits.then(|| (u64::from(self.attached) << 40 | self.id).to_le_bytes())
    }

    /// The inverse of [`to_bytes`](Self::to_bytes).
    #[inline]
    pub fn from_bytes(bytes: &[u8]) -> Option<PlainCall> {
        let word = u64::from_le_bytes(bytes.try_into().ok()?);
        Some(PlainCall {
            id: word & ((1 << 40) - 1),
            attached: (word >> 40) as u32,
        })
    }
}

/// Number of no task: an entry that stands for nothing and is answered by an empty output.
pub const NO_TASK: u32 = u32::MAX;

/// Status of a lane's result whose value is the output.
pub const LANE_DONE: u8 = 0;
/// Status of a lane's result whose value is a [`LaneFailure`].
pub const LANE_FAILED: u8 = 1;

/// The value of a lane's result that is a failure: the fields of [`FromWorker::Failed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaneFailure<'a> {
    /// In which way.
    pub kind: FailureKind,
    /// The error's text, or the panic's.
    pub message: &'a str,
    /// `file:line:column` of a panic, else empty.
    pub location: &'a str,
    /// The backtrace of a panic, else empty.
    pub backtrace: &'a str,
}
