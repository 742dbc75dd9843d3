//! Pools that are resized at random while tasks run.

use crate::Case;
use crate::either::{Kind, both};
use crate::elastic::builder;
use crate::tasks::{Marks, abort_once, add_one, mark, sleep_ms};
use handoff::{Event, Priority, StartMethod, What};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

pub(crate) const BOTH: &[[Case; 2]] = &[
    both!("resizes_at_random_lose_nothing", lose_nothing),
    both!(
        "resizes_at_random_delay_no_task_by_more_than_a_start",
        delay
    ),
];

const RESIZES: usize = 1000;

/// Numbers of workers, at random, the same in every run.
fn sizes() -> impl Iterator<Item = std::ops::RangeInclusive<usize>> {
    let mut random = 1_u64;
    std::iter::repeat_with(move || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let max = 1 + (random >> 33) as usize % 4;
        let min = (random >> 40) as usize % (max + 1);
        min..=max
    })
    .take(RESIZES)
}

/// Some of the tasks end their workers.
fn lose_nothing(method: StartMethod, kind: Kind) {
    let marks: Vec<Marks> = (0..RESIZES / 10).map(|_| Marks::new()).collect();
    let mut pool = kind.start(builder(method).workers(2));
    let mut numbers = Vec::new();
    let mut marked = Vec::new();
    for (n, workers) in sizes().enumerate() {
        pool.resize(workers);
        numbers.push(pool.submit(add_one(n as u64)));
        if n % 10 == 0 {
            marked.push(pool.submit(mark(marks[n / 10].path(), 1).retries(0)));
        }
        if n % 100 == 50 {
            assert_eq!(pool.run(abort_once(Marks::new().path())).unwrap(), 7);
        }
    }
    for (n, task) in numbers.into_iter().enumerate() {
        assert_eq!(pool.wait(task).unwrap(), n as u64 + 1);
    }
    for task in marked {
        pool.wait(task).unwrap();
    }
    assert!(
        marks.iter().all(|marks| marks.count() == 1),
        "each ran once"
    );
}

/// What has happened since the last task was submitted.
#[derive(Default)]
struct Since {
    /// Workers that were started.
    started: BTreeSet<String>,
    /// Tasks that were sent, and whether to one of those.
    sent: Vec<(u64, bool)>,
}

impl Since {
    fn record(&mut self, event: &Event<'_>) {
        match event.what {
            What::Started => drop(self.started.insert(event.worker.to_owned())),
            What::Sent { task } => self.sent.push((task, self.started.contains(event.worker))),
            _ => {}
        }
    }
}

/// A task waits for a worker that is started for it at most: no worker that was started after it takes others
/// before it. One task of lower priority may go before it, so that those do not wait indefinitely.
fn delay(method: StartMethod, kind: Kind) {
    let since = Arc::new(Mutex::new(Since::default()));
    let recorded = Arc::clone(&since);
    let builder = builder(method)
        .workers(2)
        .watch(move |event| recorded.lock().unwrap().record(event));
    let mut pool = kind.start(builder);
    let mut load = VecDeque::new();
    for workers in sizes() {
        pool.resize(workers);
        while load.len() < 4 {
            load.push_back(pool.submit(sleep_ms(1).priority(Priority::Low)));
        }
        *since.lock().unwrap() = Since::default();
        let task = pool.submit(add_one(1).priority(Priority::High));
        let id = task.id();
        assert_eq!(pool.wait(task).unwrap(), 2);
        let sent = std::mem::take(&mut *since.lock().unwrap()).sent;
        let before = sent.iter().take_while(|&&(task, _)| task != id);
        let before = before.filter(|&&(_, to_new)| to_new).count();
        assert!(before <= 1, "{before} tasks went before task {id}");
        load.retain(|task| !task.is_done());
    }
}
