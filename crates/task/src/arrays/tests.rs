//! Coordinator and worker in one process, with both books and two mappings of each arena.

use super::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::sync::{Mutex, MutexGuard, PoisonError};
use wire::{ArrayEntry, CallArrays, ResultArrays};

mod tables;
mod traffic;

/// The books are the process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// A worker that shares memory with this process, which is its coordinator.
struct Pair {
    member: Option<coordinator::Member>,
    _alone: MutexGuard<'static, ()>,
}

/// Long enough to be shared: elements of 8 bytes.
const LONG: usize = SHARED_BYTES / 8;

impl Pair {
    fn new(arena_bytes: u64) -> Pair {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let member = coordinator::Member::new(false, arena_bytes).unwrap();
        let own = member.own_arena().unwrap().unwrap();
        worker::install(own.region, own.size, own.fd);
        coordinator::install();
        Pair {
            member: Some(member),
            _alone: alone,
        }
    }

    /// What happens to a call on its way there and back.
    fn call<A, R>(&self, args: A, task: impl FnOnce(A) -> Result<R, String>) -> Result<R, String>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        let (blob, opened, beside) = self.send(args)?;
        let (blob, said) = run::<A, R>(&blob, &beside, task);
        let number = opened.1;
        let member = self.member.as_ref().unwrap();
        let said = ResultArrays::from_bytes(&said).unwrap();
        let table = member
            .finished(number, &said)
            .map_err(|error| error.to_string())?;
        drop(opened);
        let blob = blob?;
        with_incoming(table, || decode(&blob, |value| from_bytes(value))).0
    }

    #[expect(clippy::type_complexity, reason = "the parts of a call on its way")]
    fn send<A: Serialize>(
        &self,
        args: A,
    ) -> Result<(Vec<u8>, (coordinator::Opened, Option<u64>), Vec<u8>), String> {
        let member = self.member.as_ref().unwrap();
        let (blob, table) = encode(|| postcard::to_stdvec(&args).unwrap());
        let mut blob = blob;
        drop(args);
        let opened =
            coordinator::open(table, true, &mut blob).map_err(|error| error.to_string())?;
        for arena in opened.missing(member).unwrap() {
            worker::attach(arena.region, arena.size, arena.fd);
        }
        let number = opened.send(member).unwrap();
        let beside = member.beside_call(opened.entries());
        Ok((blob, (opened, number), beside.to_bytes()))
    }

    fn dies(&mut self) {
        self.member = None;
    }

    /// The worker has died, and another takes its place.
    fn replace(&mut self) {
        self.member = None;
        let member = coordinator::Member::new(false, 128 << 20).unwrap();
        let own = member.own_arena().unwrap().unwrap();
        worker::install(own.region, own.size, own.fd);
        coordinator::install();
        self.member = Some(member);
    }
}

fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    postcard::from_bytes(bytes).map_err(|error| error.to_string())
}

