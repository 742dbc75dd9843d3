//! How many workers a pool has, how it changes, what each may take of the machine, and where it prints.

use crate::builder::Builder;
use std::time::Duration;
use supervisor::settings::MAX_WORKERS;
use wire::Bounds;

impl Builder {
    /// At least `min` workers and at most `max`: those above `min` are started while tasks wait, and
    /// leave where there is an [`idle_timeout`](Self::idle_timeout).
    ///
    /// # Panics
    /// Where `max` is not 1 to [`MAX_WORKERS`], or below `min`.
    #[must_use]
    pub fn workers_between(mut self, min: usize, max: usize) -> Builder {
        assert!(
            (1..=MAX_WORKERS).contains(&max) && min <= max,
            "{min} to {max} workers: at most {MAX_WORKERS}"
        );
        self.limits.min = min;
        self.limits.workers = max;
        self
    }

    /// How many ready workers are kept beside those that take tasks: one takes the place of a worker that
    /// ends at once, so that nobody waits for a start or an initializer. None by default.
    #[must_use]
    pub fn spare(mut self, workers: usize) -> Builder {
        self.limits.spare = workers;
        self
    }

    /// How long a worker above the smallest number may be idle before it is asked to exit. No limit by
    /// default.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Builder {
        self.limits.idle_timeout = Some(timeout);
        self
    }

    /// How long a running task has to end after it was cancelled or its limit has passed, before its worker
    /// is ended: it can see that by [`runtime::cancelled`]. 50 ms by default; 0 ends the worker at once.
    #[must_use]
    pub fn cancel_grace(mut self, grace: Duration) -> Builder {
        self.limits.cancel_grace = grace;
        self
    }

    /// Whether [`start`](Self::start) waits until the smallest number of workers is ready; the default.
    #[must_use]
    pub fn wait_until_ready(mut self, wait: bool) -> Builder {
        self.limits.wait = wait;
        self
    }

    /// Pins each worker to one of the processors that this process may use, in turn; a replacement gets the
    /// processor of the worker that it replaces.
    #[must_use]
    pub fn spread(mut self, spread: bool) -> Builder {
        self.spread = spread;
        self
    }

    /// Gives each worker a pipe for its stdout, line by line to the [watcher](Self::watch)
    /// ([`What::Stdout`](crate::What::Stdout)), or without one to this process's stdout, after the worker's
    /// name. By default workers have this process's stdout itself. External workers keep their own.
    #[must_use]
    pub fn capture_stdout(mut self, capture: bool) -> Builder {
        self.stdout = capture;
        self
    }

    /// What each worker may take of the machine.
    #[must_use]
    pub fn bounds(mut self, bounds: Bounds) -> Builder {
        self.bounds = Some(bounds);
        self
    }
}
