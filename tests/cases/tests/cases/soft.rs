//! What a running task and its pool say to each other: requests to end, progress, notes.

use crate::elastic::{builder, until};
use crate::tasks::{Marks, mark, pid};
use crate::{Case, background, case};
use handoff::{ErrorKind, StartMethod, What, task};
use std::sync::mpsc;
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    case(
        "a_cancelled_task_that_returns_leaves_its_worker_warm",
        returns,
    ),
    background(
        "a_dropped_future_that_returns_leaves_its_worker_warm",
        background_returns,
    ),
    case("a_time_limit_is_seen_too", returns_at_limit),
    case(
        "a_cancelled_task_that_does_not_return_is_ended",
        does_not_return,
    ),
    case("a_running_task_says_how_far_it_is", says),
];

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

fn returns(method: StartMethod) {
    let marks = Marks::new();
    let grace = Duration::from_secs(5);
    let mut pool = builder(method)
        .workers(1)
        .cancel_grace(grace)
        .start()
        .unwrap();
    let worker = pool.run(pid()).unwrap();
    let handle = pool.submit(wait_for_the_end(marks.path())).unwrap();
    until(&mut pool, |_| begun(&marks.as_path()));
    assert!(pool.cancel(&handle));
    assert_eq!(pool.wait(handle).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(pool.run(pid()).unwrap(), worker, "the same worker");
    assert_eq!(pool.counters().died, 0);
}

fn background_returns(method: StartMethod) {
    let marks = Marks::new();
    let grace = Duration::from_secs(5);
    let pool = builder(method)
        .workers(1)
        .cancel_grace(grace)
        .background()
        .unwrap();
    let worker = pool.submit(pid()).unwrap().wait().unwrap();
    let pending = pool.submit(wait_for_the_end(marks.path())).unwrap();
    while !begun(&marks.as_path()) {
        std::thread::yield_now();
    }
    drop(pending.cancel_on_drop());
    assert_eq!(pool.submit(pid()).unwrap().wait().unwrap(), worker);
}

fn returns_at_limit(method: StartMethod) {
    let marks = Marks::new();
    let grace = Duration::from_secs(5);
    let mut pool = builder(method)
        .workers(1)
        .cancel_grace(grace)
        .start()
        .unwrap();
    let worker = pool.run(pid()).unwrap();
    let call = wait_for_the_end(marks.path()).timeout(Duration::from_millis(50));
    assert_eq!(pool.run(call).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(pool.run(pid()).unwrap(), worker, "the same worker");
}

fn does_not_return(method: StartMethod) {
    let marks = Marks::new();
    let mut pool = builder(method).workers(1).start().unwrap();
    let worker = pool.run(pid()).unwrap();
    let handle = pool.submit(mark(marks.path(), 60_000)).unwrap();
    until(&mut pool, |_| marks.count() == 1);
    assert!(pool.cancel(&handle));
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

fn says(method: StartMethod) {
    let marks = Marks::new();
    let (put, said) = mpsc::channel();
    let mut pool = builder(method)
        .workers(1)
        .watch(move |event| match event.what {
            What::Progress {
                task, done, total, ..
            } => {
                put.send(format!("{task}: {done} of {total}")).unwrap();
            }
            What::Note { task, bytes, .. } => {
                put.send(format!("{task}: {}", String::from_utf8_lossy(bytes)))
                    .unwrap();
            }
            _ => {}
        })
        .start()
        .unwrap();
    let handle = pool.submit(speaks(marks.path())).unwrap();
    until(&mut pool, |_| handle.progress() == Some((3, 10)));
    std::fs::write(marks.as_path(), "go on").unwrap();
    let id = handle.id();
    pool.wait(handle).unwrap();
    let said: Vec<String> = said.try_iter().collect();
    assert_eq!(said, [format!("{id}: 3 of 10"), format!("{id}: hello")]);
    assert!(!handoff::note(b"nobody listens").unwrap());
}
