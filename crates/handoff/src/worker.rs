//! Which worker runs the current task.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

/// A worker, as the task that it runs sees it. Given by [`worker`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    name: String,
    attempt: u32,
}

impl Worker {
    /// Its name, such as `SpawnProcess-1`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number in its pool, from 1. A worker that replaces another has a new one.
    pub fn number(&self) -> u32 {
        let digits = self.name.rsplit('-').next();
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    /// How often the current task has been begun, this time included: above 1 where workers have died
    /// running it.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
}

/// This process's name as a worker. A fork may give it another.
static PROCESS: Mutex<Option<Worker>> = Mutex::new(None);

thread_local! {
    /// The name of a thread that is a worker.
    static THREAD: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

/// The worker that runs the current task; `None` outside of workers.
///
/// ```
/// use handoff::{Pool, StartMethod, task};
///
/// #[task]
/// fn who() -> String {
///     handoff::worker().expect("tasks run in workers").name().to_owned()
/// }
///
/// let mut pool = Pool::builder().start_method(StartMethod::InProcess).workers(1).start()?;
/// assert_eq!(pool.run(who())?, "Thread-1");
/// assert_eq!(handoff::worker(), None);
/// # Ok::<(), handoff::Error>(())
/// ```
pub fn worker() -> Option<Worker> {
    let thread = THREAD.with_borrow(Clone::clone);
    thread.or_else(|| {
        let process = PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = runtime::attempt().max(1);
        let worker = process.clone()?;
        Some(Worker { attempt, ..worker })
    })
}

/// This process has been given a name by its pool.
pub(crate) fn named(name: &str) {
    let worker = Worker {
        name: name.to_owned(),
        attempt: 1,
    };
    *PROCESS.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker);
}

/// This thread is a worker of that name.
pub(crate) fn named_thread(name: &str) {
    THREAD.set(Some(Worker {
        name: name.to_owned(),
        attempt: 1,
    }));
}
