//! Arrays: handed over and returned, kept, cut, inherited.

use handoff::{Array, ArrayMut, ErrorKind, Pool, StartMethod, fork_map, task};
use std::sync::Mutex;

/// Elements of an array that is shared rather than copied.
const LONG: usize = 1 << 16;

#[task]
fn double(mut values: ArrayMut<f64>) -> ArrayMut<f64> {
    for value in values.iter_mut() {
        *value *= 2.0;
    }
    values
}

#[task]
fn total(values: Array<f64>) -> f64 {
    values.iter().sum()
}

#[task]
fn filled(len: usize, value: f64) -> Result<Array<f64>, handoff::Error> {
    Ok(ArrayMut::filled(len, value)?.freeze())
}

static KEPT: Mutex<Vec<ArrayMut<f64>>> = Mutex::new(Vec::new());

/// Keeps the second half.
#[task]
fn keep_half(values: ArrayMut<f64>) -> ArrayMut<f64> {
    let middle = values.len() / 2;
    let (low, high) = values.split_at(middle);
    KEPT.lock().unwrap().push(high);
    low
}

#[task]
fn kept() -> Option<ArrayMut<f64>> {
    KEPT.lock().unwrap().pop()
}

/// In forked children arrays are copies: of what they hold, and of what is theirs alone.
pub(crate) fn forked_children_have_arrays_of_their_own() {
    let mut mine = ArrayMut::filled(LONG, 1.0).unwrap();
    let shared = Array::from_vec(vec![2.0; LONG]).unwrap();
    let cell = Mutex::new(Some(ArrayMut::filled(LONG, 3.0).unwrap()));
    let results = fork_map(2, &[10.0, 20.0], |&value| {
        let mut taken = cell.lock().unwrap();
        let taken = taken.as_mut().unwrap();
        taken.fill(value);
        let fresh = ArrayMut::<f64>::zeroed(LONG).unwrap();
        let joined: f64 = fresh.iter().chain(taken.iter()).chain(shared.iter()).sum();
        (joined, Array::from_slice(&taken[..3]).unwrap())
    });
    let results = results.unwrap();
    for ((sum, some), value) in results.into_iter().zip([10.0, 20.0]) {
        assert_eq!(sum, (value + 2.0) * LONG as f64);
        assert_eq!(*some, [value; 3]);
    }
    mine.fill(4.0);
    let cell = cell.into_inner().unwrap().unwrap();
    assert!(cell.iter().all(|&value| value == 3.0), "a child wrote here");
    assert!(mine.iter().all(|&value| value == 4.0));
}

/// Runs a check with one worker of every start method; without arenas too.
fn pools(mut run: impl FnMut(&mut Pool)) {
    let methods = super::methods().map(|method| (method, 64 << 20));
    for (method, arena) in methods.into_iter().chain([(StartMethod::Spawn, 0)]) {
        let builder = Pool::builder().workers(1).start_method(method.clone());
        let builder = builder.arena_bytes(arena);
        let mut pool = builder
            .start()
            .unwrap_or_else(|error| panic!("{method:?}: {error}"));
        run(&mut pool);
        drop(pool);
        let held = task_memory();
        assert_eq!(held, 0, "{method:?} with arenas of {arena} bytes");
    }
}

/// Bytes of arrays that are held, by a pool of nothing.
fn task_memory() -> u64 {
    let builder = Pool::builder().start_method(StartMethod::InProcess);
    builder.workers(1).start().unwrap().counters().arrays
}

#[task]
fn crash(values: ArrayMut<f64>) -> usize {
    if handoff::worker().unwrap().attempt() > 1 {
        return values.len();
    }
    std::process::abort()
}

#[task]
fn crash_once(values: Array<f64>) -> f64 {
    if handoff::worker().unwrap().attempt() == 1 {
        std::process::abort()
    }
    values[0]
}

/// Memory that was handed over is lost with the worker; what is only read is given to the next.
pub(crate) fn a_death_takes_what_was_handed_over() {
    let mut pool = Pool::builder().workers(1).start().unwrap();
    let error = pool
        .run(crash(ArrayMut::zeroed(LONG).unwrap()))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Died);
    assert_eq!(pool.counters().retried, 0);
    assert_eq!(pool.counters().arrays, 0);
    // Its own terms say otherwise.
    let again = crash(ArrayMut::zeroed(LONG).unwrap()).retries(1);
    assert_eq!(pool.run(again).unwrap(), LONG);
    let read = Array::from_vec(vec![5.0; LONG]).unwrap();
    assert_eq!(pool.run(crash_once(read.clone())).unwrap(), 5.0);
    let made = pool.run(filled(LONG, 6.0)).unwrap();
    assert_eq!(pool.run(crash_once(made.clone())).unwrap(), 6.0);
    assert!(made.iter().all(|&value| value == 6.0), "its worker is dead");
    drop((read, made));
    assert_eq!(pool.counters().arrays, 0);
}

