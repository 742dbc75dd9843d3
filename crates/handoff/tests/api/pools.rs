//! Pools under every start method.

use crate::background::{file, wait_for_file};
use crate::methods;
use handoff::{ErrorKind, Pool, Shutdown, StartMethod, What, task};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[task]
fn add(a: u64, b: u64) -> u64 {
    a + b
}

#[task]
fn echo(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

#[task]
fn sleep_ms(millis: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(millis));
    millis
}

static SET_UP: Mutex<Option<String>> = Mutex::new(None);

#[task]
fn set_up(text: String) -> Result<(), String> {
    if text.is_empty() {
        return Err("nothing to set up".to_owned());
    }
    *SET_UP.lock().unwrap() = Some(text);
    Ok(())
}

#[task]
fn what_was_set_up() -> Option<String> {
    SET_UP.lock().unwrap().clone()
}

#[task]
fn who() -> (String, u32) {
    let worker = handoff::worker().expect("tasks run in workers");
    (worker.name().to_owned(), worker.number())
}

#[task]
fn talk() {
    log::warn!("a record");
    eprintln!("a line");
}

/// Leaves a file for each time that it is begun.
#[task]
fn begin(folder: String, n: u64) {
    std::fs::write(format!("{folder}/{n}"), "").unwrap();
    std::thread::sleep(Duration::from_millis(5));
}

fn pool(method: StartMethod) -> Pool {
    Pool::builder()
        .start_method(method)
        .workers(2)
        .start()
        .unwrap()
}

pub(crate) fn every_start_method_runs_tasks() {
    for method in methods() {
        let mut pool = pool(method.clone());
        assert_eq!(pool.run(add(1, 2)).unwrap(), 3, "{method:?}");
        let handles: Vec<_> = (0..100).map(|n| pool.submit(add(n, n)).unwrap()).collect();
        for (n, handle) in handles.into_iter().enumerate() {
            assert_eq!(pool.wait(handle).unwrap(), 2 * n as u64);
        }
        assert_eq!(pool.counters().done, 101);
        pool.shutdown(Shutdown::Drain).unwrap();
    }
}

/// Threads put results while the caller looks for them, so it looks often.
pub(crate) fn results_of_threads_come_at_any_moment() {
    let mut pool = pool(StartMethod::InProcess);
    for n in 1..=20_000 {
        let handle = pool.submit(add(n, 1)).unwrap();
        if n % 2 == 0 {
            // Longer and longer, up to about as long as a task takes.
            (0..n % 1000).for_each(|_| std::hint::spin_loop());
        }
        assert_eq!(pool.wait(handle).unwrap(), n + 1);
        let counters = pool.counters();
        assert_eq!((counters.done, counters.running), (n, 0));
    }
}

pub(crate) fn results_come_in_order_or_as_they_are() {
    for method in methods() {
        let mut pool = pool(method);
        let calls = (0..20).map(|n| sleep_ms(if n == 0 { 100 } else { n }));
        let ordered: Vec<u64> = pool.map(calls).collect::<Result<_, _>>().unwrap();
        assert_eq!(ordered[0], 100);
        assert_eq!(ordered[1..], (1..20).collect::<Vec<_>>()[..]);
        // The first ends once all others have come.
        let (directory, path) = file();
        let other = directory.path().to_str().unwrap();
        let calls = (0..20).map(|n| wait_for_file(if n == 0 { &path } else { other }.to_owned()));
        let mut indices = Vec::new();
        for (n, result) in pool.map_unordered(calls) {
            result.unwrap();
            indices.push(n);
            if indices.len() == 19 {
                std::fs::write(&path, "").unwrap();
            }
        }
        assert_eq!(indices.pop(), Some(0), "the slow one is not waited for");
        indices.sort_unstable();
        assert_eq!(indices, (1..20).collect::<Vec<_>>());
    }
}

pub(crate) fn an_endless_map_can_be_left() {
    for method in methods() {
        let mut pool = pool(method);
        let first: Vec<_> = pool.map((0..).map(|n| add(n, 1))).take(10).collect();
        assert_eq!(first.into_iter().sum::<Result<u64, _>>().unwrap(), 55);
        assert_eq!(pool.run(add(1, 1)).unwrap(), 2);
    }
}

pub(crate) fn a_map_that_is_dropped_gives_up_what_has_not_begun() {
    for method in methods() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let mut pool = pool(method);
        let calls = (0..500).map(|n| begin(path.to_owned(), n));
        assert!(pool.map(calls).next().unwrap().is_ok());
        pool.shutdown(Shutdown::Drain).unwrap();
        let begun = std::fs::read_dir(folder.path()).unwrap().count();
        assert!(begun < 400, "{begun} of 500 were begun");
    }
}

pub(crate) fn large_arguments_and_results_travel() {
    for method in methods() {
        let mut pool = pool(method);
        for len in [0, 1, 255 << 10, 257 << 10, 20 << 20] {
            let bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
            assert!(
                pool.run(echo(bytes.clone())).unwrap() == bytes,
                "{len} bytes"
            );
        }
    }
}

pub(crate) fn a_reduction_merges_every_part() {
    for method in methods() {
        let mut pool = pool(method);
        let sum = pool.reduce((0..1000).map(|n| add(n, 0)), 0, |a, b| a + b);
        assert_eq!(sum.unwrap(), 499_500);
        let failed = pool.reduce([set_up(String::new())], (), |(), ()| ());
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Failed);
    }
}

pub(crate) fn the_initializer_runs_in_every_worker() {
    for method in methods() {
        let builder = Pool::builder().start_method(method).workers(2);
        let mut pool = builder.initializer(set_up("ready".into())).start().unwrap();
        for found in pool.map((0..10).map(|_| what_was_set_up())) {
            assert_eq!(found.unwrap().as_deref(), Some("ready"));
        }
    }
}

