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

fn pools(mut run: impl FnMut(&mut Pool)) {
    for method in super::methods() {
        let builder = Pool::builder().workers(1).start_method(method.clone());
        let mut pool = builder
            .start()
            .unwrap_or_else(|error| panic!("{method:?}: {error}"));
        run(&mut pool);
        drop(pool);
    }
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
