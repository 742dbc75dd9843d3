//! What workers may take of the machine.

use super::Builder;
use std::time::Duration;

impl Builder {
    /// How many bytes of private writable memory a worker may have (`RLIMIT_DATA`); shared memory does not
    /// count, but with [`StartMethod::Fork`](crate::StartMethod::Fork) what a worker inherits from this process
    /// does. A worker that needs more aborts, and the error of its task names the limit.
    pub fn worker_memory(mut self, bytes: u64) -> Builder {
        self.bounds.memory = Some(bytes);
        self
    }

    /// How much processor time a worker may use in its whole life (`RLIMIT_CPU`), rounded up to seconds.
    pub fn worker_cpu_time(mut self, time: Duration) -> Builder {
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        self.bounds.cpu_s = Some(seconds);
        self
    }

    /// How many files a worker may have open (`RLIMIT_NOFILE`).
    pub fn worker_files(mut self, files: u64) -> Builder {
        self.bounds.files = Some(files);
        self
    }

    /// Added to the workers' nice value: positive for less of the processor than this process gets.
    pub fn nice(mut self, increment: i8) -> Builder {
        self.bounds.nice = increment;
        self
    }

    /// The processors that workers may run on.
    pub fn cpus(mut self, cpus: impl IntoIterator<Item = u32>) -> Builder {
        self.bounds.cpus = cpus.into_iter().collect();
        self
    }

    /// Pins each worker to one of the processors that this process may use, in turn.
    pub fn spread_over_cpus(self) -> Builder {
        self.set(|pool| pool.spread(true))
    }
}
