//! Maps over iterators: order, how far ahead calls are taken, failures in between.

use crate::tasks::{Sleep, Sum, registry};
use pool::{Input, Pool, StartMethod, TaskFailure};
use std::cell::Cell;
use std::time::Duration;

pub(crate) fn an_endless_iterator_is_taken_as_it_is_used(method: StartMethod) {
    const BOUND: u64 = 10;
    let builder = Pool::builder(method).tasks(registry()).workers(2);
    let mut pool = builder.queue_bound(BOUND as usize).start().unwrap();
    let taken = Cell::new(0);
    let calls = (0u64..).map(|n| {
        taken.set(n + 1);
        ((), Input::of_elements(&[n]))
    });
    for (n, sum) in (0..1000).zip(pool.map::<Sum>(calls)) {
        assert_eq!(sum.unwrap(), n);
        assert!(taken.get() <= n + 1 + BOUND, "{} at {n}", taken.get());
    }
    // What was taken and not used up is in the way of nothing.
    let handle = pool.submit::<Sum>(&(), Input::of_elements(&[5u64]));
    assert_eq!(pool.wait(handle.unwrap()).unwrap(), 5);
}

pub(crate) fn memory_is_flat_over_an_endless_iterator(method: StartMethod) {
    let mut pool = Pool::builder(method)
        .tasks(registry())
        .workers(2)
        .start()
        .unwrap();
    let calls = || (0u64..).map(|n| ((), Input::of_elements(&[n])));
    fn private(mut results: impl Iterator<Item = bool>) -> u64 {
        assert!(results.all(|right| right));
        runtime::memory_in_full().private
    }
    let mut ordered = (0..)
        .zip(pool.map::<Sum>(calls()))
        .map(|(n, sum)| sum.unwrap() == n);
    let before = private(ordered.by_ref().take(20_000));
    let after = private(ordered.by_ref().take(200_000));
    // Kept, the results alone would be several times as much.
    assert!(after < before + (2 << 20), "{before} bytes, then {after}");
    drop(ordered);
    let mut unordered = pool
        .map_unordered::<Sum>(calls())
        .map(|(n, sum)| sum.unwrap() == n);
    let before = private(unordered.by_ref().take(20_000));
    let after = private(unordered.by_ref().take(200_000));
    assert!(after < before + (2 << 20), "{before} bytes, then {after}");
}

pub(crate) fn order_is_kept_or_not_as_asked(method: StartMethod) {
    let start = || {
        let builder = Pool::builder(method.clone()).tasks(registry()).workers(2);
        builder
            .task_timeout(Duration::from_secs(3))
            .start()
            .unwrap()
    };
    let calls = |millis: [u64; 4]| millis.map(|millis| (millis, Input::None));
    // The first takes longest; the third takes too long.
    let results: Vec<bool> = start()
        .map::<Sleep>(calls([1000, 0, 600_000, 0]))
        .map(|result| match result {
            Ok(()) => true,
            Err(TaskFailure::TimedOut(_)) => false,
            Err(other) => panic!("{other}"),
        })
        .collect();
    assert_eq!(results, [true, true, false, true]);

    let mut numbers: Vec<u64> = start()
        .map_unordered::<Sleep>(calls([1000, 0, 0, 0]))
        .map(|(number, result)| {
            result.unwrap();
            number
        })
        .collect();
    // Which worker gets which of the short ones is not said.
    numbers[..3].sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 0]);
}
