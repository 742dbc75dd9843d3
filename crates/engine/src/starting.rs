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

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(serving: u32, standby: u32, starting: u32) -> Starts {
        Starts {
            serving,
            standby,
            starting,
            short_since_ns: None,
            ..Starts::new(0, &Config::default())
        }
    }

    fn counts(starts: &Starts) -> (u32, u32, u32) {
        (starts.serving, starts.standby, starts.starting)
    }

    #[test]
    fn a_worker_that_stops_is_counted_out_where_it_was_counted() {
        let retiring = true;
        let (since_ns, entry) = (0, None);
        let reason = crate::KillReason::TimedOut;
        let checking = State::Checking {
            retiring,
            reason,
            entry,
        };
        for (state, left) in [
            (State::Starting { since_ns }, (4, 5, 5)),
            (State::Standby, (4, 4, 6)),
            (State::Serving { retiring }, (3, 5, 6)),
            (checking, (3, 5, 6)),
            (State::Leaving { since_ns }, (4, 5, 6)),
            (State::Ending { reason, since_ns }, (4, 5, 6)),
            (State::Killed, (4, 5, 6)),
        ] {
            let mut starts = starts(4, 5, 6);
            starts.stopped(0, state);
            assert_eq!(counts(&starts), left, "{state:?}");
        }
    }

    #[test]
    fn workers_are_short_from_when_fewer_serve_than_are_needed() {
        let retiring = false;
        let stopped = |serving, needed, before| {
            let mut starts = starts(serving, 0, 0);
            (starts.needed, starts.short_since_ns) = (needed, before);
            starts.stopped(7, State::Serving { retiring });
            starts.short_since_ns
        };
        assert_eq!(stopped(2, 1, None), None);
        assert_eq!(stopped(1, 1, None), Some(7));
        assert_eq!(stopped(3, 3, None), Some(7));
        assert_eq!(stopped(3, 3, Some(2)), Some(2), "since the first");
        assert_eq!(stopped(4, 3, None), None);
        let mut starts = starts(0, 0, 0);
        (starts.needed, starts.short_since_ns) = (2, Some(0));
        starts.served();
        assert_eq!((starts.serving, starts.short_since_ns), (1, Some(0)));
        starts.served();
        assert_eq!((starts.serving, starts.short_since_ns), (2, None));
        assert_eq!(starts.needed, 1, "from then on");
    }

    #[test]
    fn a_pool_is_elastic_whose_numbers_differ() {
        for (min, max, elastic) in [(2, 3, true), (2, 2, false), (3, 2, false), (0, 1, true)] {
            let config = Config {
                min,
                max,
                ..Config::default()
            };
            let starts = Starts::new(0, &config);
            assert_eq!(starts.is_elastic(), elastic, "{min} to {max}");
            assert!(starts.max >= starts.min);
        }
    }

    #[test]
    fn waiting_for_a_worker_begins_with_a_start_where_there_is_none() {
        let begun = |mut starts: Starts, failures| {
            starts.failures = failures;
            starts.begin(9);
            (starts.short_since_ns, starts.starting)
        };
        assert_eq!(begun(starts(0, 0, 0), 0), (Some(9), 1));
        assert_eq!(begun(starts(0, 0, 0), 1), (None, 1));
        for serving in 0..=1 {
            for standby in 0..=1 {
                for starting in 0..=1 {
                    if serving + standby + starting > 0 {
                        let starts = starts(serving, standby, starting);
                        assert_eq!(begun(starts, 0), (None, starting + 1));
                    }
                }
            }
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_until_a_later_worker_has_answered() {
        let mut starts = starts(0, 0, 0);
        let (index, generation) = (0, 0);
        let (shortest, longest) = BACKOFF_NS;
        starts.readied();
        starts.readied();
        assert_eq!((starts.recovered, starts.ever_ready), (2, true));
        for (failures, pause) in [1, 2, 4, 8, 16, 32, 64].into_iter().zip(1..) {
            let now = 1000 * u64::from(pause);
            starts.failed(now, WorkerId { index, generation });
            let not_before_ns = now + failures * shortest;
            assert_eq!(starts.not_before_ns, not_before_ns);
            assert_eq!((starts.failures, starts.recovered), (pause, 0));
        }
        for _ in 0..100 {
            starts.failed(5000, WorkerId { index, generation });
            assert_eq!(starts.not_before_ns, 5000 + longest);
        }
        for (ready_ns, failures) in [(4999, 107), (5000, 107), (5001, 0)] {
            starts.proved(ready_ns);
            assert_eq!(starts.failures, failures);
        }
        assert_eq!(starts.not_before_ns, 0);
        starts.not_before_ns = 3;
        starts.proved(6000);
        assert_eq!(starts.not_before_ns, 3, "nothing has failed since");
    }
}
