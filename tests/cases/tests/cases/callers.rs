//! Callers that are away, have an event loop, are interrupted, or whose own code panics.

use crate::engine::{pool, warm};
use crate::tasks::{Marks, abort, add_one, mark, sleep_ms};
use crate::{Case, background, case};
use handoff::{ErrorKind, Pool, Shutdown, StartMethod, What, task};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    case(
        "a_descriptor_is_enough_for_an_event_loop",
        a_descriptor_is_enough_for_an_event_loop,
    ),
    case(
        "a_descriptor_is_readable_when_a_limit_ends",
        a_descriptor_is_readable_when_a_limit_ends,
    ),
    case(
        "tasks_run_while_the_caller_computes",
        tasks_run_while_the_caller_computes,
    ),
    case(
        "a_worker_that_is_started_late_has_all_its_time",
        a_worker_that_is_started_late_has_all_its_time,
    ),
    case(
        "those_that_can_be_started_are_enough",
        those_that_can_be_started_are_enough,
    ),
    case(
        "a_pool_that_spins_sees_deaths_and_its_end",
        a_pool_that_spins_sees_deaths_and_its_end,
    ),
    background(
        "a_background_pool_runs_all_while_the_caller_computes",
        in_the_background,
    ),
    case("an_interrupted_map_ends", an_interrupted_map_ends),
    background(
        "an_interrupted_background_pool_answers",
        an_interrupted_background_pool_answers,
    ),
    case(
        "a_watcher_that_panics_is_reported_once",
        a_watcher_that_panics_is_reported_once,
    ),
    case(
        "a_merge_that_panics_leaves_the_pool_usable",
        a_merge_that_panics_leaves_the_pool_usable,
    ),
    case(
        "a_handle_of_another_pool_is_refused",
        a_handle_of_another_pool_is_refused,
    ),
];

/// Waits for the pool's descriptor alone, for at most five seconds.
pub(crate) fn readable(pool: &Pool) -> bool {
    let mut watched = [PollFd::new(pool.as_fd(), PollFlags::POLLIN)];
    poll(&mut watched, PollTimeout::from(5000_u16)).unwrap() > 0
}

fn a_descriptor_is_enough_for_an_event_loop(method: StartMethod) {
    let mut pool = pool(method, 2);
    let handles: Vec<_> = (0..50).map(|n| pool.submit(add_one(n)).unwrap()).collect();
    while !handles.iter().all(handoff::Handle::is_done) {
        assert!(readable(&pool), "nothing to do for five seconds");
        pool.drive(Some(Duration::ZERO)).unwrap();
    }
}

