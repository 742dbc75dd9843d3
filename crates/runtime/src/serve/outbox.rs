//! Frames on their way to the coordinator, from the loop and from log records of any thread.

use crate::{channel::send_all, memory, now_ns};
use serde::Serialize;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wire::FromWorker;

/// Frames wait here until they are flushed, whole and in order.
pub(crate) struct Outbox {
    socket: Arc<OwnedFd>,
    waiting: Mutex<Vec<u8>>,
    events: AtomicBool,
}

impl Outbox {
    pub(crate) fn new(socket: Arc<OwnedFd>) -> Outbox {
        Outbox {
            socket,
            waiting: Mutex::default(),
            events: AtomicBool::new(false),
        }
    }

    pub(super) fn send_events(&self, events: bool) {
        self.events.store(events, Ordering::Relaxed);
    }

    pub(super) fn sends_events(&self) -> bool {
        self.events.load(Ordering::Relaxed)
    }

    /// Adds a frame to those that wait.
    pub(crate) fn push(&self, message: &impl Serialize) -> io::Result<()> {
        wire::encode(message, &mut self.lock()).map_err(io::Error::other)
    }

    /// Sends what waits.
    pub(crate) fn flush(&self) -> io::Result<()> {
        let mut waiting = self.lock();
        if !waiting.is_empty() {
            send_all(self.socket.as_fd(), &waiting, &[])?;
            waiting.clear();
        }
        Ok(())
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Reports at once that the input of a call is accessible, if events are wanted.
    pub(super) fn received(&self, id: u64) -> io::Result<()> {
        if !self.sends_events() {
            return Ok(());
        }
        self.push(&FromWorker::Received {
            id,
            at_ns: now_ns(),
            memory: memory(),
        })?;
        self.flush()
    }

    /// A thread that panicked while it logged left whole frames behind: `encode` is atomic.
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
