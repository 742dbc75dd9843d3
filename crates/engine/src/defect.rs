//! Deliberate defects, two or more for each rule, which the simulation has to find.

/// A defect of a test build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Rule 1: a running task that is cancelled gets no result.
    CancelUnresolved,
    /// Rule 1: a worker that ignores SIGTERM is never killed.
    NoKillAfterGrace,
    /// Rule 1: the result of a cancelled task is delivered as well.
    DeliverAbandoned,
    /// Rule 2: a lost result is computed again, whatever the retries.
    RerunLostResult,
    /// Rule 2: a death is compared with the retries before it is counted.
    OneRetryMore,
    /// Rule 3: a death is charged to the oldest entry that is not begun.
    ChargeUnbegun,
    /// Rule 3: limits count from when the task was sent.
    LimitFromSent,
    /// Rule 3: a task whose function has returned is charged with its worker's death.
    ChargeDone,
    /// Rule 4: what a dead worker held is requeued without an offer to idle workers.
    RequeueSilently,
    /// Rule 4: nothing is recalled from a worker that is stuck.
    NoRecallOfStalled,
    /// Rule 5: the worker of a cancelled entry is ended whether it began it or not.
    CancelEndsWorker,
    /// Rule 5: a worker is signalled before it is certain what it runs.
    SignalUnconfirmed,
    /// Rule 6: any start that fails before a worker was ready is taken for permanent.
    TransientIsPermanent,
    /// Rule 6: there is no pause between starts that fail.
    NoBackoff,
    /// Rule 6: a pool that cannot start workers never fails.
    NeverFail,
    /// Rule 7: places of cancelled tasks stay in the queue.
    KeepTombstones,
    /// Rule 7: the bound on unresolved tasks is off by one.
    BoundOffByOne,
    /// Rule 7: outdated deadlines stay in the heap.
    KeepDeadlines,
    /// Rule 9: the worker of a cancelled task is ended without a request before.
    NeverAsks,
    /// Rule 9: a worker whose task ignores the request is not ended.
    OnlyAsks,
    /// Rule 10: a spare does not take the place of a worker that ended.
    SpareStaysIdle,
    /// Rule 10: no worker is started for a spare that took the place of another.
    SpareIsNotReplaced,
    /// Rule 10: idle workers stay.
    NeverShrinks,
    /// Rule 10: no worker is started for tasks that wait.
    NeverGrows,
    /// Rule 11: all priorities are one.
    OnePriority,
    /// Rule 11: a low priority waits for all others.
    NoPatience,
    /// Rule 12: the time in the queue does not count for a deadline.
    DeadlineFromStart,
    /// Rule 12: what a dead worker had pinned goes to another.
    PinnedMoves,
    /// Rule 5: what a worker has of a batch that is given up is run.
    BatchRunsOn,
    /// Rule 5: one task of a batch that is given up while it waits is run.
    GivenUpWaits,
    /// Rule 7: a batch grows beyond the bound on unresolved tasks.
    GrowBeyondBound,
    /// Rule 3: a death is charged to what its worker had of a batch, begun or not.
    ChargeBatch,
    /// Rule 12: what was pinned to a worker and is to run again there is not offered to it.
    PinnedForgotten,
    /// Rule 12: a task that failed runs again at once, whatever its pause.
    NoPause,
    /// Rule 8: effects that follow a panicking callback are lost.
    PanicLosesEffects,
    /// Rule 8: the effect of a panicking callback is executed again.
    PanicRepeatsEffect,
}

impl Defect {
    /// All defects, with the number of the rule that each breaks.
    pub const ALL: [(Defect, u8); 36] = [
        (Defect::CancelUnresolved, 1),
        (Defect::NoKillAfterGrace, 1),
        (Defect::DeliverAbandoned, 1),
        (Defect::RerunLostResult, 2),
        (Defect::OneRetryMore, 2),
        (Defect::ChargeUnbegun, 3),
        (Defect::LimitFromSent, 3),
        (Defect::ChargeDone, 3),
        (Defect::RequeueSilently, 4),
        (Defect::NoRecallOfStalled, 4),
        (Defect::CancelEndsWorker, 5),
        (Defect::SignalUnconfirmed, 5),
        (Defect::TransientIsPermanent, 6),
        (Defect::NoBackoff, 6),
        (Defect::NeverFail, 6),
        (Defect::KeepTombstones, 7),
        (Defect::BoundOffByOne, 7),
        (Defect::KeepDeadlines, 7),
        (Defect::NeverAsks, 9),
        (Defect::OnlyAsks, 9),
        (Defect::SpareStaysIdle, 10),
        (Defect::SpareIsNotReplaced, 10),
        (Defect::NeverShrinks, 10),
        (Defect::NeverGrows, 10),
        (Defect::OnePriority, 11),
        (Defect::NoPatience, 11),
        (Defect::DeadlineFromStart, 12),
        (Defect::PinnedMoves, 12),
        (Defect::BatchRunsOn, 5),
        (Defect::GivenUpWaits, 5),
        (Defect::GrowBeyondBound, 7),
        (Defect::ChargeBatch, 3),
        (Defect::PinnedForgotten, 12),
        (Defect::NoPause, 12),
        (Defect::PanicLosesEffects, 8),
        (Defect::PanicRepeatsEffect, 8),
    ];
}
