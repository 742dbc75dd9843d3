//! The tasks, known to the program that calls them and to the worker that runs them. In a project
//! of one's own this is a library crate that both depend on.

use task::{Input, Task, TaskError};

/// How often each byte value occurs in the input.
pub(crate) struct Histogram;

impl Task for Histogram {
    const NAME: &'static str = "histogram";
    type Args = ();
    type Output = Vec<u64>;

    fn run((): (), input: Input<'_>) -> Result<Vec<u64>, TaskError> {
        let mut counts = vec![0; 256];
        // Block by block: an input that is streamed is never held as a whole.
        input.for_each_block(1, |block| {
            for &byte in block {
                counts[usize::from(byte)] += 1;
            }
        })?;
        Ok(counts)
    }
}
