//! Which task goes first, when one is given up, and when one runs again: next to others, with few workers, and
//! while the caller is away.

use crate::Case;
use crate::either::{Either, Kind, Task, both};
use crate::elastic::{builder, note_down};
use crate::tasks::{Marks, abort_once, add_one, append, marks, pid, sleep_ms};
use handoff::{ErrorKind, Priority, StartMethod, task};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) const BOTH: &[[Case; 2]] = &[
    both!("a_low_priority_is_served_within_a_bound", low),
    both!("an_urgent_task_passes_many_that_were_submitted", passes),
    both!("a_deadline_ends_what_runs_and_nothing_else", ends_what_runs),
    both!("a_deadline_ends_a_task_that_pauses", ends_a_pause),
    both!("pauses_grow_and_leave_the_worker_to_others", pauses),
    both!("a_task_that_pauses_can_be_cancelled", cancelled_in_a_pause),
    both!("a_panic_is_tried_again_by_choice", again_after_panic),
    both!("failures_and_time_outs_count_together", together),
];

/// Occupies its worker until the file is there.
#[task]
pub(crate) fn hold(file: String) -> Result<u32, handoff::Error> {
    handoff::note(b"begun")?;
    while !Path::new(&file).exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(std::process::id())
}

/// A task that occupies a worker until [`release`](Held::release).
pub(crate) struct Held {
    file: Marks,
    task: Task<u32>,
}

impl Held {
    pub(crate) fn new(pool: &mut Either) -> Held {
        let file = Marks::new();
        let mut task = pool.submit(hold(file.path()));
        assert!(pool.wait_note(&mut task).is_some(), "it has begun");
        Held { file, task }
    }

    /// What releases it once it is there.
    pub(crate) fn file(&self) -> PathBuf {
        self.file.as_path()
    }

    /// Releases it, without driving the pool.
    pub(crate) fn release_and_leave(&self) {
        std::fs::write(self.file.as_path(), "").unwrap();
    }

    pub(crate) fn release(self, pool: &mut Either) -> u32 {
        self.release_and_leave();
        pool.wait(self.task).unwrap()
    }
}

/// Makes tasks of this kind known to be short.
fn warm(pool: &mut Either) {
    let marks = Marks::new();
    let tasks = (0..500).map(|_| pool.submit(note_down(marks.path(), String::new())));
    for task in tasks.collect::<Vec<_>>() {
        pool.wait(task).unwrap();
    }
}

/// The place of `name` among what was noted down.
fn place(marks: &Marks, name: &str) -> usize {
    let order = std::fs::read_to_string(marks.as_path()).unwrap();
    let mut names = order.split_whitespace();
    names.position(|noted| noted == name).expect("it ran")
}

fn low(method: StartMethod, kind: Kind) {
    for known in [false, true] {
        let marks = Marks::new();
        let mut pool = kind.start(builder(method.clone()).workers(1));
        if known {
            warm(&mut pool);
        }
        let held = Held::new(&mut pool);
        let note = |name: &str, priority| note_down(marks.path(), name.into()).priority(priority);
        let mut tasks = vec![pool.submit(note("low", Priority::Low))];
        tasks.extend((0..300).map(|_| pool.submit(note("high", Priority::High))));
        held.release(&mut pool);
        for task in tasks {
            pool.wait(task).unwrap();
        }
        let place = place(&marks, "low");
        assert!(place <= 64, "{place} of higher priority went before");
    }
}

fn passes(method: StartMethod, kind: Kind) {
    for known in [false, true] {
        let marks = Marks::new();
        let mut pool = kind.start(builder(method.clone()).workers(1));
        if known {
            warm(&mut pool);
        }
        let held = Held::new(&mut pool);
        let note = |name: &str, priority| note_down(marks.path(), name.into()).priority(priority);
        let low = (0..300).map(|_| pool.submit(note("low", Priority::Low)));
        let mut tasks: Vec<_> = low.collect();
        tasks.push(pool.submit(note("high", Priority::High)));
        // A pool in the background has taken in what came before this; and the caller is away.
        let last = pool.submit(note("never", Priority::Low));
        pool.cancel(&last);
        let error = pool.wait(last).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        held.release_and_leave();
        std::thread::sleep(Duration::from_millis(50));
        for task in tasks {
            pool.wait(task).unwrap();
        }
        let place = place(&marks, "high");
        assert!(
            place <= 64,
            "{place} of lower priority went before ({known})"
        );
    }
}

