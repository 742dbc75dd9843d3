//! Callers and surroundings that are not as one would wish: event loops, panics, foreign handles,
//! SIGCHLD ignored, callers that are away.

use crate::tasks::{Die, DieOnce, Sleep, Sum, registry};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pool::{Builder, Handle, Input, Pool, StartMethod, TaskFailure, What};
use std::cell::Cell;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

fn builder(method: StartMethod, workers: usize) -> Builder {
    Pool::builder(method).tasks(registry()).workers(workers)
}

/// Drives a pool by its descriptor alone. A watchdog ends what would hang.
fn by_descriptor<T>(pool: &mut Pool, handle: &Handle<T>) {
    let began = Instant::now();
    while !handle.is_done() {
        assert!(began.elapsed() < Duration::from_secs(30), "nothing happens");
        let mut ready = [PollFd::new(pool.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, PollTimeout::from(1000u16)).unwrap() == 1 {
            pool.drive(Some(Duration::ZERO)).unwrap();
        }
    }
}

pub(crate) fn an_event_loop_needs_the_descriptor_alone(method: StartMethod) {
    let limit = Duration::from_millis(200);
    let mut pool = builder(method, 1).task_timeout(limit).start().unwrap();
    let short = pool.submit::<Sleep>(&1, ()).unwrap();
    by_descriptor(&mut pool, &short);
    // The deadline makes it readable as well.
    let mut late = pool.submit::<Sleep>(&1_000_000, ()).unwrap();
    by_descriptor(&mut pool, &late);
    let result = late.try_take().unwrap();
    assert!(matches!(result, Err(TaskFailure::TimedOut(_))));
}

pub(crate) fn a_task_runs_while_the_caller_is_busy(method: StartMethod) {
    let mut pool = builder(method, 1).start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let marker = directory.path().join("marker");
    let handle = pool.call::<DieOnce>(&marker).retries(0).submit().unwrap();
    let began = Instant::now();
    while !marker.exists() {
        assert!(began.elapsed() < Duration::from_secs(30), "it waits");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(matches!(pool.wait(handle), Err(TaskFailure::Died(_))));
}

pub(crate) fn nobody_is_late_because_the_caller_was_away(method: StartMethod) {
    let limit = Duration::from_secs(1);
    let mut pool = builder(method, 2).task_timeout(limit).start().unwrap();
    let handles: Vec<_> = (0..6)
        .map(|_| pool.submit::<Sleep>(&1, ()).unwrap())
        .collect();
    for handle in handles {
        std::thread::sleep(Duration::from_millis(1200));
        pool.wait(handle).unwrap();
    }
}

pub(crate) fn a_dropped_map_withdraws_what_has_not_begun(method: StartMethod) {
    let mut pool = builder(method, 2).start().unwrap();
    let calls = (0..2_000).map(|_| (50, Input::None));
    let first = pool.map::<Sleep>(calls).next();
    first.unwrap().unwrap();
    let counters = pool.counters();
    assert_eq!(counters.queued, 0, "{counters:?}");
    let began = Instant::now();
    let handle = pool.submit::<Sleep>(&0, ()).unwrap();
    pool.wait(handle).unwrap();
    assert!(began.elapsed() < Duration::from_secs(10));
}

pub(crate) fn a_map_reads_ahead_by_bytes(method: StartMethod) {
    let mut pool = builder(method, 2).read_ahead(4 << 20).start().unwrap();
    let taken = Cell::new(0);
    let calls = (0..100).map(|_| {
        taken.set(taken.get() + 1);
        ((), Input::Inline(vec![0; 1 << 20]))
    });
    let mut results = pool.map::<Sum>(calls);
    results.next().unwrap().unwrap();
    assert!(taken.get() <= 6, "{} inputs of 1 MiB", taken.get());
    assert_eq!(results.count(), 99);
}

pub(crate) fn a_watcher_that_panics_is_reported_once(method: StartMethod) {
    let mut panicked = false;
    let watched = builder(method, 1).watch(move |event| {
        if matches!(event.what, What::Sent { .. }) && !panicked {
            panicked = true;
            panic!("the watcher has had enough");
        }
    });
    let mut pool = watched.start().unwrap();
    let mut first = pool.submit::<Sleep>(&0, ()).unwrap();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        while !first.is_done() {
            pool.drive(None).unwrap();
        }
        pool.drive(Some(Duration::ZERO)).unwrap();
    }));
    assert!(caught.is_err(), "the panic goes on in the caller");
    first.try_take().unwrap().unwrap();
    for _ in 0..5 {
        let handle = pool.submit::<Sleep>(&0, ()).unwrap();
        pool.wait(handle).unwrap();
    }
    assert_eq!(pool.counters().died, 0);
}

