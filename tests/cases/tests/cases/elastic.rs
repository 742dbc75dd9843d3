//! Pools that grow and shrink, and tasks that are ordered and tried again.

use crate::either::{Kind, both};
use crate::tasks::{Marks, abort, add_one, pid, sleep_ms};
use crate::{Case, background};
use handoff::{Builder, ErrorKind, Pool, Priority, StartMethod, What, task};
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::mpsc;
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[background(
    "a_background_pool_grows_and_shrinks",
    background_grows,
)];

pub(crate) const BOTH: &[[Case; 2]] = &[
    both!("workers_come_on_demand_and_leave_when_idle", on_demand),
    both!("a_pool_may_start_without_waiting", no_wait),
    both!("a_spare_saves_the_next_task_the_initializer", spare),
    both!("urgent_tasks_go_first", urgent),
    both!("a_deadline_includes_the_queue", deadline),
    both!("an_error_is_tried_again_by_choice", again_after_error),
    both!("a_time_out_is_tried_again_by_choice", again_after_time_out),
    both!("a_broadcast_runs_once_on_every_worker", broadcast),
];

pub(crate) fn builder(method: StartMethod) -> Builder {
    Pool::builder().start_method(method)
}

fn on_demand(method: StartMethod, kind: Kind) {
    let idle = Duration::from_millis(50);
    let builder = builder(method).workers(0..=3).idle_timeout(idle);
    let mut pool = kind.start(builder);
    assert_eq!(pool.counters().started, 0, "nothing is wanted yet");
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
    let handles: Vec<_> = (0..3).map(|_| pool.submit(sleep_ms(300))).collect();
    pool.until(|pool| pool.counters().running == 3);
    for handle in handles {
        pool.wait(handle).unwrap();
    }
    assert!(pool.counters().started >= 3);
    pool.until(|pool| pool.counters().workers == 0);
    assert_eq!(pool.run(add_one(2)).unwrap(), 3);
}

fn background_grows(method: StartMethod) {
    let pool = builder(method)
        .workers(1..=2)
        .idle_timeout(Duration::from_millis(50))
        .background()
        .unwrap();
    let pending: Vec<_> = (0..2)
        .map(|_| pool.submit(sleep_ms(300)).unwrap())
        .collect();
    for pending in pending {
        pending.wait().unwrap();
    }
    assert_eq!(pool.counters().started, 2);
    while pool.counters().workers > 1 {
        std::thread::yield_now();
    }
    pool.resize(3).unwrap();
    while pool.counters().workers < 3 {
        std::thread::yield_now();
    }
}

fn no_wait(method: StartMethod, kind: Kind) {
    let builder = builder(method)
        .workers(1)
        .wait_until_ready(false)
        .initializer(slow_start(200));
    let mut pool = kind.start(builder);
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
}

#[task]
fn slow_start(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// The next task has its result before a third worker is ready; that one is started at once.
fn spare(method: StartMethod, kind: Kind) {
    let (put, happened) = mpsc::channel();
    let builder = builder(method)
        .workers(1)
        .spare(1)
        .initializer(slow_start(2000))
        .watch(move |event| match event.what {
            What::Started => put.send("started").unwrap(),
            What::Ready => put.send("ready").unwrap(),
            What::Answered { .. } => put.send("answered").unwrap(),
            _ => {}
        });
    let mut pool = kind.start(builder);
    let mut before: Vec<&str> = Vec::new();
    pool.until(|_| {
        before.extend(happened.try_iter());
        before.len() == 4
    });
    assert_eq!(before, ["started", "started", "ready", "ready"]);
    let died = pool.run(abort().retries(0)).unwrap_err();
    assert_eq!(died.kind(), ErrorKind::Died);
    pool.run(pid()).unwrap();
    let mut after: Vec<&str> = happened.try_iter().collect();
    after.sort_unstable();
    assert_eq!(after, ["answered", "started"], "it waited for nobody");
}

fn urgent(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let builder = builder(method).workers(1);
    let mut pool = kind.start(builder);
    let first = pool.submit(sleep_ms(100));
    let names = [
        ("low", Priority::Low),
        ("normal", Priority::Normal),
        ("high", Priority::High),
    ];
    let mut handles = Vec::new();
    for (name, priority) in names {
        let call = note_down(marks.path(), name.to_owned()).priority(priority);
        handles.push(pool.submit(call));
    }
    pool.wait(first).unwrap();
    for handle in handles {
        pool.wait(handle).unwrap();
    }
    let order = std::fs::read_to_string(marks.as_path()).unwrap();
    assert_eq!(order, "high normal low ");
}

#[task]
pub(crate) fn note_down(path: String, name: String) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.create(true).append(true).open(path)?;
    file.write_all(format!("{name} ").as_bytes())
}

fn deadline(method: StartMethod, kind: Kind) {
    let builder = builder(method).workers(1);
    let mut pool = kind.start(builder);
    let first = pool.submit(sleep_ms(500));
    let late = add_one(1).deadline(Duration::from_millis(50));
    let late = pool.submit(late);
    let error = pool.wait(late).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert!(!first.is_done(), "it did not wait for the task before it");
    pool.wait(first).unwrap();
}

/// Fails until it has been begun that often.
#[task]
fn succeeds_at(path: String, times: usize) -> Result<usize, String> {
    let marks = std::path::PathBuf::from(path);
    crate::tasks::append(&marks).map_err(|error| error.to_string())?;
    let count = crate::tasks::marks(&marks);
    if count < times {
        return Err(format!("only {count} times"));
    }
    Ok(count)
}

fn again_after_error(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let builder = builder(method).workers(1);
    let mut pool = kind.start(builder);
    let pause = Duration::from_millis(5);
    let call = succeeds_at(marks.path(), 3);
    let call = call.retry_if(5, pause, |error| error.kind() == ErrorKind::Failed);
    assert_eq!(pool.run(call).unwrap(), 3);
    let call = succeeds_at(marks.path(), 100).retry_if(1, pause, |_| true);
    let error = pool.run(call).unwrap_err();
    assert_eq!(error.to_string(), "only 5 times");
    let call = succeeds_at(marks.path(), 100).retry_if(1, pause, |_| false);
    assert_eq!(pool.run(call).unwrap_err().to_string(), "only 6 times");
}

/// Sleeps for long, but the second time that it is begun.
#[task]
fn slow_at_first(path: String) -> std::io::Result<usize> {
    let marks = std::path::PathBuf::from(path);
    crate::tasks::append(&marks)?;
    let count = crate::tasks::marks(&marks);
    if count == 1 {
        std::thread::sleep(Duration::from_secs(60));
    }
    Ok(count)
}

fn again_after_time_out(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let builder = builder(method).workers(1);
    let mut pool = kind.start(builder);
    let call = slow_at_first(marks.path())
        .timeout(Duration::from_millis(300))
        .retry_if(1, Duration::ZERO, |error| {
            error.kind() == ErrorKind::TimedOut
        });
    assert_eq!(pool.run(call).unwrap(), 2);
}

fn broadcast(method: StartMethod, kind: Kind) {
    let builder = builder(method).workers(3);
    let mut pool = kind.start(builder);
    let ran = pool.broadcast(pid()).into_iter().map(Result::unwrap);
    let ran: BTreeSet<u32> = ran.collect();
    assert_eq!(ran.len(), 3, "{ran:?}");
    let died = pool.broadcast(abort());
    let died = died.into_iter().map(|result| result.unwrap_err().kind());
    assert!(died.eq([ErrorKind::Died; 3]));
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
}
