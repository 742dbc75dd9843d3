//! The payload of a task.

use crate::call::Call;
use crate::ids::TaskId;

/// An unresolved task.
pub(super) struct Job {
    pub key: engine::TaskId,
    pub number: TaskId,
    /// The number of its task's name.
    pub task: u32,
    pub call: Call,
}
