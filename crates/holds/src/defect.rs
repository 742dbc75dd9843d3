//! Deliberate defects, which prove that the simulation finds what it is meant to find. Without the
//! feature `defects` none can be chosen, and the compiler removes every trace of them.

#![cfg_attr(
    not(feature = "defects"),
    expect(unreachable_pub, reason = "public with the feature alone")
)]

/// One wrong line of code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Defect {
    /// Frees a range with its last handle, although an open call refers to it.
    FreesUnderCall,
    /// Does not count what workers report as retained.
    IgnoresRetained,
    /// Does not keep what forked workers inherited.
    ForgetsForks,
    /// Releases the arguments of a call before its results have taken their holds.
    ReleasesBeforeTaking,
    /// Frees the memory of a sent call when it is cancelled, while its worker may still write.
    ReusesBeforeDeath,
    /// Frees an allocation with the first of its parts.
    FreesWithFirstPart,
    /// Accepts a mutable entry that overlaps another entry of the same table.
    AcceptsDoubles,
    /// Accepts a mutable entry over memory that is alive.
    AcceptsOverlap,
    /// Adds offset and length of an entry without looking for an overflow.
    WrapsAround,
    /// Accepts a result from a worker that the call was not sent to.
    BelievesStrangers,
    /// Accepts `Released` for what the worker does not hold.
    ReleasesUnheld,
    /// Reports one entry for each freed range, however many were received.
    CountsOneEntry,
    /// Loses the handles of one of two lent ranges that become one.
    LosesHandles,
    /// Reports a dead worker's arena as done while arrays in it are alive.
    EndsArenaEarly,
    /// Gives back pages of a dead worker's arena that arrays still use.
    PunchesLive,
    /// Does not return to the allocator what a call dropped.
    Leaks,
    /// Does not join a freed range with the free range after it.
    DoesNotCoalesce,
    /// Takes used bytes for fresh ones.
    TrustsUsedBytes,
    /// Gives back ranges that have been allocated again.
    PunchesAllocated,
    /// The worker's side: takes any `Freed` for the last one of the allocation.
    TakesFirstForLast,
}

impl Defect {
    /// Every defect there is.
    #[cfg(feature = "defects")]
    pub const ALL: [Defect; 20] = [
        Defect::FreesUnderCall,
        Defect::IgnoresRetained,
        Defect::ForgetsForks,
        Defect::ReleasesBeforeTaking,
        Defect::ReusesBeforeDeath,
        Defect::FreesWithFirstPart,
        Defect::AcceptsDoubles,
        Defect::AcceptsOverlap,
        Defect::WrapsAround,
        Defect::BelievesStrangers,
        Defect::ReleasesUnheld,
        Defect::CountsOneEntry,
        Defect::LosesHandles,
        Defect::EndsArenaEarly,
        Defect::PunchesLive,
        Defect::Leaks,
        Defect::DoesNotCoalesce,
        Defect::TrustsUsedBytes,
        Defect::PunchesAllocated,
        Defect::TakesFirstForLast,
    ];
}

/// The defect that a state machine has, which is none unless a test asks for one.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Chosen(#[cfg(feature = "defects")] pub(crate) Option<Defect>);

impl Chosen {
    #[cfg(feature = "defects")]
    pub(crate) fn is(self, defect: Defect) -> bool {
        self.0 == Some(defect)
    }

    #[cfg(not(feature = "defects"))]
    pub(crate) const fn is(self, _: Defect) -> bool {
        false
    }
}
