//! Deliberate defects. The models have to find each of them, which shows that the models would find it
//! if somebody made it by accident. Without the feature `defects` no lane has one, and the compiler
//! removes every test for one.

use crate::lane::sync::Ordering;

/// A mistake that is easy to make in this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
#[cfg_attr(
    not(feature = "defects"),
    expect(unreachable_pub, reason = "public with the feature")
)]
pub enum Defect {
    /// The worker claims by a plain store, which overwrites a recall.
    ClaimByStore,
    /// The worker tests `head == tail`. Its copy of the tail may be older than the head.
    TailTestedForEquality,
    /// The worker writes `began_ns` after the claim.
    BeganAfterClaim,
    /// The worker publishes a result without Release.
    PublishedRelaxed,
    /// The worker tests `sleep_c` without a fence after it has published.
    NoFenceAfterPublishing,
    /// The worker looks for calls again without a fence after it has set `sleep_w`.
    NoFenceBeforeWorkerSleeps,
    /// The worker sleeps without waking a coordinator that waits until the worker runs dry.
    SleepsDryInSilence,
    /// The worker does not look at `consumed` before it writes a record.
    RecordWithoutRoom,
    /// The coordinator publishes calls without Release.
    TailRelaxed,
    /// The coordinator tests `sleep_w` without a fence after it has published calls.
    NoFenceAfterCalls,
    /// The coordinator looks for results again without a fence after it has set `sleep_c`.
    NoFenceBeforeCoordinatorSleeps,
    /// The coordinator reuses a call's slot as soon as the call is claimed.
    SlotReusedAtClaim,
    /// The coordinator gives the space of a record back before it has copied the record.
    ConsumedBeforeCopy,
    /// The coordinator does not wake a worker that waits for room for its result.
    RoomInSilence,
    /// The coordinator ignores that `head` may move while it recalls, and stores it.
    RecallByStore,
}

/// The defect that a side of a lane has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Defects {
    #[cfg(feature = "defects")]
    pub(crate) only: Option<Defect>,
}

impl Defects {
    #[cfg(feature = "defects")]
    pub(crate) fn has(self, defect: Defect) -> bool {
        self.only == Some(defect)
    }

    #[cfg(not(feature = "defects"))]
    #[inline(always)]
    pub(crate) fn has(self, _: Defect) -> bool {
        false
    }

    /// `right`, or Relaxed where the defect is that.
    #[inline(always)]
    pub(crate) fn or_relaxed(self, defect: Defect, right: Ordering) -> Ordering {
        if self.has(defect) {
            Ordering::Relaxed
        } else {
            right
        }
    }

    /// A full fence, unless the defect is that there is none.
    #[inline(always)]
    pub(crate) fn fence_unless(self, defect: Defect) {
        if !self.has(defect) {
            crate::lane::sync::fence(Ordering::SeqCst);
        }
    }
}