pub(crate) fn a_failing_initializer_is_an_error() {
    for method in methods() {
        let builder = Pool::builder().start_method(method).workers(2);
        let error = builder
            .initializer(set_up(String::new()))
            .start()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Initializer);
        assert!(error.to_string().contains("nothing to set up"), "{error}");
    }
}

pub(crate) fn a_queue_bound_holds() {
    for method in methods() {
        let builder = Pool::builder().start_method(method).workers(2);
        let mut pool = builder.queue_bound(3).start().unwrap();
        let mut handles = Vec::new();
        for n in 0..20 {
            handles.push(pool.submit(add(n, 0)).unwrap());
            let open = handles.iter().filter(|handle| !handle.is_done()).count();
            assert!(open <= 3, "{open} are open");
        }
        let sum: u64 = handles.into_iter().map(|it| pool.wait(it).unwrap()).sum();
        assert_eq!(sum, 190);
        assert_eq!(
            pool.map((0..50).map(|n| add(n, 0)))
                .filter(Result::is_ok)
                .count(),
            50
        );
    }
}

pub(crate) fn workers_know_their_name() {
    assert_eq!(handoff::worker(), None);
    for method in methods() {
        let mut pool = pool(method);
        let (name, number) = pool.run(who()).unwrap();
        assert!(name.ends_with(&format!("-{number}")), "{name} {number}");
        assert!((1..=2).contains(&number));
    }
}

pub(crate) fn a_handle_of_another_pool_is_refused() {
    let (mut one, mut other) = (pool(StartMethod::InProcess), pool(StartMethod::InProcess));
    let handle = one.submit(add(1, 2)).unwrap();
    assert!(!other.cancel(&handle));
    assert_eq!(other.wait(handle).unwrap_err().kind(), ErrorKind::Misuse);
}

pub(crate) fn a_result_is_taken_once() {
    for method in methods() {
        let mut pool = pool(method);
        for limit in [None, Some(Duration::MAX)] {
            let mut handle = pool.submit(add(1, 2)).unwrap();
            while !handle.is_done() {
                pool.drive(None).unwrap();
            }
            assert_eq!(handle.try_take().unwrap().unwrap(), 3);
            assert!(handle.try_take().is_none());
            let again = match limit {
                None => pool.wait(handle),
                Some(limit) => pool.wait_for(handle, limit).unwrap(),
            };
            assert_eq!(again.unwrap_err().kind(), ErrorKind::Misuse);
        }
    }
}

pub(crate) fn cancelling_a_queued_task() {
    for method in methods() {
        let mut pool = Pool::builder()
            .start_method(method)
            .workers(1)
            .start()
            .unwrap();
        let (_directory, path) = file();
        let slow = pool.submit(wait_for_file(path.clone())).unwrap();
        let queued = pool.submit(sleep_ms(600_000)).unwrap();
        assert!(pool.cancel(&queued));
        assert_eq!(pool.wait(queued).unwrap_err().kind(), ErrorKind::Cancelled);
        std::fs::write(&path, "").unwrap();
        pool.wait(slow).unwrap();
    }
}

/// What it says comes before its answer, however that travels.
#[task]
fn say(times: u64, fail: bool) -> Result<(), String> {
    (0..times).for_each(|n| handoff::progress(n, times));
    if fail {
        Err("as asked".to_owned())
    } else {
        Ok(())
    }
}

pub(crate) fn every_answer_reaches_the_watcher() {
    for method in &methods()[..3] {
        let seen: Arc<Mutex<Vec<(u64, &str)>>> = Arc::default();
        let builder = Pool::builder().start_method(method.clone()).workers(1);
        let builder = builder.watch({
            let seen = Arc::clone(&seen);
            move |event| match event.what {
                What::Sent { task } => seen.lock().unwrap().push((task, "sent")),
                What::Answered { task } => seen.lock().unwrap().push((task, "answered")),
                _ => {}
            }
        });
        let mut pool = builder.start().unwrap();
        let mut expected = Vec::new();
        for (times, fail) in [(0, false), (0, true), (1, false), (1, true), (0, true)] {
            let handle = pool.submit(say(times, fail)).unwrap();
            expected.extend([(handle.id(), "sent"), (handle.id(), "answered")]);
            assert_eq!(pool.wait(handle).is_err(), fail);
        }
        pool.shutdown(Shutdown::Drain).unwrap();
        assert_eq!(*seen.lock().unwrap(), expected, "{method:?}");
    }
}

pub(crate) fn records_and_lines_reach_the_watcher() {
    for method in [StartMethod::Spawn, StartMethod::ForkServer] {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let builder = Pool::builder().start_method(method).workers(1);
        let builder = builder.log_level(log::LevelFilter::Info).watch({
            let seen = Arc::clone(&seen);
            move |event| {
                let text = match event.what {
                    What::Stderr(line) => format!("stderr {line}"),
                    What::Log {
                        level,
                        message,
                        task,
                        ..
                    } => format!("{level} {message} {task:?}"),
                    _ => return,
                };
                seen.lock()
                    .unwrap()
                    .push(format!("{}: {text}", event.worker));
            }
        });
        let mut pool = builder.start().unwrap();
        pool.run(talk()).unwrap();
        pool.shutdown(Shutdown::Drain).unwrap();
        let seen = seen.lock().unwrap();
        let has = |part: &str| seen.iter().any(|line| line.ends_with(part));
        assert!(has("Process-1: WARN a record Some(0)"), "{seen:?}");
        assert!(has("Process-1: stderr a line"), "{seen:?}");
    }
}
