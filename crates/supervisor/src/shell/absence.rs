//! Callers that were away: a worker that could not go on meanwhile, since nobody took what it wrote, has that time
//! back.

use super::Shell;
use super::worker::Written;
use crate::ids::WorkerId;
use engine::Event;

/// Bytes that a worker may have had to wait with for its caller. A pipe holds twice as many.
const MANY: usize = 32 * 1024;
/// What the kernel counts of a message besides its bytes.
pub(super) const MESSAGE: usize = 768;

impl Shell {
    /// The caller has come back.
    pub(super) fn returned(&mut self, now: u64) {
        self.health.away_ns = now.saturating_sub(self.health.left_ns);
    }

    /// The caller may go away.
    pub(super) fn left(&mut self, now: u64) {
        (self.health.left_ns, self.health.away_ns) = (now, 0);
    }

    /// A worker has written that many bytes. Where they are many, its running task has the time back for which the
    /// caller was away: once for each time.
    pub(super) fn wrote(&mut self, id: WorkerId, bytes: usize) {
        let (left_ns, away_ns) = (self.health.left_ns, self.health.away_ns);
        let Some(worker) = self.crew.workers.get_mut(&id).filter(|_| away_ns > 0) else {
            return;
        };
        let written = &mut worker.written;
        if written.left_ns != left_ns {
            *written = Written { left_ns, bytes: 0 };
        }
        let before = written.bytes;
        written.bytes += bytes;
        if let (true, Some(worker)) = (before < MANY && written.bytes >= MANY, worker.key) {
            let now = self.now();
            let ns = away_ns;
            self.handle(now, Event::HeldUp { worker, ns });
        }
    }
}
