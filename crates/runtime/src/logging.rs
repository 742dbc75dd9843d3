//! Log records of a worker, of `log` and of `tracing`, sent to its coordinator.
//!
//! In a program that was started afresh there is no logger yet, and the forwarding ones become
//! the process's. A forked worker has inherited its parent's:
//!
//! - `tracing`: the thread that runs the tasks gets a subscriber of its own, which stands before
//!   the inherited one; threads that a task starts still have that.
//! - `log` knows only one logger in a process's life. A program that wraps its own in
//!   [`Forwarding`] has it step aside in workers; another one stays as it was, and what it writes
//!   to stderr reaches the coordinator as lines.

#[cfg(feature = "tracing")]
mod events;
#[cfg(not(feature = "tracing"))]
#[path = "logging/no_events.rs"]
mod events;
mod logger;

use crate::serve::Outbox;
pub(crate) use events::Guard;
pub use logger::Forwarding;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use wire::{FromWorker, LogRecord};

/// The longest message that is sent, in bytes.
const MAX_MESSAGE: usize = 16 * 1024;
/// The longest target that is sent, in bytes.
const MAX_TARGET: usize = 1024;

/// What a worker logs first where its records will not be sent.
const OTHER_LOGGER: &str = "this program's `log` logger was set before it became a worker: its \
                            records go there, and reach the coordinator only as lines of stderr; set \
                            it later, or wrap it in Forwarding";

/// The call that is running, plus one; 0 between calls.
static RUNNING: AtomicU64 = AtomicU64::new(0);
/// The least severe level that is sent, as [`LogRecord::level`]; 0 where this is no worker, or
/// one whose coordinator wants no records.
static LEVEL: AtomicU8 = AtomicU8::new(0);
/// Whether the process's logger, if it has one, is a [`Forwarding`] one.
static FORWARDING: AtomicBool = AtomicBool::new(false);
/// Where records go.
static COORDINATOR: RwLock<Option<Coordinator>> = RwLock::new(None);

struct Coordinator {
    outbox: Arc<Outbox>,
    /// The worker whose coordinator it is: a worker may fork workers of its own.
    pid: u32,
}

/// Says which call is running, for the records that it logs.
pub(crate) fn running(call: Option<u64>) {
    RUNNING.store(call.map_or(0, |id| id.wrapping_add(1)), Ordering::Relaxed);
}

/// Has records of `level` and below sent to the coordinator, those of `tracing` at least from
/// this thread and as long as the guard is held.
pub(crate) fn forward(outbox: &Arc<Outbox>, level: u8) -> Option<Guard> {
    let pid = std::process::id();
    let mut coordinator = COORDINATOR.write().unwrap_or_else(PoisonError::into_inner);
    if level == 0 {
        // Records of this worker are none of the business of its parent's coordinator.
        if coordinator.as_ref().is_some_and(|known| known.pid != pid) {
            LEVEL.store(0, Ordering::Relaxed);
            *coordinator = None;
        }
        return None;
    }
    let outbox = Arc::clone(outbox);
    *coordinator = Some(Coordinator { outbox, pid });
    drop(coordinator);
    LEVEL.store(level.min(5), Ordering::Relaxed);
    if !logger::install(level) {
        send(2, "handoff", OTHER_LOGGER);
    }
    Some(events::install())
}

/// The least severe level that is sent; 0 where this process forwards nothing.
fn level() -> u8 {
    LEVEL.load(Ordering::Relaxed)
}

fn send(level: u8, target: &str, message: &str) {
    let coordinator = COORDINATOR.read().unwrap_or_else(PoisonError::into_inner);
    let Some(Coordinator { outbox, .. }) = &*coordinator else {
        return;
    };
    let record = LogRecord {
        level,
        target: crate::text::beginning(target, MAX_TARGET),
        message: crate::text::beginning(message, MAX_MESSAGE),
        call: RUNNING.load(Ordering::Relaxed).checked_sub(1),
        at_ns: crate::now_ns(),
    };
    // A record that cannot be sent has nowhere else to go: the coordinator is gone.
    let _ = outbox
        .push(&FromWorker::Log(record))
        .and_then(|()| outbox.flush());
}
