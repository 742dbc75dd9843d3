//! Small tasks that are submitted one after another: they travel together, and each has its own handle.

use crate::batches::{leave, left};
use crate::tasks::{Marks, add_one};
use crate::{Case, case};
use handoff::{ErrorKind, Handle, Pool, StartMethod};
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    case(
        "a_death_costs_one_of_many_handles",
        a_death_costs_one_of_many_handles,
    ),
    case(
        "handles_are_cancelled_one_by_one",
        handles_are_cancelled_one_by_one,
    ),
    case(
        "small_tasks_begin_while_the_caller_is_away",
        small_tasks_begin_while_the_caller_is_away,
    ),
    case(
        "handles_that_are_dropped_keep_no_results",
        handles_that_are_dropped_keep_no_results,
    ),
];

/// A pool that knows how long the tasks take.
fn pool(method: StartMethod, marks: &Marks) -> Pool {
    std::fs::write(marks.as_path(), b"").unwrap();
    let builder = Pool::builder().start_method(method).workers(3);
    let mut pool = builder.retries(0).start().unwrap();
    for _ in 0..20 {
        pool.run(leave(marks.path(), 0, u32::MAX)).unwrap();
        pool.run(add_one(0)).unwrap();
    }
    std::fs::write(marks.as_path(), b"").unwrap();
    pool
}

fn submit(pool: &mut Pool, marks: &Marks, tasks: u32, fatal: u32) -> Vec<Handle<u32>> {
    let calls = (0..tasks).map(|n| leave(marks.path(), n, fatal));
    calls.map(|call| pool.submit(call).unwrap()).collect()
}

fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn a_death_costs_one_of_many_handles(method: StartMethod) {
    const TASKS: u32 = 6000;
    const FATAL: u32 = 1000;
    let marks = Marks::new();
    let mut pool = pool(method, &marks);
    let handles = submit(&mut pool, &marks, TASKS, FATAL);
    for (handle, n) in handles.into_iter().zip(0..) {
        let result = pool.wait(handle);
        if n % FATAL == FATAL - 1 {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Died, "{n}");
        } else {
            assert_eq!(result.unwrap(), n);
        }
    }
    assert!(left(&marks, TASKS).iter().all(|&times| times == 1));
}

fn handles_are_cancelled_one_by_one(method: StartMethod) {
    const TASKS: u32 = 6000;
    let marks = Marks::new();
    let mut pool = pool(method, &marks);
    let handles = submit(&mut pool, &marks, TASKS, u32::MAX);
    let mut cancelled = 0;
    for handle in handles.iter().skip(1).step_by(3).rev() {
        cancelled += u32::from(pool.cancel(handle));
    }
    assert!(cancelled > 0, "all were done before");
    let mut failed = 0;
    for (handle, n) in handles.into_iter().zip(0..) {
        match pool.wait(handle) {
            Ok(value) => assert_eq!(value, n),
            Err(error) => {
                assert_eq!((error.kind(), n % 3), (ErrorKind::Cancelled, 1));
                failed += 1;
            }
        }
    }
    assert_eq!(failed, cancelled);
    let left = left(&marks, TASKS);
    let once = |(n, &times): (usize, &u32)| times == 1 || (n % 3 == 1 && times == 0);
    assert!(left.iter().enumerate().all(once));
    let not_run = left.iter().filter(|&&times| times == 0).count();
    assert!(not_run > 0, "what waited was run all the same");
}

fn small_tasks_begin_while_the_caller_is_away(method: StartMethod) {
    let marks = Marks::new();
    let mut pool = pool(method, &marks);
    // Few enough for the lanes, and more and fewer than a worker is woken for.
    for tasks in [1, 2, 3, 40, 200, 5, 33, 1] {
        let handles = submit(&mut pool, &marks, tasks, u32::MAX);
        until(|| left(&marks, tasks).iter().all(|&times| times == 1));
        for handle in handles {
            pool.wait(handle).unwrap();
        }
        std::fs::write(marks.as_path(), b"").unwrap();
    }
}

fn handles_that_are_dropped_keep_no_results(method: StartMethod) {
    let marks = Marks::new();
    let mut pool = pool(method, &marks);
    let mut kept = Vec::new();
    for n in 0..5000 {
        let handle = pool.submit(add_one(n)).unwrap();
        if n % 7 == 0 {
            kept.push((n, handle));
        }
    }
    for (n, handle) in kept {
        assert_eq!(pool.wait(handle).unwrap(), n + 1);
    }
    until(|| {
        pool.drive(Some(Duration::ZERO)).unwrap();
        pool.counters().queued + pool.counters().running == 0
    });
    assert_eq!(pool.counters().failed, 0);
}
