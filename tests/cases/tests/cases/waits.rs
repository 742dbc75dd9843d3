//! What a pool has to do later, while its caller waits for its descriptor or is away; and what running tasks say
//! meanwhile.

use crate::either::{Either, Kind, Task, both};
use crate::elastic::builder;
use crate::order::{fails, obey};
use crate::tasks::{Marks, add_one, mark, pid, sleep_ms};
use crate::{Case, callers, case};
use handoff::{ErrorKind, Pool, StartMethod, task};
use std::time::Duration;

pub(crate) const BOTH: &[[Case; 2]] = &[
    both!("notes_of_tiny_tasks_reach_their_own_handles", own_notes),
    both!("a_cancelled_task_leaves_those_behind_it_alone", behind),
    both!(
        "without_a_grace_a_cancelled_task_is_ended_at_once",
        no_grace
    ),
    both!("a_task_that_ignores_sigterm_is_killed", killed),
];

pub(crate) const CASES: &[Case] = &[
    case("notes_wait_for_a_caller_that_is_away", away),
    case(
        "output_of_a_task_waits_for_a_caller_that_is_away",
        output_away,
    ),
    case("a_descriptor_is_readable_when_a_pause_ends", pause),
    case("a_descriptor_is_readable_when_a_deadline_comes", deadline),
    case("a_descriptor_is_readable_when_a_worker_is_to_leave", leave),
];

/// Sends its number.
#[task]
fn say_number(number: u64) -> Result<u64, handoff::Error> {
    handoff::note(&number.to_le_bytes())?;
    handoff::progress(number, number);
    Ok(number)
}

fn own_notes(method: StartMethod, kind: Kind) {
    let mut pool = kind.start(builder(method).workers(2));
    for _ in 0..3 {
        let tasks = (0..300).map(|number| {
            let silent = pool.submit(add_one(number));
            (silent, pool.submit(say_number(number)))
        });
        let tasks: Vec<_> = tasks.collect();
        for (number, (silent, mut task)) in (0..).zip(tasks) {
            let note = pool.wait_note(&mut task);
            assert_eq!(note, Some(u64::to_le_bytes(number).to_vec()));
            assert_eq!(pool.wait_note(&mut task), None);
            assert_eq!(pool.wait(task).unwrap(), number);
            assert_eq!(pool.wait(silent).unwrap(), number + 1);
        }
    }
}

fn away(method: StartMethod) {
    let mut pool = builder(method).workers(2).start().unwrap();
    let handles = (0..300).map(|number| pool.submit(say_number(number)).unwrap());
    let handles: Vec<_> = handles.collect();
    std::thread::sleep(Duration::from_millis(500));
    for (number, mut handle) in (0..).zip(handles) {
        let note = pool.wait_note(&mut handle).unwrap();
        assert_eq!(note, Some(u64::to_le_bytes(number).to_vec()));
        assert_eq!(pool.wait(handle).unwrap(), number);
    }
}

/// Prints more than a pipe holds.
#[task]
fn print(lines: usize) -> usize {
    for line in 0..lines {
        println!("{line} {}", "x".repeat(100));
        eprintln!("{line} {}", "x".repeat(100));
    }
    lines
}

/// Sends more than a socket holds.
#[task]
fn say_many(count: u64) -> Result<u64, handoff::Error> {
    for number in 0..count {
        handoff::note(&number.to_le_bytes())?;
    }
    Ok(count)
}

fn output_away(method: StartMethod) {
    let limit = Duration::from_millis(500);
    let builder = builder(method).workers(1).capture_stdout(true);
    let builder = builder.timeout(limit).watch(|_| {});
    let mut pool = builder.start().unwrap();
    for _ in 0..2 {
        let printing = pool.submit(print(10_000)).unwrap();
        std::thread::sleep(limit * 2);
        assert_eq!(pool.wait(printing).unwrap(), 10_000);
        let talking = pool.submit(say_many(5_000)).unwrap();
        std::thread::sleep(limit * 2);
        assert_eq!(pool.wait(talking).unwrap(), 5_000);
    }
    let hanging = pool.submit(print_without_end()).unwrap();
    std::thread::sleep(limit * 2);
    let error = pool.wait(hanging).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
}

