//! Limits of workers: next to other workers, for workers that are started later, and where they are too small.

use crate::bounds::{allocate, allowed, cpus};
use crate::either::{Either, Kind, both};
use crate::elastic::builder;
use crate::order::Held;
use crate::tasks::{abort, add_one, sleep_ms};
use crate::{Case, case};
use handoff::{ErrorKind, StartMethod, task};
use std::collections::BTreeSet;

pub(crate) const BOTH: &[[Case; 2]] = &[
    both!("limits_hold_for_workers_that_are_started_later", later),
    both!(
        "a_worker_over_its_limit_leaves_the_others_alone",
        neighbours
    ),
    both!(
        "a_replacement_runs_where_its_predecessor_ran",
        same_processor
    ),
    both!("a_task_that_opens_too_many_files_fails_alone", files),
];

pub(crate) const CASES: &[Case] = &[
    case("limits_that_are_too_small_are_named", too_small),
    Case {
        name: "what_a_fork_inherits_counts_for_its_memory_limit",
        run: large,
        methods: &[StartMethod::Fork],
    },
];

/// What that many workers may have, once that many take tasks.
fn on_each(pool: &mut Either, workers: usize) -> Vec<(u64, i32, Vec<usize>)> {
    loop {
        let all = pool.broadcast(allowed());
        if all.len() == workers {
            return all.into_iter().map(Result::unwrap).collect();
        }
        pool.run(sleep_ms(5)).unwrap();
    }
}

fn later(method: StartMethod, kind: Kind) {
    let builder = builder(method).workers(1..=3).spare(1);
    let mut pool = kind.start(builder.worker_files(77).worker_memory(1 << 30));
    pool.resize(3);
    for _ in 0..2 {
        for (files, ..) in on_each(&mut pool, 3) {
            assert_eq!(files, 77);
        }
        assert!(pool.run(abort().retries(0)).is_err());
    }
}

fn neighbours(method: StartMethod, kind: Kind) {
    let builder = builder(method).workers(2).worker_memory(64 << 20);
    let mut pool = kind.start(builder);
    let held = Held::new(&mut pool);
    // As often as tasks run again by default.
    let error = pool.run(allocate(1 << 30)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Died);
    let text = error.to_string();
    assert!(text.contains("its limit of memory is 67.1 MB"), "{text}");
    held.release(&mut pool);
    pool.until(|pool| pool.counters().died >= 3);
    assert_eq!(pool.counters().died, 3, "each time its own worker");
}

fn same_processor(method: StartMethod, kind: Kind) {
    let mut pool = kind.start(builder(method).workers(2).spread_over_cpus());
    for _ in 0..3 {
        let each = on_each(&mut pool, 2).into_iter();
        let used: BTreeSet<_> = each.map(|(_, _, cpus)| cpus).collect();
        assert_eq!(used.len(), cpus().len().min(2), "{used:?}");
        assert!(pool.run(abort().retries(0)).is_err());
    }
}

#[task]
fn open_many(count: usize) -> std::io::Result<usize> {
    let files = (0..count).map(|_| std::fs::File::open("/dev/null"));
    Ok(files.collect::<Result<Vec<_>, _>>()?.len())
}

fn files(method: StartMethod, kind: Kind) {
    let mut pool = kind.start(builder(method).workers(1).worker_files(40));
    let error = pool.run(open_many(100)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.to_string().contains("Too many open files"), "{error}");
    assert_eq!(pool.run(open_many(5)).unwrap(), 5);
    assert_eq!(pool.counters().died, 0);
}

/// A worker needs something for itself: where it is not allowed that, the error says so.
fn too_small(method: StartMethod) {
    let builder = || builder(method.clone()).workers(1);
    let tiny = (0..4).map(|files| (builder().worker_files(files), "files"));
    let tiny = tiny.chain([(builder().worker_memory(1 << 12), "memory")]);
    for (builder, word) in tiny {
        let ran = builder.start().and_then(|mut pool| pool.run(add_one(1)));
        match ran {
            Ok(result) => assert_eq!(result, 2),
            Err(error) => assert!(error.to_string().contains(word), "{word}: {error}"),
        }
    }
}

fn large(method: StartMethod) {
    let memory = std::hint::black_box(vec![1_u8; 256 << 20]);
    let mut pool = builder(method)
        .workers(1)
        .worker_memory(64 << 20)
        .start()
        .unwrap();
    // It needs no memory of its own.
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
    let error = pool.run(allocate(1 << 20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Died);
    let text = error.to_string();
    assert!(text.contains("its limit of memory is 67.1 MB"), "{text}");
    drop(memory);
}
