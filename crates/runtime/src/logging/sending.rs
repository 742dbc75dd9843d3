//! Records on their way to the coordinator: which are sent, and where to.

use crate::serve::Outbox;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use wire::{FromWorker, LogRecord};

/// The longest message that is sent, in bytes.
const MAX_MESSAGE: usize = 16 * 1024;
/// The longest target that is sent, in bytes.
const MAX_TARGET: usize = 1024;

/// The call that is running, plus one; 0 between calls.
static RUNNING: AtomicU64 = AtomicU64::new(0);
/// The least severe level that is sent, as [`LogRecord::level`]; 0 where this is no worker, or
/// one whose coordinator wants no records.
static LEVEL: AtomicU8 = AtomicU8::new(0);
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

/// Has records of `level` and below sent through `outbox`, or none where it is 0.
pub(super) fn connect(outbox: &Arc<Outbox>, level: u8) {
    let pid = std::process::id();
    let mut coordinator = COORDINATOR.write().unwrap_or_else(PoisonError::into_inner);
    if level == 0 {
        // Records of this worker are none of the business of its parent's coordinator.
        if coordinator.as_ref().is_some_and(|known| known.pid != pid) {
            LEVEL.store(0, Ordering::Relaxed);
            *coordinator = None;
        }
        return;
    }
    let outbox = Arc::clone(outbox);
    *coordinator = Some(Coordinator { outbox, pid });
    drop(coordinator);
    LEVEL.store(level.min(5), Ordering::Relaxed);
}

/// The least severe level that is sent; 0 where this process forwards nothing.
pub(super) fn level() -> u8 {
    LEVEL.load(Ordering::Relaxed)
}

/// Sends a record, if there is a coordinator to send it to.
pub(super) fn send(level: u8, target: &str, message: &str) {
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
    // It comes before the result of its call.
    crate::soft::spoke();
    // A record that cannot be sent has nowhere else to go: the coordinator is gone.
    let _ = outbox
        .push(&FromWorker::Log(record))
        .and_then(|()| outbox.flush());
}
