//! Start method `InProcess`: the same tasks, encoded the same way, on threads of this process.
//!
//! For debuggers, sanitizers, coverage and tests, and as the baseline of measurements. What only a
//! process can give is refused or documented: no time limits, no cancelling of what runs, and a crash
//! is the program's.

pub(crate) mod panics;

use crate::counters::Counters;
use crate::worker;
use crate::{Error, ErrorKind};
use nix::sys::eventfd::{EfdFlags, EventFd};
use pool::{CallBlock, Failed, FailureKind, RawCall, Reply, TaskFailure};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use task::arrays::{self, Table};
use task::{Failure, Input, Registry};

/// Threads that run tasks. Can be shared.
pub(crate) struct Threads {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads, and those who give tasks to them, share.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// There is a task, or no more will come.
    work: Condvar,
    /// A task has ended.
    ended: Condvar,
    /// Readable when a task has ended, for a caller with an event loop.
    bell: EventFd,
    /// Whether anybody asked for the bell: a system call a task is only paid for then.
    watched: AtomicBool,
}

#[derive(Default)]
struct State {
    queue: BTreeMap<u64, (CallBlock, Arc<dyn Reply>)>,
    next: u64,
    running: u64,
    done: u64,
    failed: u64,
    /// Those of `done` and `failed` whose results are where their callers look: counted after, while the
    /// others are counted before, so that who has a result finds it counted.
    ended: u64,
    workers: u64,
    closing: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails a task that has not begun. `false` where it has, or has ended.
    pub(crate) fn withdraw(&self, id: u64) -> bool {
        let mut state = self.lock();
        let Some((call, reply)) = state.queue.remove(&id) else {
            return false;
        };
        state.failed += 1;
        drop(state);
        reply.resolve(call.tag, Err(TaskFailure::Cancelled));
        self.report_end(1);
        true
    }

    /// Wakes every thread that waits for a task's end: these have their results.
    fn report_end(&self, tasks: u64) {
        self.lock().ended += tasks;
        self.ended.notify_all();
        if self.watched.load(Ordering::Relaxed) {
            // Fails only where the counter is full: it is readable then.
            let _ = self.bell.write(1);
        }
    }
}

impl State {
    fn open(&self) -> usize {
        (self.next - self.ended) as usize
    }
}

