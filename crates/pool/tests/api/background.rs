//! A pool on a thread of its own: shared by threads, awaited by tasks of any runtime.

use crate::tasks::{Sleep, Sum, registry};
use pool::{
    Background, Input, Pool, PoolError, Shutdown, StartError, StartMethod, SubmitError, TaskFailure,
};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

/// None where the start method is refused, as it has to be for `fork`.
fn start(method: StartMethod, queue: usize) -> Option<Background> {
    let forks = matches!(method, StartMethod::Fork);
    let builder = Pool::builder(method).tasks(registry()).workers(2);
    match builder.queue_bound(queue).background() {
        Ok(pool) => {
            assert!(!forks);
            Some(pool)
        }
        Err(PoolError::Start(error)) => {
            assert!(forks && matches!(*error, StartError::Fork(_)), "{error}");
            None
        }
        Err(other) => panic!("{other}"),
    }
}

pub(crate) fn many_threads_share_a_pool(method: StartMethod) {
    let Some(pool) = start(method, 1000) else {
        return;
    };
    let numbers: Vec<u64> = (0..1000).collect();
    let array = pool.share(&numbers).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let pool = &pool;
            scope.spawn(move || {
                for n in 0..50 {
                    let input = array.input(n..n + thread);
                    let sum = pool.submit::<Sum>(&(), input).unwrap().wait().unwrap();
                    assert_eq!(sum, (n..n + thread).sum::<usize>() as u64);
                }
            });
        }
    });
    let counters = pool.counters();
    assert!(counters.rss > 0 && counters.workers == 2, "{counters:?}");
    pool.shutdown(Shutdown::Drain).unwrap();
}

pub(crate) fn the_queue_bound_holds(method: StartMethod) {
    let Some(pool) = start(method, 3) else { return };
    let sleeping: Vec<_> = (0..3)
        .map(|_| pool.submit::<Sleep>(&600_000, ()).unwrap())
        .collect();
    let full = pool.call::<Sleep>(&0).try_submit();
    assert!(matches!(full, Err(SubmitError::Full)), "{full:?}");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| pool.submit::<Sum>(&(), Input::of_elements(&[7u64])));
        // A place is free once one of those before it is cancelled.
        pool.cancel(&sleeping[0]);
        let waiting = waiting.join().unwrap().unwrap();
        pool.cancel(&sleeping[1]);
        assert_eq!(waiting.wait().unwrap(), 7);
    });
    pool.shutdown(Shutdown::Now).unwrap();
    for handle in sleeping {
        let failure = handle.wait().unwrap_err();
        assert!(
            matches!(failure, TaskFailure::Cancelled | TaskFailure::ShutDown),
            "{failure}"
        );
    }
}

pub(crate) fn one_task_has_its_own_terms(method: StartMethod) {
    let Some(pool) = start(method, 100) else {
        return;
    };
    let limit = Duration::from_millis(50);
    let endless = pool.call::<Sleep>(&600_000).timeout(limit).retries(0);
    let failure = endless.submit().unwrap().wait().unwrap_err();
    assert!(matches!(failure, TaskFailure::TimedOut(_)), "{failure}");
}

pub(crate) fn handles_are_futures(method: StartMethod) {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let Some(pool) = start(method, 100) else {
        return;
    };
    let handle = pool
        .submit::<Sum>(&(), Input::of_elements(&[1u64, 2, 3]))
        .unwrap();
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut handle = pin!(handle);
    let sum = loop {
        match handle.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(sum) => break sum,
            Poll::Pending => std::thread::park(),
        }
    };
    assert_eq!(sum.unwrap(), 6);
}

/// Threads submit, cancel and wait while the pool is shut down: every handle resolves.
pub(crate) fn submit_cancel_and_shutdown_race(method: StartMethod) {
    for round in 0..6 {
        let Some(pool) = start(method.clone(), 50) else {
            return;
        };
        let handles = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3)
                .map(|thread| {
                    let pool = &pool;
                    scope.spawn(move || {
                        let mut handles = Vec::new();
                        for n in 0..30 {
                            let handle = pool.submit::<Sleep>(&(n % 3), ()).unwrap();
                            if n % 5 == thread {
                                pool.cancel(&handle);
                            }
                            handles.push(handle);
                        }
                        handles
                    })
                })
                .collect();
            let joined = threads.into_iter().map(|thread| thread.join().unwrap());
            joined.flatten().collect::<Vec<_>>()
        });
        match round % 3 {
            0 => pool.shutdown(Shutdown::Now).unwrap(),
            1 => pool.shutdown(Shutdown::Drain).unwrap(),
            _ => drop(pool),
        }
        for handle in handles {
            let expected = |failure: &TaskFailure| {
                matches!(failure, TaskFailure::Cancelled | TaskFailure::ShutDown)
            };
            let result = handle.wait_for(Duration::from_secs(30));
            let result = result.expect("resolved by the end of its pool");
            assert!(result.is_ok() || result.is_err_and(|failure| expected(&failure)));
        }
    }
}
