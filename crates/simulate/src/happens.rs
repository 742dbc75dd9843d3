//! What can happen in the simulated world.

use engine::Death;

/// What can happen at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Happens {
    /// A worker that is being started gets ready, or refuses.
    Ready {
        index: usize,
        life: u64,
    },
    /// A worker looks for entries.
    Advances {
        index: usize,
        life: u64,
    },
    Returns {
        index: usize,
        life: u64,
        entry: u64,
    },
    Publishes {
        index: usize,
        life: u64,
    },
    Dies {
        index: usize,
        life: u64,
        death: Death,
    },
    /// A worker that could not be started.
    StartFails {
        id: u64,
        permanent: bool,
    },
    Continues {
        index: usize,
        life: u64,
    },
    /// The shell has room for a worker again.
    Room {
        index: usize,
        life: u64,
    },
    /// Something hits a worker from outside.
    Fault,
    /// The caller does something.
    Acts,
    /// An external worker comes.
    Joins,
    /// The engine's deadline at that time.
    Deadline {
        at: u64,
    },
    /// The shell is woken.
    Wakes,
}
