//! Small tasks of one map, which travel together: each of them still runs, fails and waits for itself.

use crate::engine::warm;
use crate::tasks::Marks;
use crate::{Case, case};
use handoff::{ErrorKind, Pool, StartMethod, task};
use std::io::Write;
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    case(
        "a_death_costs_one_of_many_small_tasks",
        a_death_costs_one_of_many_small_tasks,
    ),
    case(
        "small_tasks_run_again_one_by_one",
        small_tasks_run_again_one_by_one,
    ),
    case(
        "a_long_task_among_small_ones_delays_none",
        a_long_task_among_small_ones_delays_none,
    ),
    case(
        "a_failure_is_one_small_task_s_own",
        a_failure_is_one_small_task_s_own,
    ),
    case(
        "small_tasks_of_several_kinds_keep_their_order",
        small_tasks_of_several_kinds_keep_their_order,
    ),
];

/// Leaves its number, and ends its worker where that is `fatal` and it has left none before.
#[task]
pub(crate) fn leave(path: String, number: u32, fatal: u32) -> std::io::Result<u32> {
    let mut file = std::fs::OpenOptions::new().append(true).open(&path)?;
    file.write_all(&number.to_le_bytes())?;
    if number % fatal == fatal - 1 && handoff::worker().is_some_and(|it| it.attempt() == 1) {
        std::process::abort();
    }
    Ok(number)
}

/// Sleeps where that is said.
#[task]
fn pause(number: u64, ms: u64) -> u64 {
    if ms > 0 {
        std::thread::sleep(Duration::from_millis(ms));
    }
    number
}

#[task]
fn odd(number: u64) -> Result<u64, String> {
    match number % 2 {
        1 => Ok(number),
        _ => Err(format!("{number} is even")),
    }
}

#[task]
fn text(number: u64) -> String {
    number.to_string()
}

fn pool(method: StartMethod, retries: u32) -> Pool {
    let builder = Pool::builder().start_method(method).workers(3);
    builder.retries(retries).start().unwrap()
}

/// How often each number was left.
pub(crate) fn left(marks: &Marks, numbers: u32) -> Vec<u32> {
    let mut left = vec![0; numbers as usize];
    let bytes = std::fs::read(marks.as_path()).unwrap();
    for number in bytes.chunks_exact(4) {
        left[u32::from_le_bytes(number.try_into().unwrap()) as usize] += 1;
    }
    left
}

fn a_death_costs_one_of_many_small_tasks(method: StartMethod) {
    const TASKS: u32 = 6000;
    const FATAL: u32 = 1000;
    let marks = Marks::new();
    std::fs::write(marks.as_path(), b"").unwrap();
    let mut pool = pool(method, 0);
    let calls = (0..TASKS).map(|n| leave(marks.path(), n, FATAL));
    for (n, result) in pool.map(calls).enumerate() {
        let n = n as u32;
        if n % FATAL == FATAL - 1 {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Died, "{n}");
        } else {
            assert_eq!(result.unwrap(), n);
        }
    }
    assert!(left(&marks, TASKS).iter().all(|&times| times == 1));
}

fn small_tasks_run_again_one_by_one(method: StartMethod) {
    const TASKS: u32 = 6000;
    const FATAL: u32 = 1500;
    let marks = Marks::new();
    std::fs::write(marks.as_path(), b"").unwrap();
    let mut pool = pool(method, 1);
    let calls = (0..TASKS).map(|n| leave(marks.path(), n, FATAL));
    for (n, result) in pool.map(calls).enumerate() {
        assert_eq!(result.unwrap(), n as u32);
    }
    for (n, times) in left(&marks, TASKS).into_iter().enumerate() {
        let fatal = n as u32 % FATAL == FATAL - 1;
        assert_eq!(times, 1 + u32::from(fatal), "{n}");
    }
}

fn a_long_task_among_small_ones_delays_none(method: StartMethod) {
    const TASKS: u64 = 4000;
    const LONG: u64 = 2017;
    let mut pool = pool(method, 0);
    let long = |n| if n == LONG { 600_000 } else { 0 };
    let calls = (0..TASKS).map(|n| pause(n, long(n)));
    // A quick one ends the wait for the long one: its result is not taken.
    let results = pool.map_unordered(calls).take(TASKS as usize - 1);
    let mut seen: Vec<u64> = results.map(|(_, result)| result.unwrap()).collect();
    seen.sort_unstable();
    assert!(seen.into_iter().eq((0..TASKS).filter(|&n| n != LONG)));
}

fn a_failure_is_one_small_task_s_own(method: StartMethod) {
    let mut pool = pool(method, 0);
    for (n, result) in pool.map((0..4000).map(odd)).enumerate() {
        let n = n as u64;
        match result {
            Ok(value) => assert!(value == n && n % 2 == 1),
            Err(error) => {
                assert_eq!((error.kind(), n % 2), (ErrorKind::Failed, 0));
                assert!(error.to_string().contains(&format!("{n} is even")));
            }
        }
    }
}

fn small_tasks_of_several_kinds_keep_their_order(method: StartMethod) {
    let mut pool = pool(method, 0);
    warm(&mut pool);
    // All calls of a map have one result type, so the kinds differ in their names alone.
    let calls = (0..4000).map(|n| match n % 3 {
        0 => text(n),
        _ => digits(n),
    });
    for (n, result) in pool.map(calls).enumerate() {
        assert_eq!(result.unwrap(), n.to_string());
    }
}

#[task]
fn digits(number: u64) -> String {
    format!("{number}")
}
