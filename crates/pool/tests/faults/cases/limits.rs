//! Limits: of time, of the queue, of a worker's life, of an output.

use crate::harness::descriptors;
use crate::pools::{Pools, assert_works};
use crate::tasks::{Double, GetPid, Large, Sleep};
use pool::{SubmitError, TaskFailure};
use std::collections::HashMap;
use std::time::Duration;

const FOR_EVER_MS: u64 = 1_000_000;

pub(crate) fn a_task_that_takes_too_long(pools: &Pools) {
    let limit = Duration::from_millis(300);
    let mut pool = pools.builder(2).task_timeout(limit).start().unwrap();
    let late = pool.submit::<Sleep>(&FOR_EVER_MS, ()).unwrap();
    // More than both workers take at once, so that some wait behind the late one.
    let harmless: Vec<_> = (0..30)
        .map(|_| pool.submit::<Sleep>(&20, ()).unwrap())
        .collect();
    match pool.wait(late) {
        Err(TaskFailure::TimedOut(told)) => assert_eq!(told, limit),
        result => panic!("not timed out, but {result:?}"),
    }
    for handle in harmless {
        pool.wait(handle).unwrap();
    }
    // One of two: the other worker lives on.
    while pool.counters().died < 1 {
        pool.drive(Some(Duration::from_millis(50))).unwrap();
    }
    assert_works(&mut pool);
    let counters = pool.counters();
    assert_eq!(
        (counters.died, counters.failed, counters.retried),
        (1, 1, 0)
    );
}

pub(crate) fn cancelled_while_queued(pools: &Pools) {
    let mut pool = pools.start(1);
    let running = pool.submit::<Sleep>(&100, ()).unwrap();
    let queued = pool.submit::<Sleep>(&FOR_EVER_MS, ()).unwrap();
    let behind = pool.submit::<GetPid>(&(), ()).unwrap();
    pool.drive(Some(Duration::ZERO)).unwrap();
    assert!(pool.cancel(&queued));
    assert!(!pool.cancel(&queued), "once is enough");
    assert!(matches!(pool.wait(queued), Err(TaskFailure::Cancelled)));
    let pid = pool.wait(running).unwrap();
    assert_eq!(pool.wait(behind).unwrap(), pid, "the worker lives on");
    let done = pool.submit::<Double>(&1, ()).unwrap();
    while !done.is_done() {
        pool.drive(None).unwrap();
    }
    assert!(!pool.cancel(&done), "too late");
    assert_eq!(pool.wait(done).unwrap(), 2);
}

pub(crate) fn cancelled_while_running(pools: &Pools) {
    let mut pool = pools.builder(2).retries(0).start().unwrap();
    for number in 1..=3 {
        let running = pool.submit::<Sleep>(&FOR_EVER_MS, ()).unwrap();
        while pool.counters().running == 0 {
            pool.drive(Some(Duration::ZERO)).unwrap();
        }
        let other = pool.submit::<Sleep>(&200, ()).unwrap();
        pool.drive(Some(Duration::ZERO)).unwrap();
        assert!(pool.cancel(&running));
        assert!(matches!(pool.wait(running), Err(TaskFailure::Cancelled)));
        pool.wait(other).unwrap();
        while pool.counters().died < number {
            pool.drive(Some(Duration::from_millis(50))).unwrap();
        }
        assert_works(&mut pool);
    }
    assert_eq!(pool.counters().failed, 3, "nobody else's task");
}

pub(crate) fn the_queue_bound_is_exact(pools: &Pools) {
    let mut pool = pools.builder(1).queue_bound(5).start().unwrap();
    let mut handles: Vec<_> = (0..5)
        .map(|_| pool.try_submit::<Sleep>(&30, ()).unwrap())
        .collect();
    for _ in 0..2 {
        let full = pool.try_submit::<Sleep>(&30, ());
        assert!(matches!(full, Err(SubmitError::Full)));
    }
    pool.wait(handles.remove(0)).unwrap();
    handles.push(pool.try_submit::<Sleep>(&0, ()).unwrap());
    let full = pool.try_submit::<Sleep>(&0, ());
    assert!(matches!(full, Err(SubmitError::Full)));
    // This one waits for room instead.
    handles.push(pool.submit::<Sleep>(&0, ()).unwrap());
    let counters = pool.counters();
    assert!(counters.queued + counters.running <= 5);
    for handle in handles {
        pool.wait(handle).unwrap();
    }
}

pub(crate) fn many_tiny_tasks(pools: &Pools) {
    let mut pool = pools.start(2);
    assert_works(&mut pool);
    let before = descriptors();
    let handles: Vec<_> = (0..100_000u64)
        .map(|number| pool.submit::<Double>(&number, ()).unwrap())
        .collect();
    for (number, handle) in (0..).zip(handles) {
        assert_eq!(pool.wait(handle).unwrap(), 2 * number);
    }
    assert_eq!(descriptors(), before);
    let counters = pool.counters();
    assert_eq!(counters.done, 100_050);
    assert_eq!((counters.queued, counters.running), (0, 0));
    assert_eq!((counters.started, counters.died), (2, 0));
}

/// However much work waits, no worker answers more than its share of tasks.
pub(crate) fn recycled_with_a_backlog(pools: &Pools) {
    let mut pool = pools.builder(2).recycle_after(10).start().unwrap();
    let before = descriptors();
    let handles: Vec<_> = (0..200)
        .map(|_| pool.submit::<GetPid>(&(), ()).unwrap())
        .collect();
    let mut answered: HashMap<u32, u32> = HashMap::new();
    for handle in handles {
        *answered.entry(pool.wait(handle).unwrap()).or_default() += 1;
    }
    assert!(answered.values().all(|&tasks| tasks <= 10), "{answered:?}");
    assert!(answered.len() >= 20);
    while pool.counters().workers < 2 {
        pool.drive(Some(Duration::from_millis(50))).unwrap();
    }
    assert_works(&mut pool);
    assert_eq!(pool.counters().died, 0, "they left");
    assert!(descriptors() <= before);
}

pub(crate) fn an_output_too_long(pools: &Pools) {
    let mut pool = pools
        .builder(1)
        .retries(0)
        .output_bound(2 << 20)
        .start()
        .unwrap();
    let handle = pool.submit::<Large>(&(1 << 20), ()).unwrap();
    assert_eq!(pool.wait(handle).unwrap().len(), 1 << 20);
    let handle = pool.submit::<Large>(&(8 << 20), ()).unwrap();
    let failure = pool.wait(handle).unwrap_err();
    assert!(matches!(failure, TaskFailure::OutputTooLong(bound) if bound == 2 << 20));
    assert!(failure.to_string().contains("2097152"));
    assert_works(&mut pool);
}
