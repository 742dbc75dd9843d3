//! A job as the laboratory runs it: its plain form, and those that hand its data to workers.
//!
//! What a job computes is left to `jobs` and to the tasks of other programs (`own`); how often, in which order
//! and by how many it is run, to `bench`.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use handoff::Pool;
use report::HandOver;

/// The hash of all results, to be computed after the clock has stopped. It holds the results until then.
pub(crate) type Outputs = Box<dyn FnOnce() -> anyhow::Result<String>>;

/// Who runs the tasks.
pub(crate) enum By {
    /// A plain loop.
    Loop,
    /// This number of scoped threads.
    Threads(u32),
    /// The workers of a pool.
    Pool(Pool),
    /// This number of forks of this process, for one call.
    Forks(u32),
}

/// A job, in one way.
pub(crate) trait Way {
    /// Brings the data to where the tasks can use it. What an earlier use left there is given back before.
    ///
    /// # Errors
    ///
    /// Where there is no room.
    fn fill(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Runs all tasks and reads each of their results once.
    ///
    /// # Errors
    ///
    /// Those of a task.
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs>;
}

/// A job with its data.
pub(crate) struct Job {
    /// Its tasks, as far as that is known before they are made.
    pub(crate) tasks: Cell<u64>,
    /// Without workers.
    pub(crate) plain: Box<dyn Way>,
    /// With workers.
    pub(crate) ways: Vec<(HandOver, Box<dyn Way>)>,
}

impl By {
    /// The pool.
    ///
    /// # Errors
    ///
    /// Where there is none: this way has no plain form.
    pub(crate) fn pool(&mut self) -> anyhow::Result<&mut Pool> {
        match self {
            By::Pool(pool) => Ok(pool),
            _ => anyhow::bail!("this way of handing over needs a pool"),
        }
    }

    /// The number of forks.
    ///
    /// # Errors
    ///
    /// Where there are none.
    pub(crate) fn forks(&self) -> anyhow::Result<usize> {
        match self {
            By::Forks(forks) => Ok(usize::try_from(*forks)?),
            _ => anyhow::bail!("this way of handing over needs forks"),
        }
    }
}

/// Runs `count` tasks by number, in a loop or by threads that share one counter; the results in order.
///
/// # Errors
///
/// Where that is neither a loop nor threads.
pub(crate) fn plain<R: Send>(
    by: &By,
    count: usize,
    task: impl Fn(usize) -> R + Sync,
) -> anyhow::Result<Vec<R>> {
    let threads = match by {
        By::Loop => return Ok((0..count).map(task).collect()),
        By::Threads(threads) => *threads,
        _ => anyhow::bail!("a plain run has no workers"),
    };
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(count));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = Vec::new();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    mine.push((index, task(index)));
                }
                done.lock().expect("no task panics under it").extend(mine);
            });
        }
    });
    let mut done = done.into_inner().expect("no task panics under it");
    done.sort_unstable_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

/// A hash of parts of results, in order.
pub(crate) fn digest<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> String {
    // Its keys are fixed, so that processes agree.
    let mut hasher = DefaultHasher::new();
    for part in parts {
        hasher.write(part.as_ref());
        hasher.write_u8(0xff);
    }
    format!("{:016x}", hasher.finish())
}

/// The outputs of tasks that give numbers.
pub(crate) fn numbers(bits: Vec<u64>) -> Outputs {
    Box::new(move || Ok(digest(bits.iter().map(|bits| bits.to_le_bytes()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_give_what_the_loop_gives_in_its_order() {
        let square = |index: usize| index * index;
        let alone = plain(&By::Loop, 1000, square).unwrap();
        assert_eq!(plain(&By::Threads(3), 1000, square).unwrap(), alone);
        assert!(plain(&By::Threads(3), 0, square).unwrap().is_empty());
        assert!(plain(&By::Forks(1), 1, square).is_err());
    }

    #[test]
    fn results_in_another_order_have_another_hash() {
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
        assert_eq!(digest(["ab", "c"]), digest(["ab", "c"]));
    }
}
