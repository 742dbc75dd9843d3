//! Terms of single tasks, and what is reported of workers.

use crate::tasks::{Begin, BeginUnless, Begun, Die, DieOnce, Hog, Keep, Sleep, Sum, registry};
use pool::{Input, Pool, PoolError, StartMethod, TaskFailure};
use std::time::Duration;

fn start(method: StartMethod) -> Pool {
    let builder = Pool::builder(method).tasks(registry()).workers(2);
    builder.start().unwrap()
}

pub(crate) fn a_time_limit_of_one_task(method: StartMethod) {
    let limit = Duration::from_millis(50);
    let mut pool = start(method.clone());
    let endless = pool
        .call::<Sleep>(&600_000)
        .timeout(limit)
        .submit()
        .unwrap();
    let patient = pool.submit::<Sleep>(&300, ()).unwrap();
    let failure = pool.wait(endless).unwrap_err();
    assert!(matches!(failure, TaskFailure::TimedOut(_)), "{failure}");
    pool.wait(patient).unwrap();
    assert_eq!(pool.counters().died, 1);
    drop(pool);

    let builder = Pool::builder(method).tasks(registry()).workers(1);
    let mut pool = builder.task_timeout(limit).start().unwrap();
    let lifted = pool.call::<Sleep>(&300).timeout(Duration::MAX);
    let lifted = lifted.submit().unwrap();
    pool.wait(lifted).unwrap();
    let limited = pool.submit::<Sleep>(&600_000, ()).unwrap();
    let failure = pool.wait(limited).unwrap_err();
    assert!(matches!(failure, TaskFailure::TimedOut(_)), "{failure}");
}

pub(crate) fn retries_of_one_task(method: StartMethod) {
    let directory = tempfile::tempdir().unwrap();
    let mut pool = start(method);
    let once = directory.path().join("once");
    let never_again = pool.call::<DieOnce>(&once).retries(0).submit().unwrap();
    match pool.wait(never_again).unwrap_err() {
        TaskFailure::Died(certificate) => assert_eq!(certificate.deaths, 1),
        other => panic!("{other}"),
    }
    let twice = directory.path().join("twice");
    let again = pool.call::<DieOnce>(&twice).retries(1).submit().unwrap();
    pool.wait(again).unwrap();
    assert_eq!(pool.counters().retried, 1);
}

pub(crate) fn the_certificate_tells_the_memory(method: StartMethod) {
    const BYTES: usize = 200_000_000;
    let mut pool = start(method);
    let hog = pool.call::<Hog>(&BYTES).retries(0).submit().unwrap();
    match pool.wait(hog).unwrap_err() {
        TaskFailure::Died(certificate) => {
            let peak = certificate.rss_peak.expect("it had more than we");
            assert!((BYTES as u64..2 * BYTES as u64).contains(&peak), "{peak}");
            assert!(certificate.to_string().contains("MB"), "{certificate}");
        }
        other => panic!("{other}"),
    }
}

pub(crate) fn counters_tell_respawned_and_memory(method: StartMethod) {
    let directory = tempfile::tempdir().unwrap();
    let mut pool = start(method.clone());
    let before = pool.counters();
    assert_eq!((before.started, before.respawned), (2, 0));
    assert!(before.rss > 200_000, "{before:?}");
    let once = directory.path().join("once");
    let handle = pool.submit::<DieOnce>(&once, ()).unwrap();
    pool.wait(handle).unwrap();
    let after = pool.counters();
    assert_eq!((after.started, after.respawned, after.died), (3, 1, 1));
    drop(pool);

    let builder = Pool::builder(method).tasks(registry()).workers(1);
    let mut pool = builder.recycle_after(1).start().unwrap();
    for _ in 0..3 {
        let handle = pool.submit::<Sleep>(&0, ()).unwrap();
        pool.wait(handle).unwrap();
    }
    let counters = pool.counters();
    assert!(
        counters.respawned >= 2 && counters.died == 0,
        "{counters:?}"
    );
}

/// The request comes right behind a long call, and the worker may read both at once.
pub(crate) fn a_worker_answers_what_came_behind_a_long_call(method: StartMethod) {
    let builder = Pool::builder(method).tasks(registry()).workers(1);
    let mut pool = builder.grace(Duration::from_secs(10)).start().unwrap();
    for round in 0..150 {
        let numbers = vec![1_u64; 25_000 + round % 16 * 400];
        let input = Input::of_elements(&numbers);
        let call = pool.submit::<Sum>(&(), input).unwrap();
        assert_eq!(pool.memory().unwrap().len(), 1, "round {round}");
        assert_eq!(pool.wait(call).unwrap(), numbers.len() as u64);
    }
}

pub(crate) fn a_worker_above_its_memory_limit_is_replaced(method: StartMethod) {
    let builder = Pool::builder(method).tasks(registry()).workers(1);
    let mut pool = builder.recycle_above(200_000_000).start().unwrap();
    // All at once, so that there is a backlog when a worker has to go.
    let handles: Vec<_> = (0..12)
        .map(|_| pool.submit::<Keep>(&50_000_000, ()).unwrap())
        .collect();
    let mut pids: Vec<u32> = handles
        .into_iter()
        .map(|handle| pool.wait(handle).unwrap())
        .collect();
    pids.dedup();
    assert!((2..=4).contains(&pids.len()), "{pids:?}");
    assert_eq!(pool.counters().died, 0);
}

pub(crate) fn the_initializer_runs_first_in_every_worker(method: StartMethod) {
    let directory = tempfile::tempdir().unwrap();
    let builder = Pool::builder(method).tasks(registry()).workers(2);
    let mut pool = builder.initializer::<Begin>(&()).unwrap().start().unwrap();
    for round in 0..3 {
        let handles: Vec<_> = (0..20)
            .map(|_| pool.submit::<Begun>(&(), ()).unwrap())
            .collect();
        for handle in handles {
            assert_eq!(pool.wait(handle).unwrap(), (true, 1), "round {round}");
        }
        // In those that replace the dead as well.
        let marker = directory.path().join(round.to_string());
        let handle = pool.submit::<DieOnce>(&marker, ()).unwrap();
        pool.wait(handle).unwrap();
    }
}

/// A worker that replaces another is tried again, until the start time-out is over.
pub(crate) fn an_initializer_that_fails_later_breaks_the_pool_in_the_end(method: StartMethod) {
    let directory = tempfile::tempdir().unwrap();
    let marker = directory.path().join("barred");
    let builder = Pool::builder(method).tasks(registry()).workers(1);
    let builder = builder.initializer::<BeginUnless>(&marker).unwrap();
    let builder = builder.start_timeout(Duration::from_secs(1));
    let mut pool = builder.start().unwrap();
    std::fs::write(&marker, "").unwrap();
    let deadly = pool.call::<Die>(&0).retries(0).submit().unwrap();
    let behind = pool.submit::<Sleep>(&0, ()).unwrap();
    let failure = pool.wait(deadly).unwrap_err();
    assert!(matches!(failure, TaskFailure::Died(_)), "{failure}");
    let failure = pool.wait(behind).unwrap_err();
    let TaskFailure::Pool(PoolError::Initializer { reason, .. }) = &failure else {
        panic!("{failure}");
    };
    assert!(reason.contains("the way is barred"), "{reason}");
    let started = pool.counters().started;
    assert!((3..100).contains(&started), "{started} starts");
    let refused = pool.submit::<Sleep>(&0, ()).unwrap_err();
    assert!(
        refused.to_string().contains("the way is barred"),
        "{refused}"
    );
}
