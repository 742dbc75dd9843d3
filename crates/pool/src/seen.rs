//! What threads other than a background pool's own see of it.

use crate::pool::Pool;
use supervisor::counters::Counters;
use supervisor::ids::WorkerId;

/// What other threads see of the pool.
#[derive(Default)]
pub(crate) struct Seen {
    pub counters: Counters,
    /// Tasks that the thread has taken from its inbox.
    pub taken: u64,
    pub pids: Vec<u32>,
    version: (WorkerId, u64, usize),
}

impl Seen {
    pub(crate) fn look(&mut self, pool: &mut Pool, taken: u64) {
        let shell = pool.shell();
        self.counters = shell.tally();
        self.taken = taken;
        let version = shell.crew_version();
        if self.version != version || self.pids.is_empty() {
            self.version = version;
            self.pids.clear();
            self.pids.extend(shell.pids());
        }
    }
}
