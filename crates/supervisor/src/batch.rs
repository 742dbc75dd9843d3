//! Calls of one task that are submitted together.

/// The most calls of a batch.
pub const MAX_BATCH: usize = engine::MAX_BATCH as usize;
/// The most bytes of arguments of one of its calls.
pub const MAX_BATCH_ARGS: usize = 256;

/// Calls of one task with nothing but short arguments, encoded already. They are submitted as one, which costs
/// little more than one call; each of them runs, fails and is run again for itself.
#[derive(Debug)]
pub struct Batch {
    task: &'static str,
    /// Given to the reply with the first result; with the others, the numbers that follow.
    pub tag: u64,
    args: Vec<u8>,
    /// Where the arguments of each call end.
    ends: Vec<u32>,
}

impl Batch {
    /// Of calls of a task, by its name in the workers.
    pub fn new(task: &'static str) -> Batch {
        Batch {
            task,
            tag: 0,
            args: Vec::with_capacity(8 * MAX_BATCH),
            ends: Vec::with_capacity(MAX_BATCH),
        }
    }

    /// One that may stay small.
    pub(crate) fn small(task: &'static str) -> Batch {
        let (tag, args, ends) = (0, Vec::new(), Vec::new());
        Batch {
            task,
            tag,
            args,
            ends,
        }
    }

    /// Adds a call with these arguments.
    ///
    /// # Panics
    /// Where it has [`MAX_BATCH`] calls, or the arguments have more than [`MAX_BATCH_ARGS`] bytes.
    #[inline]
    pub fn push(&mut self, args: &[u8]) {
        assert!(self.len() < MAX_BATCH && args.len() <= MAX_BATCH_ARGS);
        self.args.extend_from_slice(args);
        self.ends.push(self.args.len() as u32);
    }

    /// The task's name.
    pub fn task(&self) -> &'static str {
        self.task
    }

    /// Calls.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it has no calls.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all arguments.
    pub fn bytes(&self) -> usize {
        self.args.len()
    }

    /// The arguments of one call.
    ///
    /// # Panics
    /// Where there are no more than `at` calls.
    #[inline]
    pub fn args(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.args[start as usize..self.ends[at] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_its_arguments() {
        let mut batch = Batch::new("task");
        for args in [&b"one"[..], b"", b"three"] {
            batch.push(args);
        }
        assert_eq!((batch.len(), batch.bytes()), (3, 8));
        assert_eq!(
            [0, 1, 2].map(|at| batch.args(at)),
            [&b"one"[..], b"", b"three"]
        );
    }
}
