//! Time limits, bounds on results, recycling.

use crate::engine::warm;
use crate::tasks::{Marks, add_one, bytes, pid, sleep_ms};
use crate::{Case, case};
use handoff::{ErrorKind, Pool, StartMethod};
use std::panic::catch_unwind;
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    case(
        "a_limit_does_not_count_the_caller_s_absence",
        a_limit_does_not_count_the_caller_s_absence,
    ),
    case(
        "a_limit_hits_the_task_that_hangs",
        a_limit_hits_the_task_that_hangs,
    ),
    case(
        "a_result_over_its_bound_runs_once",
        a_result_over_its_bound_runs_once,
    ),
    case(
        "recycling_after_no_task_is_refused",
        recycling_after_no_task_is_refused,
    ),
    case(
        "recycled_workers_lose_no_task",
        recycled_workers_lose_no_task,
    ),
];

fn a_limit_does_not_count_the_caller_s_absence(method: StartMethod) {
    let marks = Marks::new();
    let limit = Duration::from_millis(500);
    let builder = Pool::builder()
        .start_method(method)
        .workers(1)
        .timeout(limit);
    let mut pool = builder.start().unwrap();
    let calls = (0..6).map(|_| bytes(marks.path(), 4_000_000, 1));
    let handles: Vec<_> = calls.map(|call| pool.submit(call).unwrap()).collect();
    for handle in handles {
        std::thread::sleep(limit + limit / 2);
        assert_eq!(pool.wait(handle).unwrap().len(), 4_000_000);
    }
}

fn a_limit_hits_the_task_that_hangs(method: StartMethod) {
    let mut pool = Pool::builder()
        .start_method(method)
        .workers(1)
        .start()
        .unwrap();
    warm(&mut pool);
    // Until the last, tasks of this type take no time at all.
    let calls = (0..=100).map(|n| {
        let ms = if n == 100 { 600_000 } else { 0 };
        sleep_ms(ms).timeout(Duration::from_secs(1))
    });
    for (n, result) in pool.map(calls).enumerate() {
        let kind = result.err().map(|error| error.kind());
        assert_eq!(kind, (n == 100).then_some(ErrorKind::TimedOut), "{n}");
    }
}

fn a_result_over_its_bound_runs_once(method: StartMethod) {
    let marks = Marks::new();
    let builder = Pool::builder()
        .start_method(method)
        .workers(1)
        .output_bound(1_000_000);
    let mut pool = builder.start().unwrap();
    let error = pool.run(bytes(marks.path(), 2_000_000, 0)).unwrap_err();
    assert!(error.to_string().contains("1000000"), "{error}");
    assert_eq!(marks.count(), 1);
    assert_eq!(error.kind(), ErrorKind::Output);
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
}

fn recycling_after_no_task_is_refused(method: StartMethod) {
    let refused = catch_unwind(|| {
        let builder = Pool::builder().start_method(method).workers(1);
        builder.recycle_after(0).start().is_err()
    });
    assert!(refused.unwrap_or(true));
}

fn recycled_workers_lose_no_task(method: StartMethod) {
    let builder = Pool::builder().start_method(method).workers(2);
    let mut pool = builder.recycle_after(5).start().unwrap();
    let pids = pool
        .map((0..100).map(|_| pid()))
        .collect::<Result<Vec<_>, _>>();
    let mut pids = pids.unwrap();
    pids.sort_unstable();
    pids.dedup();
    assert!(pids.len() >= 19, "{} workers ran 100 tasks", pids.len());
}
