//! Identifiers: an index into a dense table and a generation that distinguishes reuses of the index.

/// A task. Valid until the task is resolved; later its index may be used again, with another
/// generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl TaskId {
    /// The index in the table of tasks: below the largest number of tasks that were ever unresolved
    /// at once, so that a caller can keep payloads in a table of the same shape.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// Both parts as one number.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The inverse of [`to_bits`](Self::to_bits).
    #[must_use]
    pub const fn from_bits(bits: u64) -> TaskId {
        TaskId {
            index: bits as u32,
            generation: (bits >> 32) as u32,
        }
    }
}

/// A worker, from the request to start it until its death was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl WorkerId {
    /// The index in the table of workers: below the largest number of workers that ever existed at
    /// once.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// Both parts as one number.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The inverse of [`to_bits`](Self::to_bits).
    #[must_use]
    pub const fn from_bits(bits: u64) -> WorkerId {
        WorkerId {
            index: bits as u32,
            generation: (bits >> 32) as u32,
        }
    }
}

/// The task of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskAt {
    /// The task, or the batch.
    pub task: TaskId,
    /// Its place in the batch; 0 for a single task.
    pub at: u32,
}

impl TaskAt {
    /// The task that follows it in its batch.
    #[must_use]
    pub const fn next(self) -> TaskAt {
        TaskAt {
            at: self.at + 1,
            ..self
        }
    }
}

/// A task has left its batch: from here on it is a task of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parted {
    /// The batch.
    pub batch: TaskId,
    /// The task's place there.
    pub at: u32,
    /// Its id from here on.
    pub task: TaskId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers_and_back() {
        let (index, generation) = (7, 9);
        let task = TaskId { index, generation };
        let worker = WorkerId { index, generation };
        assert_eq!(
            (task.to_bits(), worker.to_bits()),
            (9 << 32 | 7, 9 << 32 | 7)
        );
        assert_eq!(TaskId::from_bits(task.to_bits()), task);
        assert_eq!(WorkerId::from_bits(worker.to_bits()), worker);
        assert_eq!((task.index(), worker.index()), (7, 7));
        let next = TaskAt { task, at: 3 }.next();
        assert_eq!((next.task, next.at), (task, 4));
    }
}
