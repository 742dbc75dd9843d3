//! The values of the two sleep flags. A side sets its own flag; the other side takes it (swaps it to 0)
//! and then owes one wake byte on the socket.

use crate::lane::sync::{AtomicU64, Ordering};

/// Both flags: no wake byte is asked for.
pub(crate) const AWAKE: u64 = 0;

/// `sleep_w`: the worker waits for calls.
pub(crate) const WORKER_CALLS: u64 = 1;
/// `sleep_w`: the worker waits for room in the result ring.
pub(crate) const WORKER_ROOM: u64 = 2;
/// `sleep_w`: the worker waits for calls, and does not look for them before it is woken.
pub(crate) const WORKER_DEEP: u64 = 3;

/// `sleep_c`: wake the coordinator at the next result.
pub(crate) const COORDINATOR_NEXT_RESULT: u64 = 1;
/// `sleep_c`: wake the coordinator when the worker has no call left, or no room for a result.
pub(crate) const COORDINATOR_DRY: u64 = 2;

/// Takes a flag down. Returns whether it was up. Flags are changed by swaps alone.
pub(crate) fn take(flag: &AtomicU64) -> bool {
    flag.swap(AWAKE, Ordering::Relaxed) != AWAKE
}
