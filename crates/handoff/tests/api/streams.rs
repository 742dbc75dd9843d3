//! Results of many calls, for async code.

use crate::background::{block_on, file, pools, wait_for_file};
use handoff::{ErrorKind, task};
use std::cell::Cell;
use std::time::Duration;

#[task]
fn double(n: u64) -> u64 {
    2 * n
}

#[task]
fn after(ms: u64, n: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(ms));
    n
}

/// Cannot be encoded.
#[derive(serde::Deserialize)]
struct Closed;

impl serde::Serialize for Closed {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it is closed"))
    }
}

#[task]
fn open(value: Option<Closed>) -> bool {
    value.is_some()
}

pub(crate) fn results_come_in_order_and_calls_only_some_way_ahead() {
    // With less room than calls ahead, and with more.
    for bound in [3, usize::MAX] {
        for pool in pools(bound) {
            let taken = Cell::new(0);
            let calls = (0..).inspect(|_| taken.set(taken.get() + 1)).map(double);
            block_on(async {
                let mut doubles = pool.map(calls);
                for n in 0..200 {
                    assert_eq!(doubles.next().await.unwrap().unwrap(), 2 * n);
                    assert!(taken.get() <= n + 9, "{} calls at {n}", taken.get());
                }
            });
        }
    }
}

pub(crate) fn results_come_as_they_are_ready() {
    for pool in pools(usize::MAX) {
        // The first ends once all others have come.
        let (directory, path) = file();
        let other = directory.path().to_str().unwrap();
        let calls = [path.as_str(), other, other, other].map(|path| wait_for_file(path.to_owned()));
        let mut order = block_on(async {
            let (mut stream, mut order) = (pool.map_unordered(calls), Vec::new());
            while let Some((index, result)) = stream.next().await {
                result.unwrap();
                order.push(index);
                if order.len() == 3 {
                    std::fs::write(&path, "").unwrap();
                }
            }
            order
        });
        assert_eq!(order.pop(), Some(0));
        order.sort_unstable();
        assert_eq!(order, [1, 2, 3]);
    }
}

pub(crate) fn a_call_that_cannot_be_sent_is_one_result() {
    for pool in pools(2) {
        let calls = (0..10).map(|n| open((n == 4).then_some(Closed)));
        let results = block_on(async {
            let (mut stream, mut results) = (pool.map(calls), Vec::new());
            while let Some(result) = stream.next().await {
                results.push(result.map_err(|error| error.kind()));
            }
            results
        });
        for (n, result) in results.iter().enumerate() {
            let expected = if n == 4 {
                Err(ErrorKind::Arguments)
            } else {
                Ok(false)
            };
            assert_eq!(*result, expected, "{n}");
        }
        assert_eq!(results.len(), 10);
    }
}

pub(crate) fn a_dropped_stream_gives_up_what_has_not_begun() {
    for pool in pools(usize::MAX) {
        block_on(async {
            let mut stream = pool.map((0..1000).map(|n| after(20, n)));
            assert_eq!(stream.next().await.unwrap().unwrap(), 0);
        });
        // What has begun runs to its end.
        while pool.counters().queued + pool.counters().running > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let counters = pool.counters();
        assert!(counters.done + counters.failed <= 9, "{counters:?}");
        assert_eq!(counters.died, 0);
    }
}

pub(crate) fn a_stream_holds_up_nobody_while_it_is_not_asked() {
    for pool in pools(2) {
        let sum = block_on(async {
            let (mut stream, mut sum) = (pool.map((0..20).map(double)), 0);
            while let Some(result) = stream.next().await {
                // The same pool, from between two results of the stream.
                sum += pool.run(double(result.unwrap())).await.unwrap();
                sum += pool.submit(double(0)).unwrap().wait().unwrap();
                let mut inner = pool.map((0..3).map(double));
                while let Some(result) = inner.next().await {
                    sum += result.unwrap();
                }
            }
            sum
        });
        assert_eq!(sum, 4 * 190 + 20 * 6);
    }
}

pub(crate) fn a_stream_ends_with_its_pool() {
    for pool in pools(usize::MAX) {
        block_on(async {
            let mut stream = pool.map((0..).map(double));
            assert_eq!(stream.next().await.unwrap().unwrap(), 0);
            pool.shutdown(handoff::Shutdown::Now).unwrap();
            let mut failed = None;
            while let Some(result) = stream.next().await {
                assert!(failed.is_none(), "it goes on after {failed:?}");
                failed = result.err().map(|error| error.kind());
            }
            assert_eq!(failed, Some(ErrorKind::ShutDown));
        });
    }
}
