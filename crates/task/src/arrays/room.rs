//! Large allocations are held against the memory that there is: what is written beyond it would end a
//! process rather than fail.

use super::error::ArrayError;
use shmem::Room;

/// Allocations that take so many fresh bytes are held against the memory that there is. (To look takes
/// some 50 µs; to write so much takes milliseconds.)
const LOOK_FROM: u64 = 64 << 20;

/// Whether the machine, or the control group, has room for so many fresh bytes.
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
