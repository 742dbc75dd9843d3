//! How often the call that is running has been begun, for the task itself.

use std::sync::atomic::{AtomicU32, Ordering};

static ATTEMPT: AtomicU32 = AtomicU32::new(0);

/// How often the call that this process runs has been begun, this time included; 0 before the first
/// call.
pub fn attempt() -> u32 {
    ATTEMPT.load(Ordering::Relaxed)
}

pub(crate) fn set(attempt: u32) {
    ATTEMPT.store(attempt, Ordering::Relaxed);
}