fn a_descriptor_is_readable_when_a_limit_ends(method: StartMethod) {
    let mut pool = pool(method, 1);
    let call = sleep_ms(600_000).timeout(Duration::from_millis(200));
    let mut handle = pool.submit(call).unwrap();
    while !handle.is_done() {
        assert!(readable(&pool), "the limit has passed unseen");
        pool.drive(Some(Duration::ZERO)).unwrap();
    }
    let error = handle.try_take().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

fn tasks_run_while_the_caller_computes(method: StartMethod) {
    let marks = Marks::new();
    let mut pool = pool(method, 2);
    warm(&mut pool);
    let handles: Vec<_> = (0..200)
        .map(|_| pool.submit(mark(marks.path(), 0)).unwrap())
        .collect();
    // The caller does not drive the pool.
    marks.wait_for(200);
    for handle in handles {
        pool.wait(handle).unwrap();
    }
}

fn a_worker_that_is_started_late_has_all_its_time(method: StartMethod) {
    let timeout = Duration::from_secs(1);
    let builder = Pool::builder().start_method(method).workers(1..=2);
    let builder = builder.idle_timeout(Duration::from_millis(100));
    let mut pool = builder.start_timeout(timeout).start().unwrap();
    warm(&mut pool);
    // Both are busy, so that little is looked at for the next tasks.
    let busy: Vec<_> = (0..2).map(|_| pool.submit(sleep_ms(500))).collect();
    while pool.counters().running < 2 {
        pool.drive(Some(Duration::from_millis(1))).unwrap();
    }
    let tiny: Vec<_> = (0..2).map(|n| pool.submit(add_one(n))).collect();
    for handle in busy.into_iter().chain(tiny) {
        pool.wait(handle.unwrap()).unwrap();
    }
    while pool.counters().workers > 1 {
        pool.drive(Some(Duration::from_millis(10))).unwrap();
    }
    let before = pool.counters();
    // The caller is away for longer than a start may take; what it submits then starts the other worker.
    std::thread::sleep(timeout * 3 / 2);
    let calls = (0..4).map(|_| sleep_ms(300));
    pool.map(calls).collect::<Result<Vec<_>, _>>().unwrap();
    let after = pool.counters();
    assert_eq!(after.started - before.started, 1, "{before:?} {after:?}");
    assert_eq!(after.died, before.died, "{before:?} {after:?}");
}

/// Only one worker gets ready; the others die.
#[task]
fn be_the_only_one(path: String) {
    if std::fs::File::create_new(path).is_err() {
        std::process::abort();
    }
}

fn those_that_can_be_started_are_enough(method: StartMethod) {
    let marks = Marks::new();
    let builder = Pool::builder().start_method(method).workers(4);
    let builder = builder.initializer(be_the_only_one(marks.path()));
    // Far longer than this trial may take.
    let builder = builder.start_timeout(Duration::from_secs(60));
    let mut pool = builder.start().unwrap();
    warm(&mut pool);
    assert!(pool.counters().started > 4, "the others are tried again");
}

fn a_pool_that_spins_sees_deaths_and_its_end(method: StartMethod) {
    // Far longer than this trial may take.
    let long = Duration::from_secs(60);
    let builder = Pool::builder().start_method(method).workers(1);
    let mut pool = builder.spin(long).grace(long).start().unwrap();
    warm(&mut pool);
    let error = pool.run(abort().retries(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Died);
    warm(&mut pool);
    pool.shutdown(Shutdown::Drain).unwrap();
}

fn in_the_background(method: StartMethod) {
    let marks = Marks::new();
    let builder = Pool::builder().start_method(method).workers(2);
    let pool = builder.background().unwrap();
    let pending: Vec<_> = (0..10_000)
        .map(|_| pool.submit(mark(marks.path(), 0)).unwrap())
        .collect();
    marks.wait_for(10_000);
    drop(pending);
}

/// Where the alarm's handler writes.
static ALARM: AtomicI32 = AtomicI32::new(-1);

extern "C" fn ring(_: libc::c_int) {
    let descriptor = ALARM.load(Ordering::Relaxed);
    // SAFETY: write may be called in a handler.
    unsafe { libc::write(descriptor, [1_u8].as_ptr().cast(), 1) };
}

/// A descriptor that is readable in 300 ms. No thread: forked pools refuse them.
fn alarm() -> OwnedFd {
    let (reader, writer) = std::io::pipe().unwrap();
    ALARM.store(writer.as_raw_fd(), Ordering::Relaxed);
    std::mem::forget(writer);
    let handler = ring as extern "C" fn(libc::c_int);
    let in_300_ms = libc::itimerval {
        it_interval: libc::timeval {
            tv_sec: 0,
            tv_usec: 0,
        },
        it_value: libc::timeval {
            tv_sec: 0,
            tv_usec: 300_000,
        },
    };
    // SAFETY: the handler only writes; the timer is a valid one.
    unsafe {
        libc::signal(libc::SIGALRM, handler as libc::sighandler_t);
        libc::setitimer(
            libc::ITIMER_REAL,
            &raw const in_300_ms,
            std::ptr::null_mut(),
        );
    }
    reader.into()
}

fn an_interrupted_map_ends(method: StartMethod) {
    let builder = Pool::builder().start_method(method).workers(2);
    let mut pool = builder.interrupted_by(alarm()).start().unwrap();
    let results = pool.map_unordered((0..1000).map(|_| sleep_ms(50)));
    let failed = results.filter(|(_, result)| {
        let error = result.as_ref().err();
        error.is_some_and(|error| error.kind() == ErrorKind::Interrupted)
    });
    assert!(failed.count() >= 1);
}

fn an_interrupted_background_pool_answers(method: StartMethod) {
    let builder = Pool::builder().start_method(method).workers(1);
    let pool = builder.interrupted_by(alarm()).background().unwrap();
    let error = pool.submit(sleep_ms(600_000)).unwrap().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}

fn a_watcher_that_panics_is_reported_once(method: StartMethod) {
    let mut answers = 0;
    let builder = Pool::builder()
        .start_method(method)
        .workers(2)
        .watch(move |event| {
            if matches!(event.what, What::Answered { .. }) {
                answers += 1;
                assert!(answers != 3, "the third answer");
            }
        });
    let mut pool = builder.start().unwrap();
    let mut panics = 0;
    for n in 0..20 {
        match catch_unwind(AssertUnwindSafe(|| pool.run(add_one(n)))) {
            Ok(result) => assert_eq!(result.unwrap(), n + 1),
            Err(_) => panics += 1,
        }
    }
    assert_eq!(panics, 1);
    let counters = pool.counters();
    assert_eq!((counters.workers, counters.died), (2, 0));
}

fn a_merge_that_panics_leaves_the_pool_usable(method: StartMethod) {
    let mut pool = pool(method, 2);
    let calls = (0..100).map(add_one);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        pool.reduce(calls, 0_u64, |sum, part| {
            assert!(part != 50, "fifty");
            sum + part
        })
    }));
    assert!(panicked.is_err());
    let sum = pool.map((0..100).map(add_one)).sum::<Result<u64, _>>();
    assert_eq!(sum.unwrap(), 5050);
}

fn a_handle_of_another_pool_is_refused(method: StartMethod) {
    let mut a = pool(method.clone(), 1);
    let mut b = pool(method, 1);
    let of_a = a.submit(sleep_ms(300)).unwrap();
    let of_b = b.submit(sleep_ms(1)).unwrap();
    let cancelled = catch_unwind(AssertUnwindSafe(|| a.cancel(&of_b)));
    assert!(!cancelled.unwrap_or(false), "a cancelled a task of b");
    let waited = catch_unwind(AssertUnwindSafe(|| a.wait(of_b)));
    assert!(!matches!(waited, Ok(Ok(_))), "a waited for a task of b");
    assert_eq!(a.wait(of_a).unwrap(), 300);
}
