//! How starting workers goes: what is missing, what failed, and when the next start may be.

use crate::config::{BACKOFF_NS, Config};
use crate::id::WorkerId;
use crate::worker::State;

/// How starting goes.
#[derive(Debug)]
pub(crate) struct Starts {
    /// Workers that take tasks.
    pub(crate) serving: u32,
    /// Workers that are ready to take the place of one of them.
    pub(crate) standby: u32,
    /// Workers that are getting ready.
    pub(crate) starting: u32,
    /// How many workers take tasks at least and at most.
    pub(crate) min: u32,
    pub(crate) max: u32,
    /// Without how many ready workers the pool does not go on.
    pub(crate) needed: u32,
    pub(crate) ever_ready: bool,
    /// Starts that failed since one last succeeded.
    pub(crate) failures: u32,
    /// Workers that got ready since a start last failed: as many may be tried at once, and one.
    pub(crate) recovered: u32,
    pub(crate) failed_ns: u64,
    /// No start before this.
    pub(crate) not_before_ns: u64,
    /// Since when too few workers are ready.
    pub(crate) short_since_ns: Option<u64>,
    pub(crate) last_failed: Option<WorkerId>,
}

impl Starts {
    pub(crate) fn new(now: u64, config: &Config) -> Starts {
        Starts {
            serving: 0,
            standby: 0,
            starting: 0,
            min: config.min,
            max: config.max.max(config.min),
            needed: if config.external { config.min } else { 1 },
            ever_ready: false,
            failures: 0,
            recovered: 0,
            failed_ns: 0,
            not_before_ns: 0,
            short_since_ns: Some(now),
            last_failed: None,
        }
    }

    /// A worker that was in this state is no longer starting or serving.
    pub(crate) fn stopped(&mut self, now: u64, state: State) {
        match state {
            State::Starting { .. } => self.starting -= 1,
            State::Standby => self.standby -= 1,
            State::Serving { .. } | State::Checking { .. } => {
                self.serving -= 1;
                if self.serving < self.needed && self.short_since_ns.is_none() {
                    self.short_since_ns = Some(now);
                }
            }
            _ => {}
        }
    }

    /// Whether workers are started while tasks wait.
    pub(crate) fn is_elastic(&self) -> bool {
        self.min < self.max
    }

    /// A worker is to be started. Where none has been there for want of work, waiting for one begins now.
    pub(crate) fn begin(&mut self, now: u64) {
        if self.serving + self.standby + self.starting == 0 && self.failures == 0 {
            self.short_since_ns = Some(now);
        }
        self.starting += 1;
    }

    /// A worker got ready.
    pub(crate) fn readied(&mut self) {
        self.recovered += 1;
        self.ever_ready = true;
    }

    /// A worker takes tasks from now on.
    pub(crate) fn served(&mut self) {
        self.serving += 1;
        if self.serving >= self.needed {
            // From now on one is enough.
            self.needed = 1;
            self.short_since_ns = None;
        }
    }

    /// A worker that got ready at this time has answered a task: where that is after the last
    /// failure, starting works again.
    pub(crate) fn proved(&mut self, ready_ns: u64) {
        if self.failures > 0 && ready_ns > self.failed_ns {
            self.failures = 0;
            self.not_before_ns = 0;
        }
    }

    pub(crate) fn failed(&mut self, now: u64, worker: WorkerId) {
        self.last_failed = Some(worker);
        let (shortest, longest) = BACKOFF_NS;
        let pause = (shortest << self.failures.min(20)).min(longest);
        self.failures += 1;
        self.recovered = 0;
        self.failed_ns = now;
        self.not_before_ns = now.saturating_add(pause);
    }
}
