//! Memory that many tasks share: made from slices, files and what is inherited.

use crate::tasks::{Sum, registry};
use pool::{Input, Pool, Region, RegionError, Shared, StartMethod, TaskFailure};
use std::io::Write;

const LEN: u64 = 10_000;

fn sums(pool: &mut Pool, array: Shared<u64>) -> u64 {
    let handles: Vec<_> = array
        .chunks(999)
        .map(|input| pool.submit::<Sum>(&(), input).unwrap())
        .collect();
    assert_eq!(handles.len(), 11);
    let sums = handles.into_iter().map(|handle| pool.wait(handle).unwrap());
    sums.sum()
}

fn start(method: StartMethod) -> Pool {
    let builder = Pool::builder(method).tasks(registry()).workers(2);
    builder.start().unwrap()
}

pub(crate) fn an_array_is_shared_by_many_tasks(method: StartMethod) {
    let mut pool = start(method);
    let numbers: Vec<u64> = (0..LEN).collect();
    let array = pool.share(&numbers).unwrap();
    assert_eq!(sums(&mut pool, array), LEN * (LEN - 1) / 2);

    let middle = pool.submit::<Sum>(&(), array.input(10..=12)).unwrap();
    assert_eq!(pool.wait(middle).unwrap(), 33);
    let inline = pool
        .submit::<Sum>(&(), Input::of_elements(&[1u64, 2]))
        .unwrap();
    assert_eq!(pool.wait(inline).unwrap(), 3);
    // Half a number is the caller's mistake, and no reason for the worker to go.
    let ragged = Input::Slice {
        region: array.region(),
        offset: 0,
        len: 12,
    };
    let ragged = pool.submit::<Sum>(&(), ragged).unwrap();
    let failure = pool.wait(ragged).unwrap_err();
    assert!(matches!(failure, TaskFailure::Failed(_)), "{failure}");

    pool.detach(array.region());
    assert!(pool.submit::<Sum>(&(), array.input(..)).is_err());
    let empty = pool.share::<u64>(&[]).unwrap();
    let nothing = pool.submit::<Sum>(&(), empty.input(..)).unwrap();
    assert_eq!(pool.wait(nothing).unwrap(), 0);
    assert_eq!(pool.counters().died, 0);
}

pub(crate) fn a_file_is_mapped_or_copied(method: StartMethod) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for number in 0..LEN {
        file.write_all(&number.to_ne_bytes()).unwrap();
    }
    let mut pool = start(method);
    let mapped = pool.share_file(file.path()).unwrap();
    let copy = Region::from_file(file.path()).unwrap();
    let copied = Shared::new(pool.attach(copy.clone()), &copy).unwrap();
    for array in [mapped, copied] {
        assert_eq!(sums(&mut pool, array), LEN * (LEN - 1) / 2);
    }
    // What was copied is safe from what happens to the file.
    file.as_file().set_len(0).unwrap();
    assert_eq!(sums(&mut pool, copied), LEN * (LEN - 1) / 2);

    file.write_all(b"odd").unwrap();
    let odd = pool.share_file::<u64>(file.path());
    assert!(matches!(odd, Err(RegionError::Ragged { .. })), "{odd:?}");
    let missing = pool.share_file::<u64>("/nowhere/at/all").unwrap_err();
    assert!(missing.to_string().contains("/nowhere/at/all"), "{missing}");
}

pub(crate) fn memory_is_inherited_by_forked_workers_only(method: StartMethod) {
    let forks = matches!(method, StartMethod::Fork);
    let numbers: Vec<u64> = (0..LEN).collect();
    let builder = Pool::builder(method).tasks(registry()).workers(2);
    let (builder, array) = builder.inherit(numbers);
    let mut pool = builder.start().unwrap();
    if forks {
        assert_eq!(sums(&mut pool, array), LEN * (LEN - 1) / 2);
    } else {
        let handle = pool.submit::<Sum>(&(), array.input(..)).unwrap();
        let failure = pool.wait(handle).unwrap_err().to_string();
        assert!(failure.contains("inherited no such region"), "{failure}");
    }
}
