//! Large allocations are held against the memory that there is: what is written beyond it would end a
//! process rather than fail.

use super::error::ArrayError;
use shmem::Room;

/// Allocations that take this many fresh bytes are compared with the available memory. (Looking takes
/// about 50 µs, writing that much takes milliseconds.)
const LOOK_FROM: u64 = 64 << 20;

/// Whether the machine, or the control group, has room for `fresh` more bytes.
pub(super) fn check_room(fresh: u64) -> Result<(), ArrayError> {
    if fresh < LOOK_FROM {
        return Ok(());
    }
    let (available, limit) = Room::of_memory().least();
    if fresh > available {
        return Err(ArrayError::NoRoom {
            wanted: fresh,
            limit: Box::new(limit),
        });
    }
    Ok(())
}