#[task]
fn print_without_end() {
    loop {
        println!("{}", "x".repeat(1000));
    }
}

/// Drives the pool for what its descriptor says alone.
fn until(pool: &mut Pool, done: impl Fn(&Pool) -> bool) {
    while !done(pool) {
        assert!(callers::readable(pool), "nothing to do for five seconds");
        pool.drive(Some(Duration::ZERO)).unwrap();
    }
}

fn pause(method: StartMethod) {
    let marks = Marks::new();
    let mut pool = builder(method).workers(1).start().unwrap();
    let call = fails(marks.path()).retry_if(2, Duration::from_millis(100), |_| true);
    let handle = pool.submit(call).unwrap();
    until(&mut pool, |_| handle.is_done());
    assert_eq!(marks.count(), 3);
}

fn deadline(method: StartMethod) {
    let mut pool = builder(method).workers(1).start().unwrap();
    let running = pool.submit(sleep_ms(600_000)).unwrap();
    let call = add_one(1).deadline(Duration::from_millis(100));
    let mut handle = pool.submit(call).unwrap();
    until(&mut pool, |_| handle.is_done());
    let error = handle.try_take().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(pool.cancel(&running));
}

fn leave(method: StartMethod) {
    let idle = Duration::from_millis(100);
    let builder = builder(method).workers(0..=2).idle_timeout(idle);
    let mut pool = builder.start().unwrap();
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
    assert!(pool.counters().workers > 0);
    until(&mut pool, |pool| pool.counters().workers == 0);
}

fn behind(method: StartMethod, kind: Kind) {
    let long = Duration::from_secs(30);
    let mut pool = kind.start(builder(method).workers(1).cancel_grace(long));
    let worker = pool.run(pid()).unwrap();
    for _ in 0..10 {
        let mut task = pool.submit(obey());
        let others: Vec<_> = (0..100).map(|_| pool.submit(pid().retries(0))).collect();
        assert!(pool.wait_note(&mut task).is_some());
        pool.cancel(&task);
        assert_eq!(pool.wait(task).unwrap_err().kind(), ErrorKind::Cancelled);
        for task in others {
            assert_eq!(pool.wait(task).unwrap(), worker);
        }
    }
}

fn cancel_begun<R>(pool: &mut Either, mut task: Task<R>) -> ErrorKind {
    assert!(pool.wait_note(&mut task).is_some());
    pool.cancel(&task);
    pool.wait(task).map(drop).unwrap_err().kind()
}

fn no_grace(method: StartMethod, kind: Kind) {
    let builder = builder(method).workers(1);
    let mut pool = kind.start(builder.cancel_grace(Duration::ZERO));
    let worker = pool.run(pid()).unwrap();
    let task = pool.submit(obey());
    assert_eq!(cancel_begun(&mut pool, task), ErrorKind::Cancelled);
    assert_ne!(pool.run(pid()).unwrap(), worker);
}

/// Neither looks whether it is to end, nor ends when it is terminated.
#[task]
fn stubborn() -> Result<(), handoff::Error> {
    // SAFETY: no handler runs.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
    handoff::note(b"begun")?;
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}

fn killed(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let builder = builder(method).workers(1);
    let mut pool = kind.start(builder.grace(Duration::from_millis(200)));
    let worker = pool.run(pid()).unwrap();
    let task = pool.submit(stubborn());
    let next = pool.submit(mark(marks.path(), 0).retries(0));
    assert_eq!(cancel_begun(&mut pool, task), ErrorKind::Cancelled);
    pool.wait(next).unwrap();
    assert_ne!(pool.run(pid()).unwrap(), worker);
    assert_eq!(marks.count(), 1);
}
