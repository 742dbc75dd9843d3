//! Work on a long range by several threads: chunk by chunk, each thread taking the next, until all
//! is done, one fails or the caller says stop.

use std::ops::{ControlFlow, Range};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::sys;

/// Why the range was not finished.
pub(crate) enum Unfinished<E> {
    Failed(E),
    Stopped { done: u64 },
}

/// Calls `work` with every chunk of `0..len`, at chunk-aligned starts, from up to `threads` threads.
///
/// The calling thread works too, and calls `progress` between its own chunks. Helpers have every
/// signal blocked and have been joined on return. If some of them cannot be started, fewer do it.
pub(crate) fn run<E: Send>(
    len: u64,
    chunk: u64,
    threads: usize,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    work: &(dyn Fn(Range<u64>) -> Result<(), E> + Sync),
) -> Result<(), Unfinished<E>> {
    let shared = Shared {
        len,
        chunk,
        next: AtomicU64::new(0),
        done: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        failure: Mutex::new(None),
    };
    let helpers = (threads.max(1) as u64)
        .min(len.div_ceil(chunk))
        .saturating_sub(1);
    let stopped = std::thread::scope(|scope| {
        let handles: Vec<_> = sys::with_signals_blocked(|| {
            (0..helpers)
                .map_while(|_| {
                    let helper = std::thread::Builder::new().name("shmem-chunks".to_owned());
                    helper
                        .spawn_scoped(scope, || while shared.step(work) {})
                        .ok()
                })
                .collect()
        });
        let mut stopped = false;
        while shared.step(work) {
            if progress(shared.done.load(Relaxed)).is_break() {
                stopped = true;
                shared.stop.store(true, Relaxed);
            }
        }
        for handle in handles {
            // A panic in `work` goes on in the thread that asked for the work.
            handle
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        stopped
    });
    let done = shared.done.into_inner();
    if let Some(error) = shared
        .failure
        .into_inner()
        .expect("no chunk panics holding the lock")
    {
        return Err(Unfinished::Failed(error));
    }
    if done < len && stopped {
        return Err(Unfinished::Stopped { done });
    }
    // Said once more, since the last chunk may have been a helper's; too late to stop anything.
    let _ = progress(done);
    Ok(())
}

struct Shared<E> {
    len: u64,
    chunk: u64,
    next: AtomicU64,
    done: AtomicU64,
    stop: AtomicBool,
    failure: Mutex<Option<E>>,
}

impl<E> Shared<E> {
    /// Does the next chunk; false when there is no more to do.
    fn step(&self, work: &(dyn Fn(Range<u64>) -> Result<(), E> + Sync)) -> bool {
        if self.stop.load(Relaxed) {
            return false;
        }
        let start = self.next.fetch_add(self.chunk, Relaxed);
        if start >= self.len {
            return false;
        }
        let end = self.len.min(start.saturating_add(self.chunk));
        match work(start..end) {
            Ok(()) => {
                self.done.fetch_add(end - start, Relaxed);
                true
            }
            Err(error) => {
                self.stop.store(true, Relaxed);
                self.failure
                    .lock()
                    .expect("no chunk panics holding the lock")
                    .get_or_insert(error);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO_ON: ControlFlow<()> = ControlFlow::Continue(());
    const WATCHDOG: std::time::Duration = std::time::Duration::from_secs(10);

    #[test]
    fn every_byte_is_worked_on_once() {
        for (len, chunk, threads) in [(0, 4, 3), (1, 4, 3), (4, 4, 1), (1003, 7, 4), (9, 100, 8)] {
            let hits: Vec<AtomicU64> = (0..len).map(|_| AtomicU64::new(0)).collect();
            let mut last = 0;
            let result = run::<()>(
                len,
                chunk,
                threads,
                &mut |done| {
                    assert!(done >= last && done <= len);
                    last = done;
                    GO_ON
                },
                &|range| {
                    assert_eq!(range.start % chunk, 0);
                    for at in range {
                        hits[at as usize].fetch_add(1, Relaxed);
                    }
                    Ok(())
                },
            );
            assert!(result.is_ok());
            assert_eq!(last, len);
            assert!(hits.iter().all(|hit| hit.load(Relaxed) == 1));
        }
    }

    #[test]
    fn the_first_failure_ends_the_work() {
        let tried = AtomicU64::new(0);
        let result = run(1 << 40, 1, 2, &mut |_| GO_ON, &|range| {
            tried.fetch_add(1, Relaxed);
            if range.start < 10 {
                Ok(())
            } else {
                Err(range.start)
            }
        });
        assert!(matches!(result, Err(Unfinished::Failed(10..))));
        assert!(tried.load(Relaxed) < 100);
    }

    #[test]
    fn progress_can_stop_the_work() {
        let result = run::<()>(1 << 40, 1, 2, &mut |_| ControlFlow::Break(()), &|_| Ok(()));
        assert!(matches!(result, Err(Unfinished::Stopped { done: 1.. })));
    }

    #[test]
    fn helpers_have_every_signal_blocked_and_the_caller_keeps_its_mask() {
        use nix::sys::signal::{SigSet, Signal};
        let caller = std::thread::current().id();
        let before = SigSet::thread_get_mask().unwrap();
        let helped = AtomicBool::new(false);
        let result = run::<()>(1000, 1, 2, &mut |_| GO_ON, &|_| {
            let mask = SigSet::thread_get_mask().unwrap();
            if std::thread::current().id() != caller {
                assert!(mask.contains(Signal::SIGINT) && mask.contains(Signal::SIGTERM));
                helped.store(true, Relaxed);
            } else {
                assert_eq!(mask, before);
                // Nothing is left for a helper where this thread does all of it first.
                let began = std::time::Instant::now();
                while !helped.load(Relaxed) && began.elapsed() < WATCHDOG {
                    std::thread::yield_now();
                }
            }
            Ok(())
        });
        assert!(result.is_ok() && helped.load(Relaxed));
    }
}
