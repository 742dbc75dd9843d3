//! The pool's decisions as one pure state machine: which worker runs which task, when, and which
//! task a worker's death is charged to.
//!
//! The engine is driven by `(now, event)`. It reads no clock and does no I/O; it knows no
//! descriptor, payload, array or message. The *shell* around it owns those: it reports what happened
//! ([`Event`]), executes what the engine asks for ([`Effect`]), and pulls work when a worker has room
//! ([`Engine::deal`]). Times are nanoseconds of one monotonic clock, from which the shell leaves out
//! pauses of the whole program.
//!
//! A shell's step:
//!
//! 1. drain every source, and report each event by [`Engine::handle`];
//! 2. [`Engine::tick`] once nothing is left to report, so that nothing is judged by an old state;
//! 3. take effects by [`Engine::pop_effect`] until there is none, and execute each. Execution may
//!    report events;
//! 4. run user callbacks, outside any borrow of the engine;
//! 5. wait until [`Engine::next_deadline`].
//!
//! # Rules
//!
//! The crate `simulate` checks these after every step:
//!
//! 1. Exactly one result for each task, and every run ends within its deadlines.
//! 2. `retries(0)` is at most once.
//! 3. A task is blamed only for what happened while it ran.
//! 4. No ready worker is idle while there is a task for it.
//! 5. Cancelling, failing or losing one task changes nothing for the others.
//! 6. Starts are tried again with back-off; the pool fails only when no worker is left.
//! 7. Memory is bounded by unresolved tasks.
//! 8. A panicking callback loses no effect and repeats none.
//! 9. A task that ends when it is asked to leaves its worker warm; one that does not is ended with
//!    its worker.
//! 10. The number of workers follows the tasks: between `min` and `max`, with spares that take the place
//!     of a worker that ends at once.
//! 11. Tasks of higher priority go first, and one of lower priority waits for a bounded number of them.
//! 12. A task has its result by its deadline, a pinned task runs on its worker or not at all, and one that
//!     runs again pauses before.
//!
//! # Batches
//!
//! Tasks that are alike and have no terms of their own can be submitted together
//! ([`Engine::submit_batch`]). The engine keeps what follows each other as one, in the queue and in workers, and
//! all rules hold for each of the tasks. One that needs an account of its own, because its worker died or
//! it could not be sent, leaves the batch ([`Engine::pop_parted`]).
//!
//! # Cost
//!
//! Every operation takes constant or logarithmic time, amortized; `shutdown` and a failure of the
//! pool touch every task once.

#![forbid(unsafe_code)]

mod classes;
mod config;
mod deadlines;
#[cfg(feature = "defects")]
mod defect;
mod engine;
mod event;
mod id;
mod queue;
mod set;
mod shares;
mod starting;
mod tasks;
mod timers;
mod worker;
mod workers;

pub use config::{
    BACKOFF_NS, CREDIT_NS, Capabilities, Config, PATIENCE, Priority, SEND_ATTEMPTS, TaskSpec,
    WORTH_WAKING_NS,
};
#[cfg(feature = "defects")]
pub use defect::Defect;
pub use engine::{Assignment, Deal, Engine, Footprint, Grown, MAX_BATCH, Shutdown, SubmitError};
pub use event::{Death, Effect, Event, KillReason, Outcome, PoolFailure};
pub use id::{Parted, TaskAt, TaskId, WorkerId};
