//! Sizes of the simulated machine, and what is counted of a run.

/// Page size of the simulated machine, in bytes.
pub(super) const PAGE: u64 = 256;
/// The smallest range that a worker lends, in bytes.
pub(super) const SMALLEST: u64 = 128;

/// What happened in a run. For the judgement of the simulation, not of the state machine.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Workers that were started.
    pub workers: u64,
    /// Workers that died.
    pub deaths: u64,
    /// Results that were received.
    pub results: u64,
    /// Arrays in these results.
    pub arrays: u64,
    /// Reports of lying workers.
    pub lies: u64,
    /// Those that happened to be true.
    pub believed: u64,
}
