//! Which worker runs the current task, and what a task and its pool say to each other.

use crate::{Error, ErrorKind};
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

/// Whether the task that runs should end: it was cancelled, or its time is over. A task that looks here now
/// and then and returns, with whatever result, leaves its worker warm; otherwise the worker is ended after
/// [`Builder::cancel_grace`](crate::Builder::cancel_grace). `false` outside of workers' tasks and, since
/// threads cannot be ended, with [`StartMethod::InProcess`](crate::StartMethod::InProcess).
///
/// ```
/// use handoff::task;
///
/// #[task]
/// fn search(numbers: Vec<u64>) -> Option<u64> {
///     numbers.into_iter().take_while(|_| !handoff::cancelled()).find(|n| n % 7919 == 1)
/// }
/// ```
pub fn cancelled() -> bool {
    runtime::cancelled()
}

/// Says how far the running task is: `done` of `total` units, or 0 for a total that is not known. The pool's
/// watcher gets it ([`What::Progress`](crate::What::Progress)), and the task's handle
/// ([`Handle::progress`](crate::Handle::progress)). Sent at most every 20 ms, so it may be called often. Does
/// nothing outside of workers.
pub fn progress(done: u64, total: u64) {
    runtime::progress(done, total);
}

/// Sends bytes, at most 64 KiB, from the running task to the pool's watcher
/// ([`What::Note`](crate::What::Note)) and to the task's handle ([`Pool::wait_note`](crate::Pool::wait_note),
/// [`Pending::wait_note`](crate::Pending::wait_note)). `false` outside of workers, where nobody gets them.
///
/// # Errors
/// [`ErrorKind::Arguments`] where they are too long, [`ErrorKind::System`] where the pool is gone.
pub fn note(bytes: &[u8]) -> Result<bool, Error> {
    runtime::note(bytes).map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::InvalidInput => ErrorKind::Arguments,
            _ => ErrorKind::System,
        };
        Error::new(kind, error.to_string())
    })
}
