//! What the running task and the coordinator say to each other while it runs: a request to end, progress,
//! notes.

use crate::interrupt;
use crate::serve::Outbox;
use nix::errno::Errno;
use shmem::Board;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use wire::{FromWorker, MAX_NOTE};

/// Progress is sent no more often than this.
const EVERY_NS: u64 = 20_000_000;

/// The entry, or without a lane the call, that is running, plus one; 0 between calls.
static RUNNING: AtomicU64 = AtomicU64::new(0);
/// The id of the call that is running.
static CALL: AtomicU64 = AtomicU64::new(0);
/// Whether the call that runs has said something: over the socket, so that its result has to follow there.
static SPOKE: AtomicBool = AtomicBool::new(false);
/// When progress was last sent.
static SENT_NS: AtomicU64 = AtomicU64::new(0);
static LINK: RwLock<Option<Link>> = RwLock::new(None);
/// Where the coordinator writes which run is to end. Null where it cannot. Atomic, since a signal handler
/// reads it.
static ASKED: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
/// The worker whose word that is: a task may fork processes of its own.
static WORKER: AtomicU32 = AtomicU32::new(0);

/// This worker's connection to its coordinator.
struct Link {
    outbox: Arc<Outbox>,
    /// The worker whose coordinator it is: a worker may fork workers of its own.
    pid: u32,
}

/// Held while this process is a worker: what tasks say then reaches the coordinator.
pub(crate) struct Connected;

impl Drop for Connected {
    fn drop(&mut self) {
        ASKED.store(ptr::null_mut(), Ordering::Release);
        // The socket is closed only once nobody holds the outbox.
        *LINK.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// This process is a worker from now on.
pub(crate) fn connect(outbox: &Arc<Outbox>, asked: Option<(&'static Board, usize)>) -> Connected {
    let link = Link {
        outbox: Arc::clone(outbox),
        pid: std::process::id(),
    };
    RUNNING.store(0, Ordering::Relaxed);
    WORKER.store(link.pid, Ordering::Relaxed);
    let word = asked.map_or(ptr::null_mut(), |(board, index)| {
        ptr::from_ref(board.word(index)).cast_mut()
    });
    ASKED.store(word, Ordering::Release);
    *LINK.write().unwrap_or_else(PoisonError::into_inner) = Some(link);
    // A fork has reset it.
    interrupt::install(on_signal);
    Connected
}

/// A call runs from now on: `run` is what the coordinator names it by when it is to end.
pub(crate) fn begin(run: u64, call: u64) {
    CALL.store(call, Ordering::Relaxed);
    SENT_NS.store(0, Ordering::Relaxed);
    RUNNING.store(run.wrapping_add(1), Ordering::Relaxed);
    // The request, and the signal that goes with it, may have come between the claim and this line.
    if let Some(hook) = interrupt::hook()
        && cancelled()
    {
        hook();
    }
}

/// The coordinator asks a task to end; by now it may have ended.
extern "C" fn on_signal(_: libc::c_int) {
    if let Some(hook) = interrupt::hook()
        && cancelled()
    {
        let errno = Errno::last_raw();
        hook();
        Errno::set_raw(errno);
    }
}

/// Sets, once, what a worker calls when the task that it runs is asked to end: because it was cancelled, or
/// has run for longer than it may. A host of another language raises an error in the task by it. `false`
/// where a hook was set before.
///
/// It is called in the handler of [`CANCEL_SIGNAL`](crate::CANCEL_SIGNAL), by default on the main thread,
/// while [`cancelled`] is `true`; perhaps more than once for one request. The system call that the thread waits in
/// then returns `EINTR`. The hook may be set before or after the process becomes a worker, and forks inherit it.
/// A task that ignores it is ended after the pool's grace for cancelled tasks.
///
/// # Safety
/// The hook does only what a signal handler may.
pub unsafe fn set_cancel_hook(hook: fn()) -> bool {
    let set = interrupt::set(hook);
    interrupt::install(on_signal);
    set
}

/// No call runs any more. Whether the one that ran has said something.
pub(crate) fn end() -> bool {
    RUNNING.store(0, Ordering::Relaxed);
    let spoke = SPOKE.load(Ordering::Relaxed);
    if spoke {
        SPOKE.store(false, Ordering::Relaxed);
    }
    spoke
}

/// The call that runs has said something in another way over the socket.
pub(crate) fn spoke() {
    SPOKE.store(true, Ordering::Relaxed);
}

fn linked<T>(with: impl FnOnce(&Link) -> T) -> Option<T> {
    let running = RUNNING.load(Ordering::Relaxed) != 0;
    let link = LINK.read().unwrap_or_else(PoisonError::into_inner);
    let ours = |link: &&Link| running && link.pid == std::process::id();
    let link = link.as_ref().filter(ours)?;
    SPOKE.store(true, Ordering::Relaxed);
    Some(with(link))
}

/// Whether the task that runs was asked to end: it was cancelled, or has run for longer than it may. `false`
/// outside of a task.
pub fn cancelled() -> bool {
    let running = RUNNING.load(Ordering::Relaxed);
    if running == 0 {
        return false;
    }
    // SAFETY: null, or a word of the status page, which stays mapped as long as this process lives.
    let asked = unsafe { ASKED.load(Ordering::Acquire).as_ref() };
    asked.is_some_and(|asked| asked.load(Ordering::Acquire) == running)
        && WORKER.load(Ordering::Relaxed) == std::process::id()
}

/// Sends bytes to the task's watcher, at once. `false` outside of a worker's task.
///
/// # Errors
/// Where they are more than [`MAX_NOTE`], or the coordinator is gone.
pub fn note(bytes: &[u8]) -> io::Result<bool> {
    if bytes.len() > MAX_NOTE {
        let text = format!("a note has at most {MAX_NOTE} bytes, not {}", bytes.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let call = CALL.load(Ordering::Relaxed);
    let sent = linked(|link| {
        link.outbox.push(&FromWorker::Note { call, note: bytes })?;
        link.outbox.flush()
    });
    sent.transpose().map(|sent| sent.is_some())
}

/// Says how far the task is. Sent at most every 20 ms, and where it is complete; cheap otherwise.
pub fn progress(done: u64, total: u64) {
    let now_ns = crate::now_ns();
    let last = SENT_NS.load(Ordering::Relaxed);
    if done < total && now_ns.saturating_sub(last) < EVERY_NS {
        return;
    }
    SENT_NS.store(now_ns, Ordering::Relaxed);
    let call = CALL.load(Ordering::Relaxed);
    linked(|link| {
        // A coordinator that is gone asks for nothing more.
        let _ = link
            .outbox
            .push(&FromWorker::Progress { call, done, total })
            .and_then(|()| link.outbox.flush());
    });
}
