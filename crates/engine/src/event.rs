//! Events that the shell reports, and effects that it executes.

use crate::{Capabilities, TaskId, WorkerId};
use std::ops::Range;

/// What has happened to a worker. Entries are numbers in the order in which
/// [`Engine::deal`](crate::Engine::deal) gave them to that worker, from 0 on.
///
/// The shell reports in this order what it finds at one worker: `Finished`, `Done`, `Began`, then
/// the answer to a recall; a death comes after everything else was drained. It reports all this for
/// every worker before it calls [`Engine::tick`](crate::Engine::tick), so that nothing is judged
/// by an old state. Events of a worker that the engine has forgotten are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A worker that was to be started does not exist. Permanent: trying again is of no use.
    StartFailed {
        /// The worker of [`Effect::Start`].
        worker: WorkerId,
        /// Whether the same error is certain next time.
        permanent: bool,
    },
    /// A worker is ready for tasks. What it can do may differ from what was expected of it.
    Ready {
        /// The worker.
        worker: WorkerId,
        /// What can be done with it.
        capabilities: Capabilities,
    },
    /// A worker says that it cannot serve: wrong version, or its set-up failed.
    Refused {
        /// The worker.
        worker: WorkerId,
    },
    /// Entries can be sent to the worker again, after the shell had no room for them.
    Room {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker has claimed an entry; everything before it has finished.
    Began {
        /// The worker.
        worker: WorkerId,
        /// The entry.
        entry: u64,
        /// When, as the worker says, by the clock of the engine's times.
        at_ns: u64,
    },
    /// A worker could not go on for this long: nobody took what it wrote, since the caller was away. A limit does
    /// not count that.
    HeldUp {
        /// The worker.
        worker: WorkerId,
        /// For how long, in nanoseconds, at most until now.
        ns: u64,
    },
    /// The function of a claimed entry has returned, and its result is not here yet. Reported again
    /// whenever a part of the result arrived.
    Done {
        /// The worker.
        worker: WorkerId,
        /// The entry.
        entry: u64,
    },
    /// The results of these entries are here; recalled ones among them have none. The shell has
    /// delivered them to whom [`Engine::task_at`](crate::Engine::task_at) named.
    Finished {
        /// The worker.
        worker: WorkerId,
        /// The entries.
        entries: Range<u64>,
        /// How long they ran, all together.
        ran_ns: u64,
        /// The worker's resident memory in bytes; 0 where it did not say.
        rss: u64,
    },
    /// These entries were recalled: the worker will not run them. Reported once for every
    /// [`Effect::Recall`], empty where the worker had claimed everything. What the worker did with entries
    /// behind them is reported after this.
    Recalled {
        /// The worker.
        worker: WorkerId,
        /// The entries.
        entries: Range<u64>,
    },
    /// An entry was not sent, and never will be.
    SendFailed {
        /// The worker.
        worker: WorkerId,
        /// The entry.
        entry: u64,
        /// Whether the same call may succeed later.
        transient: bool,
    },
    /// The result of an entry is longer than allowed; the rest of it is not read.
    OutputTooLong {
        /// The worker.
        worker: WorkerId,
        /// The entry.
        entry: u64,
    },
    /// A worker's connection has ended, or its process has and how is not known yet. Its `Died`
    /// follows; where it does not within the grace period, the worker is killed.
    Closed {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker broke the protocol.
    Violation {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker has ended, and everything that it left was reported.
    Died {
        /// The worker.
        worker: WorkerId,
        /// How.
        death: Death,
        /// Proof that the call outstanding at a worker without a lane was not begun: its bytes never
        /// left, or the worker would have marked it.
        not_begun: bool,
    },
}

/// How a worker ended, as far as it matters for what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Death {
    /// It exited or disconnected.
    Exit,
    /// A signal ended it.
    Signal,
    /// It accessed a mapped file beyond its end: the file was truncated.
    InputChanged,
    /// Another part of the program took the exit status.
    Unknown,
}

/// What the shell has to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Start a worker; answered by `Ready`, `Refused`, `StartFailed` or `Died`.
    Start(WorkerId),
    /// There is work for this worker: call [`Engine::deal`](crate::Engine::deal) until it gives
    /// none.
    Offer(WorkerId),
    /// Ask the worker to exit.
    Leave(WorkerId),
    /// Let the task that runs as this entry know that it should end. To be ignored where the entry
    /// does not run.
    Ask {
        /// The worker.
        worker: WorkerId,
        /// The entry.
        entry: u64,
    },
    /// Send SIGTERM to the worker's process group.
    Terminate(WorkerId, KillReason),
    /// Send SIGKILL to the worker's process group.
    Kill(WorkerId, KillReason),
    /// Close the connection to a worker that cannot be signalled; its `Died` follows.
    Disconnect(WorkerId, KillReason),
    /// Claim entries from the oldest unclaimed one on, up to but not including `below`. Then report
    /// what the worker has finished, done and begun, and last [`Event::Recalled`].
    Recall {
        /// The worker.
        worker: WorkerId,
        /// Where to stop.
        below: u64,
    },
    /// A task goes back to the queue because its worker died while it ran.
    Retried {
        /// The task.
        task: TaskId,
        /// The worker that died.
        worker: WorkerId,
        /// Whether the death counts against the task's retries.
        charged: bool,
    },
    /// A task has its result, which is none of a worker's. From here on, the id is free and
    /// another task may get its index. Of a batch, all tasks that had none have this one.
    Resolve {
        /// The task.
        task: TaskId,
        /// Why it has no output.
        outcome: Outcome,
    },
    /// The pool cannot go on. All tasks are resolved and all workers killed by the effects that
    /// follow.
    Fail(PoolFailure),
}

/// Why a task has no output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was cancelled.
    Cancelled,
    /// Nobody wants its result any more.
    Withdrawn,
    /// It had no result by its deadline.
    Expired,
    /// The only worker that may run it has ended or takes no more tasks.
    WorkerGone,
    /// It ran longer than its limit.
    TimedOut {
        /// The worker that ran it.
        worker: WorkerId,
    },
    /// Workers died while they ran it, more often than its retries allow.
    Died {
        /// The last of them.
        worker: WorkerId,
        /// How many.
        deaths: u32,
    },
    /// It returned, and its worker died before the result was here: more often than its retries
    /// allow.
    ResultLost {
        /// The last worker that ran it.
        worker: WorkerId,
    },
    /// Its input changed while it ran.
    InputChanged {
        /// The worker that ran it.
        worker: WorkerId,
    },
    /// It cannot be sent to a worker.
    SendFailed,
    /// Its output is longer than allowed.
    OutputTooLong,
    /// The pool was shut down first.
    ShutDown,
    /// The pool failed.
    PoolFailed,
}

/// Why a worker is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillReason {
    /// The task that it ran was cancelled.
    Cancelled,
    /// The task that it ran took longer than its limit.
    TimedOut,
    /// The output of its task was too long.
    OutputTooLong,
    /// It broke the protocol.
    Violation,
    /// Its connection ended, and it did not.
    Closed,
    /// It refused to serve.
    Refused,
    /// It was not ready in time.
    NotReady,
    /// It claimed nothing, or published no result, for the grace period.
    Unresponsive,
    /// It did not exit in time when asked to.
    NotGone,
    /// The pool shuts down or has failed.
    ShutDown,
}

/// Why a pool cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolFailure {
    /// No worker was ever ready, and this one failed for a reason that is certain to come again.
    Permanent(WorkerId),
    /// No worker is left, and none could be started for the start time-out. The last one that was
    /// tried, if any.
    NoWorker(Option<WorkerId>),
}