pub(crate) fn what_belongs_to_another_pool_is_refused(method: StartMethod) {
    let mut one = builder(method.clone(), 1).start().unwrap();
    let mut other = builder(method, 1).start().unwrap();
    let mine = one.submit::<Sleep>(&50, ()).unwrap();
    let foreign = other.submit::<Sleep>(&50, ()).unwrap();
    let cancelled = catch_unwind(AssertUnwindSafe(|| one.cancel(&foreign)));
    assert!(cancelled.is_err());
    let array = other.share(&[1u64, 2, 3]).unwrap();
    let error = one.submit::<Sum>(&(), array.input(..)).unwrap_err();
    assert!(error.to_string().contains("no such region"), "{error}");
    let waited = catch_unwind(AssertUnwindSafe(|| one.wait(foreign)));
    assert!(waited.is_err());
    one.wait(mine).unwrap();
}

pub(crate) fn a_budget_of_no_task_is_refused(method: StartMethod) {
    assert!(catch_unwind(|| builder(method, 1).recycle_after(0)).is_err());
}

pub(crate) fn a_cancelled_task_takes_no_other_with_it(method: StartMethod) {
    let mut pool = builder(method, 1).start().unwrap();
    for _ in 0..20 {
        let handle = pool.submit::<Sleep>(&0, ()).unwrap();
        pool.wait(handle).unwrap();
    }
    let once = pool.call::<Sleep>(&300).retries(0).submit().unwrap();
    let tiny = pool.submit::<Sleep>(&0, ()).unwrap();
    assert!(pool.cancel(&tiny));
    pool.wait(once).unwrap();
    assert_eq!(pool.counters().died, 0);
}

/// Ignored, as a shell's `trap '' CHLD` leaves it: the kernel reaps, and nobody learns how.
pub(crate) fn a_death_whose_status_nobody_gets(method: StartMethod) {
    let ignore = |handler| {
        // SAFETY: both are valid dispositions, and no handler of ours is replaced.
        unsafe { libc::signal(libc::SIGCHLD, handler) };
    };
    ignore(libc::SIG_IGN);
    let mut pool = builder(method, 1).retries(0).start().unwrap();
    let deadly = pool.submit::<Die>(&0, ()).unwrap();
    let behind = pool.submit::<Sleep>(&0, ()).unwrap();
    let failure = pool.wait(deadly).unwrap_err();
    assert!(matches!(failure, TaskFailure::Died(_)), "{failure}");
    pool.wait(behind).unwrap();
    pool.shutdown(pool::Shutdown::Drain).unwrap();
    ignore(libc::SIG_DFL);
}

/// More than the sockets of a forkserver hold requests and answers for.
pub(crate) fn very_many_workers(method: StartMethod) {
    if !matches!(method, StartMethod::ForkServer(_)) {
        return;
    }
    let workers = 600;
    let mut pool = builder(method, workers).start().unwrap();
    assert_eq!(pool.counters().workers, workers as u64);
    let handles: Vec<_> = (0..2 * workers)
        .map(|_| pool.submit::<Sleep>(&1, ()).unwrap())
        .collect();
    for handle in handles {
        pool.wait(handle).unwrap();
    }
    pool.shutdown(pool::Shutdown::Drain).unwrap();
}

/// The others answer, and starts are tried again with pauses.
pub(crate) fn a_worker_program_that_is_gone(method: StartMethod) {
    let StartMethod::Spawn(program) = method else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("worker");
    std::fs::copy(program.path(), &copy).unwrap();
    let method = StartMethod::Spawn(pool::Program::new(&copy));
    let mut pool = builder(method, 4).retries(1).start().unwrap();
    std::fs::remove_file(&copy).unwrap();
    let marker = directory.path().join("died");
    let deadly = pool.submit::<DieOnce>(&marker, ()).unwrap();
    let others: Vec<_> = (0..20)
        .map(|_| pool.submit::<Sleep>(&20, ()).unwrap())
        .collect();
    pool.wait(deadly).unwrap();
    for handle in others {
        pool.wait(handle).unwrap();
    }
    assert_eq!(pool.counters().workers, 3);
}