/// The worker's part: the encoded output or why there is none, and what it says beside it.
fn run<A, R>(
    blob: &[u8],
    beside: &[u8],
    task: impl FnOnce(A) -> Result<R, String>,
) -> (Result<Vec<u8>, String>, Vec<u8>)
where
    A: DeserializeOwned,
    R: Serialize,
{
    worker::allocate_here();
    let incoming = worker::incoming(&CallArrays::from_bytes(beside).unwrap()).unwrap();
    let (ran, outgoing) = with_incoming(incoming, || {
        let args = decode(blob, |value| from_bytes(value))?;
        let output = task(args)?;
        let (value, table) = encode(|| postcard::to_stdvec(&output).unwrap());
        set_outgoing(table);
        Ok::<_, String>(value)
    });
    let outgoing = match ran {
        Ok(_) => outgoing,
        Err(_) => Table::default(),
    };
    let (mut output, failed) = match ran {
        Ok(output) => (output, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let (said, failed) = match worker::report(outgoing, &mut output) {
        Ok(said) => (said, failed),
        Err(held) => {
            output.clear();
            let said = worker::report(Table::default(), &mut output).unwrap();
            (said, Some(held.to_string()))
        }
    };
    coordinator::install();
    (failed.map_or(Ok(output), Err), said.to_bytes())
}

fn ramp(from: usize, len: usize) -> Vec<u64> {
    (from..from + len).map(|n| n as u64).collect()
}

/// Page faults of this thread that needed no input or output.
fn faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let after_name = stat.rsplit(") ").next().unwrap();
    after_name.split(' ').nth(7).unwrap().parse().unwrap()
}

#[test]
fn memory_that_others_have_written_is_written_without_page_faults() {
    let pair = Pair::new(64 << 20);
    let array = ArrayMut::filled(1 << 20, 1_u64).unwrap();
    let write = |mut array: ArrayMut<u64>| {
        let before = faults();
        array.fill(2);
        Ok((faults() - before, array))
    };
    let (taken, array) = pair.call(array, write).unwrap();
    assert!(taken < 200, "{taken} faults for 2048 pages");
    assert!(array.iter().all(|&value| value == 2));
}

#[test]
fn arrays_go_there_and_back_without_copies() {
    let pair = Pair::new(64 << 20);
    let sent = Array::from_vec(ramp(0, LONG)).unwrap();
    let made = pair.call(sent.clone(), |got: Array<u64>| {
        assert_eq!(*got, ramp(0, LONG));
        ArrayMut::from_fn(LONG, |n| got[n] + 1).map_err(|error| error.to_string())
    });
    let mut made = made.unwrap();
    assert_eq!(*made, ramp(1, LONG));
    made[0] = 7;
    let address = made.as_ptr();
    let frozen = made.freeze();
    assert_eq!((frozen.as_ptr(), frozen[0]), (address, 7));
    let again = pair.call(frozen.slice(..LONG - 1), Ok).unwrap();
    assert_eq!((again.len(), again.as_ptr()), (LONG - 1, address));
    assert!(coordinator::held_bytes() >= 2 * SHARED_BYTES as u64);
    drop((sent, frozen, again));
    assert_eq!(coordinator::held_bytes(), 0);
}

#[test]
fn small_arrays_and_empty_ones_travel_as_bytes() {
    let pair = Pair::new(64 << 20);
    let small = ArrayMut::from_slice(&[1u16, 2, 3]).unwrap();
    let empty = Array::<f64>::default();
    let (blob, opened, beside) = pair.send((small, empty)).unwrap();
    let entries = opened.0.entries().to_vec();
    let bytes = |len, mutable| ArrayEntry::Bytes { len, mutable };
    assert_eq!(entries, [bytes(6, true), bytes(0, false)]);
    let (ran, _) = run(&blob, &beside, |(a, b): (ArrayMut<u16>, Array<f64>)| {
        Ok((a.to_vec(), b.len()))
    });
    assert_eq!(
        from_bytes::<(Vec<u16>, usize)>(&ran.unwrap()).unwrap(),
        (vec![1, 2, 3], 0)
    );
}

#[test]
fn parts_are_filled_apart_and_joined_whatever_their_size() {
    let pair = Pair::new(64 << 20);
    let parts = ArrayMut::<u64>::zeroed(LONG).unwrap().split(100);
    let filled = parts.into_iter().enumerate().map(|(n, part)| {
        pair.call((part, n), |(mut part, n): (ArrayMut<u64>, usize)| {
            for (k, value) in part.iter_mut().enumerate() {
                *value = (n * 100 + k) as u64;
            }
            Ok(part)
        })
        .unwrap()
    });
    let filled: Vec<_> = filled.collect();
    let all = ArrayMut::join(filled).unwrap();
    assert_eq!(*all, ramp(0, LONG));
    drop(all);
    assert_eq!(coordinator::held_bytes(), 0);
}

#[test]
fn parts_that_travelled_as_bytes_are_joined_by_a_copy() {
    let pair = Pair::new(64 << 20);
    // Private memory: it is short.
    let parts = ArrayMut::from_vec(ramp(0, 100)).unwrap().split(7);
    let back = parts
        .into_iter()
        .map(|part| pair.call(part, |part: ArrayMut<u64>| Ok(part)));
    let back: Vec<ArrayMut<u64>> = back.map(Result::unwrap).collect();
    assert_eq!(*ArrayMut::join(back).unwrap(), ramp(0, 100));
    // One of them is handed over.
    let mut parts = ArrayMut::from_vec(ramp(0, 100)).unwrap().split(40);
    let first = pair
        .call(parts.remove(0), |part: ArrayMut<u64>| Ok(part))
        .unwrap();
    parts.insert(0, first);
    assert_eq!(*ArrayMut::join(parts).unwrap(), ramp(0, 100));
    // None is: the order is known.
    let mut parts = ArrayMut::from_vec(ramp(0, 100)).unwrap().split(40);
    parts.swap(0, 1);
    assert_eq!(ArrayMut::join(parts).unwrap_err().parts.len(), 3);
}

#[test]
fn a_join_that_fails_gives_the_parts_back() {
    let _pair = Pair::new(64 << 20);
    let mut parts = ArrayMut::from_vec(ramp(0, LONG)).unwrap().split(LONG / 4);
    parts.swap(2, 3);
    parts.push(ArrayMut::from_slice(&[9]).unwrap());
    let error = ArrayMut::join(parts).unwrap_err();
    let mut parts = error.parts;
    assert_eq!(parts.iter().map(|part| part[0]).collect::<Vec<_>>()[4], 9);
    parts.pop();
    parts.swap(2, 3);
    assert_eq!(*ArrayMut::join(parts).unwrap(), ramp(0, LONG));
}

#[test]
fn memory_that_is_still_held_is_not_handed_over() {
    let pair = Pair::new(64 << 20);
    for len in [8, LONG] {
        let shared = std::sync::Arc::new(ArrayMut::<u64>::zeroed(len).unwrap());
        let refused = pair.send(shared.clone()).map(drop).unwrap_err();
        assert!(refused.contains("somebody holds it still"), "{refused}");
        let twice = pair.send((&*shared, &*shared)).map(drop);
        assert!(twice.is_err());
        assert_eq!(shared.len(), len);
        let first = pair.call(shared, |got: std::sync::Arc<ArrayMut<u64>>| Ok(got[0]));
        assert_eq!(first.unwrap(), 0);
    }
    // The same for outputs.
    static KEPT: Mutex<Option<std::sync::Arc<ArrayMut<u64>>>> = Mutex::new(None);
    let kept = pair.call((), |()| {
        let made = std::sync::Arc::new(ArrayMut::<u64>::filled(LONG, 4).unwrap());
        *KEPT.lock().unwrap() = Some(made.clone());
        Ok(made)
    });
    assert!(kept.unwrap_err().contains("somebody holds it still"));
    assert_eq!(KEPT.lock().unwrap().take().unwrap()[LONG - 1], 4);
    assert_eq!(coordinator::held_bytes(), 0);
}

#[test]
fn what_a_worker_keeps_is_not_used_again_until_it_lets_go() {
    let pair = Pair::new(64 << 20);
    let mut kept: Vec<Array<u64>> = Vec::new();
    let sent = Array::from_vec(ramp(5, LONG)).unwrap();
    let address = sent.as_ptr();
    pair.call(sent, |got: Array<u64>| {
        kept.push(got);
        Ok(())
    })
    .unwrap();
    assert!(coordinator::held_bytes() > 0);
    for _ in 0..10 {
        let other = Array::from_vec(ramp(0, LONG)).unwrap();
        assert_ne!(other.as_ptr(), address);
        assert_eq!(*kept[0], ramp(5, LONG));
    }
    kept.clear();
    pair.call((), |()| Ok(())).unwrap();
    assert_eq!(coordinator::held_bytes(), 0);
    let other = Array::from_vec(ramp(0, LONG)).unwrap();
    assert_eq!(other.as_ptr(), address);
}

#[test]
fn a_worker_may_keep_parts_of_what_it_was_handed_and_return_them_later() {
    let pair = Pair::new(64 << 20);
    let mut kept = Vec::new();
    let whole = ArrayMut::from_vec(ramp(0, 3 * LONG)).unwrap();
    let first = pair.call(whole, |got: ArrayMut<u64>| {
        kept = got.split(LONG);
        Ok(kept.remove(0))
    });
    assert_eq!(*first.unwrap(), ramp(0, LONG));
    // One part comes back, the other stays, as an `Array` now.
    let mut frozen = None;
    let second = pair.call((), |()| {
        frozen = kept.pop().map(ArrayMut::freeze);
        Ok(kept.remove(0))
    });
    assert_eq!(*second.unwrap(), ramp(LONG, LONG));
    let slice = pair
        .call((), |()| Ok(frozen.as_ref().unwrap().slice(1..LONG)))
        .unwrap();
    assert_eq!(*slice, ramp(2 * LONG + 1, LONG - 1));
    drop(frozen);
    assert_eq!(pair.call((), |()| Ok(3)), Ok(3));
    assert_eq!(*slice, ramp(2 * LONG + 1, LONG - 1));
    drop(slice);
    assert_eq!(coordinator::held_bytes(), 0);
}

#[test]
fn results_outlive_their_worker_and_a_failed_task_frees_what_it_was_given() {
    let mut pair = Pair::new(64 << 20);
    let made = pair
        .call((), |()| Ok(Array::from_vec(ramp(3, LONG)).unwrap()))
        .unwrap();
    let given = ArrayMut::<u64>::zeroed(LONG).unwrap();
    let failed: Result<(), _> = pair.call(given, |_: ArrayMut<u64>| Err("no".to_owned()));
    assert_eq!(failed, Err("no".to_owned()));
    let opened = pair.send(ArrayMut::<u64>::zeroed(LONG).unwrap()).unwrap().1;
    drop(opened.0);
    assert!(
        coordinator::held_bytes() > SHARED_BYTES as u64,
        "the worker may be using it"
    );
    pair.dies();
    assert_eq!(coordinator::held_bytes(), SHARED_BYTES as u64);
    assert_eq!(*made, ramp(3, LONG));
    drop(made);
    assert_eq!(coordinator::held_bytes(), 0);
}

#[test]
fn an_arena_that_is_full_is_an_error_in_the_task() {
    let pair = Pair::new(4 * SHARED_BYTES as u64);
    let mut results = Vec::new();
    let error = loop {
        let made = pair.call((), |()| {
            ArrayMut::<u64>::zeroed(LONG).map_err(|error| error.to_string())
        });
        match made {
            Ok(made) => results.push(made),
            Err(error) => break error,
        }
    };
    assert_eq!(results.len(), 4);
    assert!(
        error.contains("arena full") && error.contains("arena_bytes"),
        "{error}"
    );
    results.pop();
    let made = pair.call((), |()| Ok(ArrayMut::<u64>::zeroed(LONG).is_ok()));
    assert_eq!(made, Ok(true));
}
