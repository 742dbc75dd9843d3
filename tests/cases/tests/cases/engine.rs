//! Who runs what, when, and what one task's end means for the others.

use crate::tasks::{Marks, abort_once, add_one, bytes, mark, sleep_ms};
use crate::{Case, case};
use handoff::{Error, ErrorKind, Pool, StartMethod};
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    case(
        "cancelling_a_queued_task_leaves_the_running_one_alone",
        cancelling_a_queued_task_leaves_the_running_one_alone,
    ),
    case(
        "short_tasks_do_not_wait_behind_a_long_one",
        short_tasks_do_not_wait_behind_a_long_one,
    ),
    case(
        "dropping_a_map_withdraws_what_has_not_begun",
        dropping_a_map_withdraws_what_has_not_begun,
    ),
    case(
        "cancelling_many_newest_first_is_linear",
        cancelling_many_newest_first_is_linear,
    ),
    case(
        "a_map_reads_ahead_by_bytes_too",
        a_map_reads_ahead_by_bytes_too,
    ),
    case(
        "results_of_a_map_that_nobody_takes_are_bounded",
        results_of_a_map_that_nobody_takes_are_bounded,
    ),
    case("a_death_is_one_task_s_own", a_death_is_one_task_s_own),
    case("five_hundred_workers_serve", five_hundred_workers_serve),
];

pub(crate) fn pool(method: StartMethod, workers: usize) -> Pool {
    let pool = Pool::builder()
        .start_method(method)
        .workers(workers)
        .start();
    pool.unwrap_or_else(|error| panic!("{error}"))
}

/// Makes the pool see many tasks that take no time.
pub(crate) fn warm(pool: &mut Pool) {
    let sum = pool.map((0..2000).map(add_one)).sum::<Result<u64, _>>();
    assert_eq!(sum.unwrap(), 2_001_000);
}

fn cancelling_a_queued_task_leaves_the_running_one_alone(method: StartMethod) {
    let marks = Marks::new();
    let mut pool = pool(method, 1);
    warm(&mut pool);
    let running = pool.submit(mark(marks.path(), 1500).retries(0)).unwrap();
    let queued = pool.submit(add_one(1)).unwrap();
    let began = std::time::Instant::now();
    while marks.count() == 0 && began.elapsed() < Duration::from_secs(5) {
        let _ = pool.drive(Some(Duration::from_millis(5)));
    }
    assert!(pool.cancel(&queued));
    assert_eq!(pool.wait(queued).unwrap_err().kind(), ErrorKind::Cancelled);
    pool.wait(running).unwrap();
    assert_eq!(marks.count(), 1);
}

fn short_tasks_do_not_wait_behind_a_long_one(method: StartMethod) {
    let mut pool = pool(method, 2);
    warm(&mut pool);
    let long = pool.submit(sleep_ms(600_000)).unwrap();
    let sum = pool.map((0..1000).map(add_one)).sum::<Result<u64, _>>();
    assert_eq!(sum.unwrap(), 500_500);
    assert!(!long.is_done());
    assert!(pool.cancel(&long));
}

fn dropping_a_map_withdraws_what_has_not_begun(method: StartMethod) {
    let marks = Marks::new();
    let mut pool = pool(method, 2);
    warm(&mut pool);
    let mut results = pool.map((0..10_000).map(|_| mark(marks.path(), 20)));
    results.next().unwrap().unwrap();
    drop(results);
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
    let begun = marks.count();
    assert!(begun < 100, "{begun} tasks were begun for one result");
}

fn cancelling_many_newest_first_is_linear(method: StartMethod) {
    // A quadratic cost ends at the watchdog.
    const TASKS: u64 = 300_000;
    let mut pool = pool(method, 1);
    let busy = pool.submit(sleep_ms(600_000)).unwrap();
    let handles: Vec<_> = (0..TASKS)
        .map(|n| pool.submit(add_one(n)).unwrap())
        .collect();
    let cancelled = handles
        .iter()
        .rev()
        .filter(|handle| pool.cancel(handle))
        .count();
    assert_eq!(cancelled as u64, TASKS);
    assert!(pool.cancel(&busy));
}

fn a_map_reads_ahead_by_bytes_too(method: StartMethod) {
    // One, so that no result comes before the first: for each that does, another call is read.
    let mut pool = pool(method, 1);
    warm(&mut pool);
    let taken = std::cell::Cell::new(0);
    let inputs = (0..1000).map(|_| {
        taken.set(taken.get() + 1);
        crate::tasks::length("x".repeat(1_000_000))
    });
    let mut results = pool.map(inputs);
    assert_eq!(results.next().unwrap().unwrap(), 1_000_000);
    drop(results);
    let taken = taken.get();
    assert!(
        taken <= 100,
        "{taken} MB were read ahead of the first result"
    );
}

fn results_of_a_map_that_nobody_takes_are_bounded(method: StartMethod) {
    let marks = Marks::new();
    let mut pool = pool(method, 2);
    let calls = (0..1000).map(|_| bytes(marks.path(), 4_000_000, 0));
    let mut results = pool.map(calls);
    for _ in 0..3 {
        results.next().unwrap().unwrap();
        std::thread::sleep(Duration::from_millis(300));
    }
    let begun = marks.count();
    assert!(begun <= 40, "{begun} results of 4 MB were computed ahead");
}

fn a_death_is_one_task_s_own(method: StartMethod) {
    let marks = Marks::new();
    let mut pool = pool(method, 2);
    warm(&mut pool);
    let once = marks.directory().join("once").display().to_string();
    let calls = (0..200).map(|_| mark(marks.path(), 1).retries(0));
    let handles: Vec<_> = calls.map(|call| pool.submit(call).unwrap()).collect();
    assert_eq!(pool.run(abort_once(once)).unwrap(), 7);
    let ended: Result<Vec<()>, Error> = handles
        .into_iter()
        .map(|handle| pool.wait(handle))
        .collect();
    ended.unwrap();
    assert_eq!(marks.count(), 200);
}

fn five_hundred_workers_serve(method: StartMethod) {
    let mut pool = pool(method, 512);
    let sum = pool.map((0..20_000).map(add_one)).sum::<Result<u64, _>>();
    assert_eq!(sum.unwrap(), 20_000 * 20_001 / 2);
}
