//! Tables of arrays: what a worker says beside its results, and what a coordinator says beside its calls.

use crate::gauge::bounded;
use crate::pieces::pieces;
use shmem::Arena;
use std::sync::{Mutex, PoisonError};
use task::arrays::{Table, coordinator, decode, encode, with_incoming, worker};
use task::{Array, ArrayMut};
use wire::{ArrayEntry, CallArrays, ResultArrays};

/// Bytes of a worker's arena.
const ARENA: u64 = 1 << 20;
/// Elements of arrays that are long enough to be shared.
const LONG: usize = 40_000;
/// The arenas of others that a worker was sent: one to read, one to write.
const TO_READ: u32 = 7;
const TO_WRITE: u32 = 8;

/// The books are the process's.
static ALONE: Mutex<()> = Mutex::new(());

/// The first byte says who is hostile; each piece is what that one says next.
pub(crate) fn run(input: &[u8]) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((&who, input)) = input.split_first() else {
        return;
    };
    bounded(64 * 1024 + 256 * input.len() + 1024 * 1024, || {
        match who % 2 {
            0 => hostile_worker(input),
            _ => hostile_coordinator(input),
        }
    });
}

/// Arrays that were received, and what is in them.
#[derive(Default)]
struct Received {
    frozen: Vec<(Array<u8>, Vec<u8>)>,
    unique: Vec<(ArrayMut<u8>, u8)>,
    next: u8,
}

impl Received {
    /// Takes every array of a table out, and writes those that can be written.
    fn take(&mut self, entries: &[ArrayEntry], table: Table) {
        let mutable = |entry: &ArrayEntry| match *entry {
            ArrayEntry::Shared(range) => range.mutable,
            ArrayEntry::Bytes { mutable, .. } => mutable,
        };
        let take = |_: &[u8]| {
            for (index, entry) in entries.iter().enumerate() {
                let index =
                    postcard::to_stdvec(&(index as u32)).map_err(|error| error.to_string())?;
                if mutable(entry) {
                    if let Ok(array) = postcard::from_bytes::<ArrayMut<u8>>(&index) {
                        self.unique.push((array, 0));
                    }
                } else if let Ok(array) = postcard::from_bytes::<Array<u8>>(&index) {
                    self.frozen.push((array, Vec::new()));
                }
            }
            Ok(())
        };
        let taken = with_incoming(table, || decode(&[], take));
        // Arrays that travel as bytes are cut off.
        drop(taken);
        for (array, value) in &mut self.unique {
            if *value == 0 {
                self.next = self.next % 250 + 1;
                *value = self.next;
                let end = array.len().min(256);
                array[..end].fill(*value);
            }
        }
        for (array, bytes) in &mut self.frozen {
            if bytes.is_empty() {
                *bytes = array[..array.len().min(256)].to_vec();
            }
        }
        // So that little of the arenas is kept.
        self.frozen.drain(..self.frozen.len().saturating_sub(8));
        self.unique.drain(..self.unique.len().saturating_sub(8));
    }

    /// Nothing has changed under its holder.
    fn check(&self) {
        for (array, bytes) in &self.frozen {
            assert_eq!(array[..bytes.len()], bytes[..], "an Array has changed");
        }
        for (array, value) in &self.unique {
            let end = array.len().min(256);
            let is_ours = array[..end].iter().all(|found| found == value);
            assert!(is_ours, "an ArrayMut has another owner");
        }
    }
}

fn hostile_worker(input: &[u8]) {
    let Ok(member) = coordinator::Member::new(false, ARENA) else {
        return;
    };
    coordinator::install();
    let given = Array::from_vec(vec![7; LONG]).expect("an arena has room");
    let mine = ArrayMut::filled(LONG, 9u8).expect("an arena has room");
    let handed = ArrayMut::filled(LONG, 8u8).expect("an arena has room");
    let (args, table) = encode(|| postcard::to_stdvec(&(&given, &handed)));
    let mut args = args.expect("arrays can be encoded");
    drop(handed);
    let opened = coordinator::open(table, true, &mut args).expect("nobody else holds it");
    let mut call = opened.send(&member).expect("the worker lives");
    let own = member.own_arena().ok().flatten();
    let mut regions: Vec<u32> = own.iter().map(|arena| arena.region).collect();
    regions.extend(opened.entries().iter().filter_map(|entry| match entry {
        ArrayEntry::Shared(range) => Some(range.region),
        ArrayEntry::Bytes { .. } => None,
    }));
    let mut received = Received::default();
    for piece in pieces(input).take(64) {
        let Ok(mut said) = ResultArrays::from_bytes(piece) else {
            continue;
        };
        name_regions(&mut said, &regions);
        match member.finished(call, &said) {
            Ok(table) => {
                call = None;
                received.take(&said.entries, table);
            }
            // It is killed.
            Err(_violated) => break,
        }
        received.check();
        assert!(
            given.iter().all(|&value| value == 7),
            "an argument has changed"
        );
        assert!(
            mine.iter().all(|&value| value == 9),
            "another's array has changed"
        );
    }
    received.check();
    drop((opened, member));
    received.check();
    drop((received, given, mine));
    assert_eq!(coordinator::held_bytes(), 0, "something is still held");
}

/// Regions are numbered by the process, for all inputs. In an input the first numbers stand for those that
/// there are.
fn name_regions(said: &mut ResultArrays, regions: &[u32]) {
    let shared = said.entries.iter_mut().filter_map(|entry| match entry {
        ArrayEntry::Shared(range) => Some(range),
        ArrayEntry::Bytes { .. } => None,
    });
    let ranges = shared.chain(&mut said.retained).chain(&mut said.released);
    for range in ranges {
        if let Some(&region) = regions.get(range.region as usize) {
            range.region = region;
        }
    }
}

fn hostile_coordinator(input: &[u8]) {
    let arena = || Arena::create(ARENA).expect("an arena");
    let (own, read, write) = (arena(), arena(), arena());
    let writer = |arena: &Arena| arena.writer().try_clone_to_owned().expect("a descriptor");
    worker::install(0, ARENA, writer(&own));
    worker::attach(TO_READ, ARENA, read.reader().expect("a descriptor"));
    worker::attach(TO_WRITE, ARENA, writer(&write));
    let mine = ArrayMut::filled(LONG, 9u8).expect("the arena has room");
    let mut received = Received::default();
    for piece in pieces(input).take(64) {
        let Ok(beside) = CallArrays::from_bytes(piece) else {
            continue;
        };
        let Ok(table) = worker::incoming(&beside) else {
            break;
        };
        received.frozen.clear();
        received.take(&beside.entries, table);
        received.check();
        let said = worker::report(Table::default(), &mut Vec::new());
        let said = said.expect("nothing is handed over").to_bytes();
        ResultArrays::from_bytes(&said).expect("what is said can be understood");
        assert!(
            mine.iter().all(|&value| value == 9),
            "the worker's own array has changed"
        );
    }
    drop((received, mine));
    coordinator::install();
}
