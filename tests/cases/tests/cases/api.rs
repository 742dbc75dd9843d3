//! The background pool as an async program uses it, and arguments that cannot travel.

use crate::tasks::{Marks, add_one, mark, sleep_ms};
use crate::{Case, background, case};
use handoff::{ErrorKind, Pool, StartMethod, task};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

pub(crate) const CASES: &[Case] = &[
    background(
        "waiting_for_room_blocks_no_executor",
        waiting_for_room_blocks_no_executor,
    ),
    background(
        "a_dropped_future_can_cancel_its_task",
        a_dropped_future_can_cancel_its_task,
    ),
    background(
        "counters_are_true_while_a_task_runs",
        counters_are_true_while_a_task_runs,
    ),
    case(
        "a_type_that_cannot_travel_is_named",
        a_type_that_cannot_travel_is_named,
    ),
];

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Nothing>) {}
}

fn waiting_for_room_blocks_no_executor(method: StartMethod) {
    let builder = Pool::builder()
        .start_method(method)
        .workers(1)
        .queue_bound(1);
    let pool = builder.background().unwrap();
    let first = pool.submit(sleep_ms(1000)).unwrap();
    let mut second = pin!(pool.submit_async(add_one(1)));
    let waker = Waker::from(Arc::new(Nothing));
    let began = Instant::now();
    let polled = second.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(matches!(polled, Poll::Pending));
    assert!(!first.is_done(), "the poll waited: {:?}", began.elapsed());
    drop(first);
}

fn a_dropped_future_can_cancel_its_task(method: StartMethod) {
    let marks = Marks::new();
    let pool = Pool::builder()
        .start_method(method)
        .workers(1)
        .background()
        .unwrap();
    let pending = pool
        .submit(mark(marks.path(), 600_000))
        .unwrap()
        .cancel_on_drop();
    let began = Instant::now();
    while marks.count() == 0 && began.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(pending);
    assert_eq!(pool.submit(add_one(1)).unwrap().wait().unwrap(), 2);
    assert_eq!(marks.count(), 1);
}

fn counters_are_true_while_a_task_runs(method: StartMethod) {
    let marks = Marks::new();
    let pool = Pool::builder()
        .start_method(method)
        .workers(1)
        .background()
        .unwrap();
    let running = pool.submit(mark(marks.path(), 1000)).unwrap();
    marks.wait_for(1);
    // The task may be a moment ahead of the pool's thread.
    while pool.counters().running == 0 && !running.is_done() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let counters = pool.counters();
    assert_eq!(counters.running, 1, "{counters:?}");
    running.wait().unwrap();
}

#[task]
fn any(value: serde_json::Value) -> String {
    value.to_string()
}

fn a_type_that_cannot_travel_is_named(method: StartMethod) {
    let mut pool = Pool::builder()
        .start_method(method)
        .workers(1)
        .start()
        .unwrap();
    let error = pool.run(any(serde_json::json!({"a": 1}))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Arguments, "{error}");
    let said = error.to_string();
    assert!(!said.contains("one version"), "{said}");
    assert!(
        said.contains("self-describing") || said.contains("Value"),
        "{said}"
    );
}
