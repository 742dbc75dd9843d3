//! How far the whole job is, told on rank 0, which hears of every step.

use crate::rank::lock;
use coordinator::timeline::Timeline;
use report::format_count;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The least time between two lines.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// How far the job is.
pub(crate) struct Progress {
    timeline: Arc<Mutex<Timeline>>,
    /// Records of the job, and how many of them are done.
    all: u64,
    done: u64,
    said: Instant,
}

impl Progress {
    /// Of a job with `all` records, of which earlier starts have done `done`.
    pub(crate) fn new(timeline: Arc<Mutex<Timeline>>, all: u64, done: u64) -> Progress {
        Progress {
            timeline,
            all,
            done,
            said: Instant::now(),
        }
    }

    /// Adds records that are done.
    pub(crate) fn add(&mut self, records: u64) {
        self.done += records;
        if self.said.elapsed() >= BETWEEN_LINES {
            self.said = Instant::now();
            let percent = self.done as f64 / self.all.max(1) as f64 * 100.0;
            let all = format_count(self.all);
            lock(&self.timeline).say(&format!("{percent:.0} % of {all} records are summed."));
        }
    }
}
