//! How far the batches have come, in bytes of the dataset, for progress.

use super::plan::Plan;
use pool::Counters;
use report::Transport;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Between two looks.
pub(super) const EVERY: Duration = Duration::from_millis(100);

/// Computes it from what the pool counts.
pub(super) struct Gauge {
    /// Bytes of one repetition.
    len: u64,
    batches: u64,
    repeat: u64,
    transport: Transport,
    itemsize: u64,
    encoded: Arc<AtomicU64>,
}

impl Gauge {
    pub(super) fn of(plan: &Plan) -> Gauge {
        Gauge {
            len: plan.source.len(),
            batches: plan.batches,
            repeat: plan.repeat,
            transport: plan.source.transport,
            itemsize: plan.source.itemsize(),
            encoded: Arc::clone(&plan.source.encoded),
        }
    }

    /// Bytes of all repetitions.
    pub(super) fn total(&self) -> u64 {
        self.len.saturating_mul(self.repeat)
    }

    /// Bytes of them that are done: whole batches, or what was streamed, where that is finer. (What
    /// was streamed for a batch that is run again counts twice, until the end is reached.)
    pub(super) fn done(&self, counters: &Counters) -> u64 {
        let in_batches =
            u128::from(counters.done) * u128::from(self.len) / u128::from(self.batches.max(1));
        let streamed = match self.transport {
            Transport::Bytes => counters.streamed,
            Transport::Serde => self
                .encoded
                .load(Ordering::Relaxed)
                .saturating_mul(self.itemsize),
            Transport::Shm | Transport::Mmap | Transport::Inherit => 0,
        };
        u64::try_from(in_batches)
            .unwrap_or(u64::MAX)
            .max(streamed)
            .min(self.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finer_measure_counts_and_never_more_than_all() {
        let gauge = |transport| Gauge {
            len: 2_400,
            batches: 8,
            repeat: 2,
            transport,
            itemsize: 24,
            encoded: Arc::new(AtomicU64::new(30)),
        };
        let counters = |done, streamed| Counters {
            done,
            streamed,
            ..Counters::default()
        };
        assert_eq!(gauge(Transport::Mmap).total(), 4_800);
        assert_eq!(gauge(Transport::Mmap).done(&counters(3, 9_999)), 900);
        assert_eq!(gauge(Transport::Bytes).done(&counters(3, 1_000)), 1_000);
        assert_eq!(gauge(Transport::Bytes).done(&counters(16, 9_999)), 4_800);
        assert_eq!(gauge(Transport::Serde).done(&counters(0, 100)), 720);
    }
}