/// Returns once it is asked to.
#[task]
pub(crate) fn obey() -> Result<(), handoff::Error> {
    handoff::note(b"begun")?;
    while !handoff::cancelled() {
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

fn ends_what_runs(method: StartMethod, kind: Kind) {
    let long = Duration::from_secs(30);
    let mut pool = kind.start(builder(method).workers(1).cancel_grace(long));
    let worker = pool.run(pid()).unwrap();
    let late = pool.submit(obey().deadline(Duration::from_millis(50)));
    let others: Vec<_> = (0..100).map(|_| pool.submit(pid().retries(0))).collect();
    let error = pool.wait(late).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    for task in others {
        assert_eq!(pool.wait(task).unwrap(), worker);
    }
    assert_eq!(pool.counters().died, 0);
}

#[task]
pub(crate) fn fails(path: String) -> Result<(), String> {
    append(&PathBuf::from(path)).map_err(|error| error.to_string())?;
    Err("as always".to_owned())
}

fn ends_a_pause(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let mut pool = kind.start(builder(method).workers(1));
    let call = fails(marks.path()).deadline(Duration::from_millis(200));
    let call = call.retry_if(5, Duration::from_secs(60), |_| true);
    let error = pool.run(call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert_eq!(marks.count(), 1);
}

fn pauses(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let mut pool = kind.start(builder(method).workers(1));
    let pause = Duration::from_millis(100);
    let began = Instant::now();
    let task = pool.submit(fails(marks.path()).retry_if(2, pause, |_| true));
    let mut others = 0;
    while !task.is_done() {
        pool.run(add_one(1)).unwrap();
        others += 1;
    }
    assert!(pool.wait(task).is_err());
    assert_eq!(marks.count(), 3);
    assert!(began.elapsed() >= pause * 3, "{:?}", began.elapsed());
    assert!(others >= 10, "{others} others ran meanwhile");
}

fn cancelled_in_a_pause(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let mut pool = kind.start(builder(method).workers(1));
    let pause = Duration::from_millis(300);
    let task = pool.submit(fails(marks.path()).retry_if(5, pause, |_| true));
    pool.until(|pool| marks.count() == 1 && pool.counters().running == 0);
    pool.cancel(&task);
    assert_eq!(pool.wait(task).unwrap_err().kind(), ErrorKind::Cancelled);
    pool.run(sleep_ms(400)).unwrap();
    assert_eq!(marks.count(), 1, "it has not run again");
    assert_eq!(pool.run(abort_once(Marks::new().path())).unwrap(), 7);
}

#[task]
fn panics_at_first(path: String) -> usize {
    let path = PathBuf::from(path);
    append(&path).expect("it can be written");
    let count = marks(&path);
    assert!(count > 1, "the first time");
    count
}

fn again_after_panic(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let mut pool = kind.start(builder(method).workers(1));
    let call = panics_at_first(marks.path()).retry_if(1, Duration::ZERO, |error| {
        error.to_string().contains("the first time")
    });
    assert_eq!(pool.run(call).unwrap(), 2);
    assert_eq!(pool.counters().died, 0);
}

/// Fails at first, and then never returns.
#[task]
fn fails_then_hangs(path: String) -> Result<(), String> {
    let path = PathBuf::from(path);
    append(&path).map_err(|error| error.to_string())?;
    if marks(&path) == 1 {
        return Err("the first time".to_owned());
    }
    std::thread::sleep(Duration::from_secs(60));
    Ok(())
}

fn together(method: StartMethod, kind: Kind) {
    let marks = Marks::new();
    let mut pool = kind.start(builder(method).workers(1));
    let call = fails_then_hangs(marks.path()).timeout(Duration::from_millis(200));
    let call = call.retry_if(1, Duration::ZERO, |_| true);
    let error = pool.run(call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert_eq!(marks.count(), 2, "once, and once again");
}