impl Threads {
    /// Starts threads, and waits until all have run `initializer`.
    pub(crate) fn start(
        workers: usize,
        registry: Registry,
        initializer: Option<CallBlock>,
    ) -> Result<Threads, Error> {
        panics::capture();
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = EventFd::from_value_and_flags(0, flags).map_err(|error| {
            let text = format!("cannot create an event descriptor: {error}");
            Error::new(ErrorKind::System, text)
        })?;
        let threads = Threads {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                work: Condvar::new(),
                ended: Condvar::new(),
                bell,
                watched: AtomicBool::new(false),
            }),
            threads: Mutex::default(),
        };
        let registry = Arc::new(registry);
        let (report, reports) = std::sync::mpsc::channel();
        let initializer = initializer.map(Arc::new);
        for number in 1..=workers {
            let shared = Arc::clone(&threads.shared);
            let registry = Arc::clone(&registry);
            let initializer = initializer.clone();
            let report = report.clone();
            let name = format!("Thread-{number}");
            let spawned = std::thread::Builder::new()
                .name(name.clone())
                .spawn(move || {
                    worker::named_thread(&name);
                    let ready = match &initializer {
                        Some(call) => run(&name, &registry, call, Table::default()).0.map(drop),
                        None => Ok(()),
                    };
                    let is_ready = ready.is_ok();
                    let _ = report.send(ready);
                    drop(report);
                    if is_ready {
                        serve(&name, &registry, &shared);
                    }
                });
            let spawned = spawned.map_err(|error| {
                Error::new(ErrorKind::Start, format!("cannot start a thread: {error}"))
            })?;
            threads.handles().push(spawned);
        }
        drop(report);
        for ready in reports {
            ready.map_err(|failure| {
                let text = format!("the initializer failed: {failure}");
                Error::new(ErrorKind::Initializer, text)
            })?;
        }
        threads.shared.lock().workers = workers as u64;
        Ok(threads)
    }

    /// Queues a call.
    pub(crate) fn submit(&self, call: CallBlock, reply: Arc<dyn Reply>) -> u64 {
        let mut state = self.shared.lock();
        let id = state.next;
        state.next += 1;
        if state.closing {
            state.failed += 1;
            drop(state);
            reply.resolve(call.tag, Err(TaskFailure::ShutDown));
            self.shared.report_end(1);
            return id;
        }
        state.queue.insert(id, (call, reply));
        drop(state);
        self.shared.work.notify_one();
        id
    }

    /// As [`Shared::withdraw`].
    pub(crate) fn withdraw(&self, id: u64) -> bool {
        self.shared.withdraw(id)
    }

    /// What the threads share.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Waits until more tasks have ended than `seen`, for at most `timeout`, and adds those.
    pub(crate) fn wait_for_end(&self, seen: &mut u64, timeout: Option<Duration>) {
        let ended = &self.shared.ended;
        let mut state = self.shared.lock();
        let waits = |state: &mut State| state.ended == *seen && state.open() > 0;
        state = match timeout {
            None => {
                let waited = ended.wait_while(state, waits);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
            Some(timeout) => {
                let waited = ended.wait_timeout_while(state, timeout, waits);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        *seen = state.ended;
        // Tasks that end after this ring again.
        let _ = self.shared.bell.read();
    }

    /// Tasks that have no result yet.
    pub(crate) fn open(&self) -> usize {
        self.shared.lock().open()
    }

    pub(crate) fn counters(&self) -> Counters {
        let state = self.shared.lock();
        Counters {
            queued: state.queue.len() as u64,
            running: state.running,
            workers: state.workers,
            done: state.done,
            failed: state.failed,
            started: state.workers,
            arrays: arrays::coordinator::held_bytes(),
            ..Counters::default()
        }
    }

    /// Ends the threads once they have finished what runs, and with `drain` what is queued.
    pub(crate) fn shutdown(&self, drain: bool) {
        let mut state = self.shared.lock();
        state.closing = true;
        let left = match drain {
            true => BTreeMap::new(),
            false => std::mem::take(&mut state.queue),
        };
        let count = left.len() as u64;
        state.failed += count;
        drop(state);
        self.shared.work.notify_all();
        for (call, reply) in left.into_values() {
            reply.resolve(call.tag, Err(TaskFailure::ShutDown));
        }
        let here = std::thread::current().id();
        for thread in std::mem::take(&mut *self.handles()) {
            // Whatever panicked there is the result of its task. One that drops the pool does not wait for itself.
            if thread.thread().id() != here {
                let _ = thread.join();
            }
        }
        self.shared.lock().workers = 0;
        self.shared.report_end(count);
    }

    fn handles(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Readable where a task has ended since [`Threads::wait_for_end`].
impl AsFd for Threads {
    fn as_fd(&self) -> BorrowedFd<'_> {
        if !self.shared.watched.swap(true, Ordering::Relaxed) {
            // What ended before is reported too.
            let _ = self.shared.bell.write(1);
        }
        self.shared.bell.as_fd()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shutdown(false);
    }
}

/// The error where threads cannot do what workers can.
pub(crate) fn fixed_threads() -> Error {
    let text =
        "start method InProcess has a fixed number of threads, and runs a task on any of them";
    Error::new(ErrorKind::Unsupported, text)
}

/// The life of a thread.
fn serve(name: &str, registry: &Registry, shared: &Shared) {
    loop {
        let mut state = shared.lock();
        let (mut call, reply) = loop {
            if let Some((_, job)) = state.queue.pop_first() {
                break job;
            }
            if state.closing {
                return;
            }
            state = shared
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        };
        state.running += 1;
        drop(state);
        let more = call.more.as_mut();
        let table = more.map(|more| std::mem::take(&mut more.arrays));
        let table = table.unwrap_or_default();
        let (ran, table) = run_until_done(name, registry, &call, table);
        let mut state = shared.lock();
        state.running -= 1;
        match ran {
            Ok(_) => state.done += 1,
            Err(_) => state.failed += 1,
        }
        drop(state);
        arrays::with_incoming(table, || match ran {
            Ok(output) => reply.resolve(call.tag, Ok(&output)),
            Err(failure) => reply.resolve(call.tag, Err(failure)),
        });
        shared.report_end(1);
    }
}

/// Runs one call, and again where its caller wants that and it refers to no arrays, which the first run has
/// taken.
fn run_until_done(
    name: &str,
    registry: &Registry,
    call: &RawCall,
    mut table: Table,
) -> (Result<Vec<u8>, TaskFailure>, Table) {
    let again = call.more.as_ref().and_then(|more| more.again.as_ref());
    let again = again.filter(|_| table.is_empty());
    let mut failures = 0;
    loop {
        let (ran, out) = run(name, registry, call, std::mem::take(&mut table));
        match (&ran, again) {
            (Err(failure), Some(again)) if failures < again.times && (again.after)(failure) => {
                std::thread::sleep(again.pause.saturating_mul(1 << failures.min(20)));
                failures += 1;
            }
            _ => return (ran, out),
        }
    }
}

/// Runs one call, with the arrays that its arguments refer to; a panic is its failure. Gives the arrays that
/// its output refers to.
fn run(
    name: &str,
    registry: &Registry,
    call: &RawCall,
    table: Table,
) -> (Result<Vec<u8>, TaskFailure>, Table) {
    let input = match call.more.as_ref().map(|more| &more.input) {
        Some(pool::Input::Inline(bytes)) => Input::from_bytes(bytes),
        _ => Input::from_bytes(&[]),
    };
    let run = || registry.run(call.task, &call.args, input, Vec::new());
    let (ran, table) = handing_over(table, || panics::catch(run));
    (ran.map_err(|failure| failed_in(name, failure)), table)
}

/// Runs a task with the arrays of its arguments; gives those of its output, which nobody else may hold.
pub(crate) fn handing_over(
    table: Table,
    run: impl FnOnce() -> Result<Vec<u8>, Failure>,
) -> (Result<Vec<u8>, Failure>, Table) {
    let (ran, table) = arrays::with_incoming(table, run);
    let held = ran.and_then(|output| match table.check_handed_over() {
        Ok(()) => Ok(output),
        Err(held) => Err(Failure::new(FailureKind::Error, held.to_string())),
    });
    match held {
        Ok(output) => (Ok(output), table),
        Err(failure) => (Err(failure), Table::default()),
    }
}

/// A worker's failure as the pool reports those of processes.
pub(crate) fn failed_in(worker: &str, failure: Failure) -> TaskFailure {
    let failure = failure.into_why();
    TaskFailure::Failed(Box::new(Failed {
        worker: worker.to_owned(),
        kind: failure.kind,
        message: failure.message,
        location: failure.location,
        backtrace: failure.backtrace,
    }))
}
