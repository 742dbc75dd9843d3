//! Log records of a worker, of `log` and of `tracing`, sent to its coordinator.
//!
//! In a program that was started by exec there is no logger yet, and the forwarding ones become
//! the process's. A forked worker has inherited its parent's:
//!
//! - `tracing`: the thread that runs the tasks gets a subscriber of its own, which stands before
//!   the inherited one; threads that a task starts still have that.
//! - `log` knows only one logger in a process's life. A program that wraps its own in
//!   [`Forwarding`] has it step aside in workers; another one stays unchanged, and what it writes
//!   to stderr reaches the coordinator as lines.

#[cfg(feature = "tracing")]
mod events;
#[cfg(not(feature = "tracing"))]
#[path = "logging/no_events.rs"]
mod events;
mod logger;
mod sending;

use crate::serve::Outbox;
pub(crate) use events::Guard;
pub use logger::Forwarding;
pub(crate) use sending::running;
use std::sync::Arc;

/// What a worker logs first where its records will not be sent.
const OTHER_LOGGER: &str = "this program's `log` logger was set before it became a worker: its \
                            records go there, and reach the coordinator only as lines of stderr; set \
                            it later, or wrap it in Forwarding";

/// Has records of `level` and below sent to the coordinator, those of `tracing` at least from
/// this thread and as long as the guard is held.
pub(crate) fn forward(outbox: &Arc<Outbox>, level: u8) -> Option<Guard> {
    sending::connect(outbox, level);
    if level == 0 {
        return None;
    }
    if !logger::install(level) {
        sending::send(2, "handoff", OTHER_LOGGER);
    }
    Some(events::install())
}
