//! How many calls a pool is given ahead of its workers: enough that they never wait for this rank, and no more,
//! since what the pool has cannot be given back.

use std::time::{Duration, Instant};

/// Expected time of the calls that each worker has ahead.
const AHEAD_NS: u64 = 2_000_000;
/// Calls ahead for each worker at most.
const MOST: u64 = 2048;
/// How long a result may wait for others that are sent with it, at most.
const PATIENCE: Duration = Duration::from_micros(300);

/// How fast a pool is, measured.
pub(crate) struct Feed {
    workers: usize,
    ns_each: Option<f64>,
    since: Instant,
}

impl Feed {
    pub(crate) fn new(workers: usize) -> Feed {
        Feed {
            workers,
            ns_each: None,
            since: Instant::now(),
        }
    }

    /// How many calls the pool may have.
    pub(crate) fn limit(&self) -> usize {
        let ahead = match self.ns_each {
            None => 0,
            Some(ns) => (AHEAD_NS / (ns as u64).max(1)).min(MOST),
        };
        self.workers * (1 + ahead as usize)
    }

    /// A call is given to the pool, which has `open` others.
    pub(crate) fn begins(&mut self, open: usize) {
        if open == 0 {
            self.since = Instant::now();
        }
    }

    /// `calls` have ended of `open` that were open.
    pub(crate) fn ended(&mut self, calls: usize, open: usize) {
        let busy = self.workers.min(open.max(1)) as f64;
        let sample = self.since.elapsed().as_nanos() as f64 * busy / calls as f64;
        self.since = Instant::now();
        let known = self.ns_each.get_or_insert(sample);
        // Few calls say little; and one slow call among many fast ones is no reason to go slow at once.
        *known += (sample - *known) * 0.25;
    }

    /// How long a call takes of a worker, nanoseconds.
    pub(crate) fn ns_each(&self) -> Option<u64> {
        self.ns_each.map(|ns| ns as u64)
    }

    /// How long a result may wait for others.
    pub(crate) fn patience(&self) -> Duration {
        match self.ns_each {
            Some(ns) if ns < 100_000.0 => PATIENCE,
            _ => Duration::ZERO,
        }
    }
}
