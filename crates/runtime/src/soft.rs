//! What the running task and the coordinator say to each other while it runs: a request to end, progress,
//! notes.

use crate::serve::Outbox;
use shmem::Board;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use wire::{FromWorker, MAX_NOTE};

/// Progress is sent no more often than this.
const EVERY_NS: u64 = 20_000_000;

/// The entry, or without a lane the call, that is running, plus one; 0 between calls.
static RUNNING: AtomicU64 = AtomicU64::new(0);
/// The id of the call that is running.
static CALL: AtomicU64 = AtomicU64::new(0);
/// When progress was last sent.
static SENT_NS: AtomicU64 = AtomicU64::new(0);
static LINK: RwLock<Option<Link>> = RwLock::new(None);

/// This worker's connection to its coordinator.
struct Link {
    outbox: Arc<Outbox>,
    /// Where the coordinator writes which run is to end.
    asked: Option<(&'static Board, usize)>,
    /// The worker whose coordinator it is: a worker may fork workers of its own.
    pid: u32,
}

/// Held while this process is a worker: what tasks say then reaches the coordinator.
pub(crate) struct Connected;

impl Drop for Connected {
    fn drop(&mut self) {
        // The socket is closed only once nobody holds the outbox.
        *LINK.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// This process is a worker from now on.
pub(crate) fn connect(outbox: &Arc<Outbox>, asked: Option<(&'static Board, usize)>) -> Connected {
    let link = Link {
        outbox: Arc::clone(outbox),
        asked,
        pid: std::process::id(),
    };
    *LINK.write().unwrap_or_else(PoisonError::into_inner) = Some(link);
    RUNNING.store(0, Ordering::Relaxed);
    Connected
}

/// A call runs from now on: `run` is what the coordinator names it by when it is to end.
pub(crate) fn begin(run: u64, call: u64) {
    CALL.store(call, Ordering::Relaxed);
    SENT_NS.store(0, Ordering::Relaxed);
    RUNNING.store(run.wrapping_add(1), Ordering::Relaxed);
}

/// No call runs any more.
pub(crate) fn end() {
    RUNNING.store(0, Ordering::Relaxed);
}

fn linked<T>(with: impl FnOnce(&Link) -> T) -> Option<T> {
    let running = RUNNING.load(Ordering::Relaxed) != 0;
    let link = LINK.read().unwrap_or_else(PoisonError::into_inner);
    let ours = |link: &&Link| running && link.pid == std::process::id();
    link.as_ref().filter(ours).map(with)
}

/// Whether the task that runs was asked to end: it was cancelled, or has run for longer than it may. `false`
/// outside of a task.
pub fn cancelled() -> bool {
    let running = RUNNING.load(Ordering::Relaxed);
    let asked = linked(|link| {
        let (board, index) = link.asked?;
        Some(board.word(index).load(Ordering::Acquire))
    });
    running != 0 && asked.flatten() == Some(running)
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