pub(crate) fn an_arena_that_is_full_fails_the_task_alone() {
    let arena = (3 * LONG * 8) as u64;
    let builder = Pool::builder().workers(1).arena_bytes(arena);
    let mut pool = builder.start().unwrap();
    let mut results = Vec::new();
    let error = loop {
        match pool.run(filled(LONG, 1.0)) {
            Ok(result) => results.push(result),
            Err(error) => break error,
        }
    };
    assert_eq!((results.len(), error.kind()), (3, ErrorKind::Failed));
    let text = error.to_string();
    assert!(
        text.contains("arena full") && text.contains("arena_bytes"),
        "{text}"
    );
    assert_eq!(pool.counters().arrays, arena);
    results.pop();
    assert!(pool.run(filled(LONG, 1.0)).is_ok());
}

pub(crate) fn the_bound_of_outputs_counts_arrays() {
    let builder = Pool::builder().workers(1).output_bound(LONG * 8 - 1);
    let mut pool = builder.start().unwrap();
    let error = pool.run(filled(LONG, 1.0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
    assert_eq!(pool.counters().arrays, 0);
    assert!(pool.run(filled(LONG / 2, 1.0)).is_ok());
}

/// Arrays that live while a worker is forked are the worker's own from then on.
pub(crate) fn a_forked_worker_has_what_was_alive() {
    static MINE: Mutex<Option<ArrayMut<f64>>> = Mutex::new(None);
    #[task]
    fn mine(value: f64) -> Option<ArrayMut<f64>> {
        let mut mine = MINE.lock().unwrap().take()?;
        assert!(mine.iter().all(|&found| found == value), "it has changed");
        mine.fill(value + 1.0);
        Some(mine)
    }
    *MINE.lock().unwrap() = Some(ArrayMut::filled(LONG, 7.0).unwrap());
    let builder = Pool::builder().workers(1).start_method(StartMethod::Fork);
    let mut pool = builder.start().unwrap();
    // This process goes on, and its memory may be used again.
    MINE.lock().unwrap().as_mut().unwrap().fill(0.0);
    *MINE.lock().unwrap() = None;
    let other = ArrayMut::filled(LONG, 9.0).unwrap();
    let copy = pool.run(mine(7.0)).unwrap().unwrap();
    assert!(copy.iter().all(|&value| value == 8.0));
    assert!(
        other.iter().all(|&value| value == 9.0),
        "the worker wrote here"
    );
}

pub(crate) fn memory_is_handed_over_and_returned() {
    pools(|pool| {
        for len in [0, 1, 1000, LONG] {
            let values = ArrayMut::from_fn(len, |n| n as f64).unwrap();
            let doubled = pool.run(double(values)).unwrap();
            assert!(
                doubled
                    .iter()
                    .enumerate()
                    .all(|(n, &value)| value == 2.0 * n as f64)
            );
            let frozen = doubled.freeze();
            let expected: f64 = frozen.iter().sum();
            assert_eq!(pool.run(total(frozen.clone())).unwrap(), expected);
            assert_eq!(
                pool.run(total(frozen.slice(len / 3..len / 2))).unwrap(),
                frozen[len / 3..len / 2].iter().sum::<f64>()
            );
            let made = pool.run(filled(len, 0.5)).unwrap();
            assert_eq!(pool.run(total(made)).unwrap(), len as f64 * 0.5);
        }
    });
}

pub(crate) fn a_worker_keeps_and_returns_parts() {
    pools(|pool| {
        let values = ArrayMut::filled(2 * LONG, 3.0).unwrap();
        let low = pool.run(keep_half(values)).unwrap();
        for n in 0..10 {
            drop(ArrayMut::filled(LONG, n as f64).unwrap());
            drop(pool.run(filled(LONG, n as f64)).unwrap());
        }
        let high = pool.run(kept()).unwrap().unwrap();
        assert!(low.iter().chain(high.iter()).all(|&value| value == 3.0));
        assert!(pool.run(kept()).unwrap().is_none());
    });
}

pub(crate) fn parts_in_the_wrong_order_are_given_back() {
    let array = ArrayMut::filled(LONG, 1.0).unwrap();
    let parts = array.split(LONG / 2);
    let mut pool = Pool::builder()
        .workers(1)
        .start_method(StartMethod::InProcess)
        .start()
        .unwrap();
    let mut parts = parts.into_iter();
    let (first, second) = (parts.next().unwrap(), parts.next().unwrap());
    let back = pool.run(double(first)).unwrap();
    let error = ArrayMut::join([second, back]).unwrap_err();
    assert_eq!(error.parts.len(), 2);
    assert_eq!(handoff::Error::from(error).kind(), ErrorKind::Misuse);
}

pub(crate) fn an_initializer_takes_no_arrays() {
    let call = total(Array::from_vec(vec![1.0; LONG]).unwrap());
    let error = Pool::builder().initializer(call).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Arguments);
}
