//! What a running task and its pool say to each other: requests to end, progress, notes.

use crate::either::{Kind, both};
use crate::elastic::builder;
use crate::tasks::{Marks, mark, pid};
use crate::{Case, background};
use handoff::{ErrorKind, StartMethod, What, task};
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    background(
        "a_dropped_future_that_returns_leaves_its_worker_warm",
        dropped,
    ),
    background("a_future_gives_the_next_note", next_note),
];

pub(crate) const BOTH: &[[Case; 2]] = &[
    both!(
        "a_cancelled_task_that_returns_leaves_its_worker_warm",
        returns
    ),
    both!("a_time_limit_is_seen_too", returns_at_limit),
    both!(
        "a_cancelled_task_that_does_not_return_is_ended",
        does_not_return
    ),
    both!("a_running_task_says_how_far_it_is", says),
    both!("a_handle_gets_what_its_task_says", notes),
];

/// As long as no trial takes.
const LONG: Duration = Duration::from_secs(30);

/// Waits until it should end, or without end.
#[task]
fn wait_for_the_end(path: String) -> std::io::Result<u32> {
    std::fs::write(path, "begun")?;
    while !handoff::cancelled() {
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(std::process::id())
}

fn begun(path: &std::path::Path) -> bool {
    std::fs::read(path).is_ok_and(|text| !text.is_empty())
}

fn returns(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let mut pool = kind.start(builder(method).workers(1).cancel_grace(LONG));
    let worker = pool.run(pid()).unwrap();
    for _ in 0..20 {
        let _ = std::fs::remove_file(marks.as_path());
        let task = pool.submit(wait_for_the_end(marks.path()));
        pool.until(|_| begun(&marks.as_path()));
        pool.cancel(&task);
        assert_eq!(pool.wait(task).unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(pool.run(pid()).unwrap(), worker, "the same worker");
    }
    assert_eq!(pool.counters().died, 0);
}

fn dropped(method: StartMethod) {
    let marks = Marks::new();
    let pool = builder(method).workers(1).cancel_grace(LONG);
    let pool = pool.background().unwrap();
    let worker = pool.submit(pid()).unwrap().wait().unwrap();
    let pending = pool.submit(wait_for_the_end(marks.path())).unwrap();
    while !begun(&marks.as_path()) {
        std::thread::yield_now();
    }
    drop(pending.cancel_on_drop());
    assert_eq!(pool.submit(pid()).unwrap().wait().unwrap(), worker);
}

fn returns_at_limit(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let mut pool = kind.start(builder(method).workers(1).cancel_grace(LONG));
    let worker = pool.run(pid()).unwrap();
    let call = wait_for_the_end(marks.path()).timeout(Duration::from_millis(50));
    assert_eq!(pool.run(call).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(pool.run(pid()).unwrap(), worker, "the same worker");
}

fn does_not_return(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let mut pool = kind.start(builder(method).workers(1));
    let worker = pool.run(pid()).unwrap();
    let task = pool.submit(mark(marks.path(), 60_000));
    pool.until(|_| marks.count() == 1);
    pool.cancel(&task);
    assert_eq!(pool.wait(task).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_ne!(pool.run(pid()).unwrap(), worker, "another worker");
}

#[task]
fn speaks(path: String) -> Result<(), handoff::Error> {
    handoff::progress(3, 10);
    assert!(handoff::note(b"hello")?);
    assert!(handoff::note(&vec![0; 1 << 20]).is_err());
    while !begun(std::path::Path::new(&path)) {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn says(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let (put, said) = mpsc::channel();
    let builder = builder(method).workers(1);
    let builder = builder.watch(move |event| match event.what {
        What::Progress {
            task, done, total, ..
        } => put.send(format!("{task}: {done} of {total}")).unwrap(),
        What::Note { task, bytes, .. } => {
            let text = String::from_utf8_lossy(bytes);
            put.send(format!("{task}: {text}")).unwrap();
        }
        _ => {}
    });
    let mut pool = kind.start(builder);
    let task = pool.submit(speaks(marks.path()));
    pool.until(|_| task.progress() == Some((3, 10)));
    std::fs::write(marks.as_path(), "go on").unwrap();
    let id = task.id();
    pool.wait(task).unwrap();
    let said: Vec<String> = said.try_iter().collect();
    assert_eq!(said, [format!("{id}: 3 of 10"), format!("{id}: hello")]);
    assert!(!handoff::note(b"nobody listens").unwrap());
}

/// Sends numbers, and goes on only once the caller has the first of them.
#[task]
fn counts(path: String, to: u8) -> Result<u8, handoff::Error> {
    for number in 0..to {
        handoff::note(&[number])?;
        while !begun(std::path::Path::new(&path)) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(to)
}

fn notes(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let mut pool = kind.start(builder(method).workers(2));
    let mut task = pool.submit(counts(marks.path(), 50));
    let other = pool.submit(counts(marks.path(), 50));
    assert_eq!(pool.wait_note(&mut task).as_deref(), Some(&[0][..]));
    assert!(!task.is_done(), "it comes while the task runs");
    std::fs::write(marks.as_path(), "go on").unwrap();
    // What nobody takes is no hindrance.
    assert_eq!(pool.wait(other).unwrap(), 50);
    for number in 1..50 {
        assert_eq!(pool.wait_note(&mut task), Some(vec![number]));
    }
    assert_eq!(pool.wait_note(&mut task), None);
    assert_eq!(pool.wait(task).unwrap(), 50);
}

fn next_note(method: StartMethod) {
    let marks = Marks::new();
    let pool = builder(method).workers(1).background().unwrap();
    let mut pending = pool.submit(counts(marks.path(), 3)).unwrap();
    std::fs::write(marks.as_path(), "go on").unwrap();
    let mut taken = Vec::new();
    while let Some(note) = block_on(pending.next_note()) {
        taken.extend(note);
    }
    assert_eq!(taken, [0, 1, 2]);
    assert_eq!(pending.wait().unwrap(), 3);
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::yield_now(),
        }
    }
}
