//! What was kept comes back, and only to the job that it belongs to.

use super::*;
use crate::shards::State;
use dataset::{Column, Kind, Order, Scalar};
use std::sync::atomic::{AtomicBool, Ordering};
use worker::sum::Summer;

fn shard(path: &str, records: u64) -> Shard {
    Shard {
        path: PathBuf::from(path),
        records,
        state: State {
            layout: "<f8".to_owned(),
            size: 128 + 8 * records,
            mtime_ns: 1,
            inode: 2,
        },
    }
}

fn question() -> Question {
    Question {
        task: "nansum".to_owned(),
        field: Some("val".to_owned()),
    }
}

/// The partial sum of `records` records, each `value`.
fn partial(value: f64, records: usize) -> Partial {
    let mut summer = Summer::new(&Column {
        offset: 0,
        stride: 8,
        scalar: Scalar::new(Kind::F8, Order::Little),
    });
    summer.add(&value.to_le_bytes().repeat(records));
    summer.finish()
}

fn message<T: std::fmt::Debug>(read: Result<T, CheckpointError>) -> String {
    read.unwrap_err().to_string()
}

#[test]
fn what_two_starts_kept_is_there_for_the_third() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("new/checkpoint");
    let shards = [shard("a", 10), shard("b", 10)];
    assert_eq!(read(&dir, &question(), &shards).unwrap().records(), 0);

    let mut first = Keeper::new(&dir, 1, 0, question()).unwrap();
    first.keep(&shards[0], 0..4, &partial(0.1, 4)).unwrap();
    first.keep(&shards[0], 4..6, &partial(f64::NAN, 2)).unwrap();
    let mut second = Keeper::new(&dir, 2, 0, question()).unwrap();
    second.keep(&shards[1], 5..10, &partial(0.2, 5)).unwrap();
    fs::write(dir.join(".writing-dead"), "half").unwrap();

    let done = read(&dir, &question(), &shards).unwrap();
    assert_eq!(done.ranges.concat(), [0..6, 5..10]);
    assert_eq!(done.records(), 11);
    let mut expected = partial(0.1, 4);
    expected.merge(&partial(0.2, 5));
    expected.merge(&partial(f64::NAN, 2));
    assert_eq!(done.partial, expected);
    assert!(!dir.join(".writing-dead").exists());
}

#[test]
fn what_two_jobs_did_at_once_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let shards = [shard("a", 10)];
    for start in 1..3 {
        let mut keeper = Keeper::new(dir.path(), start, 0, question()).unwrap();
        keeper
            .keep(&shards[0], 0..start * 4, &partial(1.0, start as usize * 4))
            .unwrap();
    }
    let done = read(dir.path(), &question(), &shards).unwrap();
    assert_eq!((done.records(), done.partial.value()), (4, 4.0));
}

/// One that starts removes what an earlier one has left half written, and so what another is writing.
#[test]
fn a_job_that_starts_ends_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let shards = [shard("a", 1000)];
    let mut keeper = Keeper::new(dir.path(), 1, 0, question()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let starts = scope.spawn(|| {
            // Not without end: each of them may remove the file that is being written.
            for _ in 0..20 {
                read(dir.path(), &question(), &shards).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(2));
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let kept: Result<(), CheckpointError> =
            (0..50).try_for_each(|at| keeper.keep(&shards[0], at..at + 1, &partial(1.0, 1)));
        done.store(true, Ordering::Relaxed);
        starts.join().unwrap();
        kept.unwrap();
    });
    let done = read(dir.path(), &question(), &shards).unwrap();
    assert_eq!(done.records(), 50);
}

#[test]
fn what_belongs_to_another_job_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let shards = [shard("a", 10)];
    let mut keeper = Keeper::new(dir.path(), 1, 0, question()).unwrap();
    keeper.keep(&shards[0], 0..4, &partial(0.1, 4)).unwrap();

    let other = Question {
        field: Some("index".to_owned()),
        ..question()
    };
    let refused = message(read(dir.path(), &other, &shards));
    assert!(refused.contains("nansum of field val"), "{refused}");
    let refused = message(read(dir.path(), &question(), &[shard("b", 10)]));
    assert!(refused.contains("no dataset of this job"), "{refused}");
    let mut changes = [shard("a", 10), shard("a", 10), shard("a", 10)];
    changes[0].state.mtime_ns += 1;
    changes[1].state.inode += 1;
    changes[2].state.layout = ">f8".to_owned();
    for changed in changes {
        let refused = message(read(dir.path(), &question(), &[changed]));
        assert!(refused.contains("was changed since"), "{refused}");
    }
}

#[test]
fn every_damaged_byte_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let shards = [shard("a", 10)];
    let mut keeper = Keeper::new(dir.path(), 1, 0, question()).unwrap();
    keeper.keep(&shards[0], 0..4, &partial(0.1, 4)).unwrap();
    let whole = fs::read(&keeper.path).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&keeper.path, &damaged).unwrap();
        let refused = message(read(dir.path(), &question(), &shards));
        assert!(refused.contains("is damaged"), "byte {at}: {refused}");
        fs::write(&keeper.path, &whole[..at]).unwrap();
        read(dir.path(), &question(), &shards).unwrap_err();
    }
}

#[test]
fn a_partial_of_other_records_than_it_says_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let shards = [shard("a", 10)];
    for (records, values) in [(0..4, 3), (8..12, 4), (4..4, 0)] {
        let mut keeper = Keeper::new(dir.path(), 1, 0, question()).unwrap();
        keeper
            .keep(&shards[0], records, &partial(1.0, values))
            .unwrap();
        let refused = message(read(dir.path(), &question(), &shards));
        assert!(refused.contains("is damaged"), "{refused}");
    }
}
