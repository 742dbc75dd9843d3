//! Arrays in large numbers, where descriptors and mappings are few.

use crate::either::{Either, Kind, both};
use crate::elastic::builder;
use crate::{Case, case};
use handoff::{Array, ArrayMut, StartMethod, task};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fs::File;
use std::sync::Mutex;

pub(crate) const CASES: &[Case] = &[case(
    "an_arena_without_a_descriptor_names_the_limit",
    names_the_limit,
)];

pub(crate) const BOTH: &[[Case; 2]] = &[
    both!("a_hundred_thousand_arrays_live", many_live),
    both!("parts_are_joined_whatever_their_length", parts),
];

const ALIVE: usize = 100_000;
const BATCH: usize = 1000;
/// Elements of an array that is shared memory.
const LEN: usize = 4096;

static KEPT: Mutex<Vec<Array<f64>>> = Mutex::new(Vec::new());

/// Keeps arrays, and makes others; its mappings and descriptors.
#[task]
fn keep_and_make(
    arrays: Vec<Array<f64>>,
    count: usize,
) -> Result<(Vec<Array<f64>>, usize, usize), handoff::Error> {
    KEPT.lock().unwrap().extend(arrays);
    let make = |_| Ok(ArrayMut::zeroed(LEN)?.freeze());
    let made = (0..count)
        .map(make)
        .collect::<Result<_, handoff::Error>>()?;
    let (mappings, descriptors) = present();
    Ok((made, mappings, descriptors))
}

#[task]
fn kept() -> usize {
    KEPT.lock().unwrap().len()
}

/// Mappings and descriptors of this process.
fn present() -> (usize, usize) {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("it can be read");
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("it can be read");
    (maps.lines().count(), descriptors.count())
}

/// Lets this process have `more` open files than it has.
fn allow_descriptors(more: usize) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    // To list them takes one.
    let limit = present().1 - 1 + more;
    setrlimit(Resource::RLIMIT_NOFILE, limit as u64, hard).unwrap();
}

/// Half of them are made here and kept by the worker; the worker makes the others. All of them live.
fn many_live(method: StartMethod, kind: Kind) {
    let mut pool = kind.start(builder(method).workers(1).worker_files(64));
    let few = |(mappings, descriptors): (usize, usize)| {
        assert!(mappings < 1000, "{mappings} mappings");
        assert!(descriptors < 64, "{descriptors} descriptors");
    };
    allow_descriptors(8);
    let mut alive = Vec::new();
    for _ in 0..ALIVE / BATCH / 2 {
        let here: Vec<Array<f64>> = (0..BATCH)
            .map(|_| ArrayMut::zeroed(LEN).unwrap().freeze())
            .collect();
        alive.extend(here.iter().cloned());
        let call = keep_and_make(here, BATCH);
        let (made, mappings, descriptors) = pool.run(call).unwrap();
        few((mappings, descriptors));
        alive.extend(made);
    }
    assert_eq!(alive.len(), ALIVE);
    assert_eq!(pool.run(kept()).unwrap(), ALIVE / 2);
    assert_eq!(pool.counters().arrays, (ALIVE * LEN * 8) as u64);
    few(present());
    drop(alive);
    let held = |pool: &Either| pool.counters().arrays;
    assert_eq!(held(&pool), (ALIVE / 2 * LEN * 8) as u64, "the worker's");
}

#[task]
fn first(array: Array<f64>) -> f64 {
    array[0]
}

/// Files that take every descriptor that this process may have.
fn all_descriptors() -> Vec<File> {
    allow_descriptors(8);
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

fn names_the_limit(method: StartMethod) {
    let mut pool = builder(method).workers(1).start().unwrap();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    // The arena of this process cannot be made.
    let files = all_descriptors();
    let error = Array::from_vec(vec![1.0; LEN]).map(drop).unwrap_err();
    drop(files);
    let text = error.to_string();
    assert!(text.contains("RLIMIT_NOFILE"), "{text}");
    let array = Array::from_vec(vec![1.0; LEN]).unwrap();
    // It can be, and cannot be sent.
    let files = all_descriptors();
    let error = pool.run(first(array.clone())).unwrap_err();
    drop(files);
    let text = error.to_string();
    assert!(text.contains("RLIMIT_NOFILE"), "{text}");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    assert_eq!(pool.run(first(array)).unwrap(), 1.0);
}

#[task]
fn fill(mut part: ArrayMut<f64>, value: f64) -> ArrayMut<f64> {
    part.fill(value);
    part
}

fn parts(method: StartMethod, kind: Kind) {
    for arena_bytes in [0, 64 << 20] {
        let builder = builder(method.clone()).workers(2).arena_bytes(arena_bytes);
        let mut pool = kind.start(builder);
        for len in [10, 1000, 10 * LEN] {
            let parts = ArrayMut::zeroed(len).unwrap().split(len / 5);
            let parts = parts.into_iter().enumerate();
            let tasks: Vec<_> = parts
                .map(|(n, part)| pool.submit(fill(part, n as f64)))
                .collect();
            let filled = tasks.into_iter().map(|task| pool.wait(task).unwrap());
            let filled: Vec<_> = filled.collect();
            let whole = ArrayMut::join(filled).unwrap();
            let expected = |place: usize| (place / (len / 5)) as f64;
            let right = |(place, &value): (usize, &f64)| value == expected(place);
            assert!(whole.iter().enumerate().all(right), "{len} elements");
        }
    }
}
