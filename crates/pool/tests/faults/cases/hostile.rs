//! Workers that lie, flood, stall and interfere: each costs its own task only.

use crate::hostile::{AFTER_READY, BEFORE_READY, HIDES_MEMORY};
use crate::pools::{Pools, assert_works, died};
use crate::tasks::{Babble, Die, Double, Flood, LeaveFlood, Sleep, Stall, Way};
use pool::{Carrier, Ending, Handle, Pool, Program, TaskFailure};
use std::time::Duration;
use wire::{ArrayEntry, ArrayRange, FromWorker, Memory, ResultArrays};

/// How long a task may take: what stalls or floods is ended by this alone.
const LIMIT: Duration = Duration::from_millis(500);

fn frame(message: &FromWorker<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    wire::encode(message, &mut frame).unwrap();
    frame
}

fn done(id: u64) -> Vec<u8> {
    frame(&FromWorker::Done {
        id,
        output: &[],
        began_ns: 1,
        computed_ns: 2,
        memory: None,
        arrays: &[],
    })
}

fn doubles(pool: &mut Pool, count: u64) -> Vec<Handle<u64>> {
    (0..count)
        .map(|number| pool.submit::<Double>(&number, ()).unwrap())
        .collect()
}

/// Asserts that all were answered, and right.
fn assert_doubled(pool: &mut Pool, handles: Vec<Handle<u64>>) {
    for (number, handle) in (0..).zip(handles) {
        assert_eq!(pool.wait(handle).unwrap(), 2 * number);
    }
}

/// Workers whose answers come over the socket, where garbage is in their place.
fn by_socket(pools: &Pools, retries: u32) -> Pool {
    let builder = pools.builder(2).retries(retries);
    builder.carrier(Carrier::Socket).start().unwrap()
}

/// Beside a lane, garbage ends the worker, and results that are in the lane are results.
pub(crate) fn nonsense_beside_a_lane(pools: &Pools) {
    // A harmless task that follows garbage at once is charged with the end of its worker, each time.
    let mut pool = pools.builder(2).retries(30).start().unwrap();
    let garbage: [&[u8]; 3] = [&[0xff; 8], &[2, 0, 0, 0, 250, 250], &[1, 0, 0, 0, 8]];
    for bytes in garbage {
        let babble = pool.submit::<Babble>(&bytes.to_vec(), ()).unwrap();
        let harmless = doubles(&mut pool, 100);
        assert_doubled(&mut pool, harmless);
        pool.wait(babble).unwrap();
    }
    for _ in 0..5 {
        // An output that goes with no call, or not with this one.
        for id in [pool.next_task_id(), 999_999] {
            let babble = pool.submit::<Babble>(&done(id), ()).unwrap();
            let harmless = doubles(&mut pool, 50);
            assert_doubled(&mut pool, harmless);
            let _ = pool.wait(babble);
        }
    }
    assert_works(&mut pool);
}

pub(crate) fn lies_about_lengths(pools: &Pools) {
    let mut pool = by_socket(pools, 0);
    let lies: [&[u8]; 6] = [
        // A frame of 4 GiB, and one that is a byte too long.
        &[0xff, 0xff, 0xff, 0xff],
        &[1, 0, 0x11, 0],
        // An output, and a list, that are longer than their body.
        &[7, 0, 0, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, 0x0f],
        &[6, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f],
        // A length of more than 64 bits.
        &[
            12, 0, 0, 0, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1,
        ],
        // Bytes behind the end of a message.
        &[9, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    for (number, lie) in (1..).zip(lies) {
        let harmless = doubles(&mut pool, 30);
        let liar = pool.submit::<Babble>(&lie.to_vec(), ()).unwrap();
        let certificate = died(pool.wait(liar));
        let reason = certificate.reason.as_deref().unwrap_or_default();
        assert!(
            reason.contains("violated the protocol"),
            "{lie:?}: {certificate}"
        );
        assert_doubled(&mut pool, harmless);
        assert_eq!(pool.counters().failed, number, "nobody else's task");
    }
    assert_works(&mut pool);
}

/// What a worker says of arrays is checked against the books, whether it shares memory or not.
pub(crate) fn lies_about_arrays(pools: &Pools) {
    let range = |region, offset, len| ArrayRange {
        region,
        offset,
        len,
        mutable: true,
    };
    let entries = |range| ResultArrays {
        entries: vec![ArrayEntry::Shared(range)],
        ..ResultArrays::default()
    };
    let released = ResultArrays {
        released: vec![range(0, 0, 4096)],
        ..ResultArrays::default()
    };
    let lies = [
        vec![9, 9, 9],
        entries(range(u32::MAX, 0, 4096)).to_bytes(),
        entries(range(0, u64::MAX, 2)).to_bytes(),
        released.to_bytes(),
    ];
    let builder = pools.builder(2).retries(0).arena_bytes(1 << 20);
    let mut pool = builder.carrier(Carrier::Socket).start().unwrap();
    for arrays in lies {
        let id = pool.next_task_id();
        let lie = frame(&FromWorker::Done {
            id,
            output: &[],
            began_ns: 1,
            computed_ns: 2,
            memory: None,
            arrays: &arrays,
        });
        let liar = pool.submit::<Babble>(&lie, ()).unwrap();
        let harmless = doubles(&mut pool, 30);
        let certificate = died(pool.wait(liar));
        let reason = certificate.reason.as_deref().unwrap_or_default();
        assert!(
            reason.contains("violated the protocol"),
            "{arrays:?}: {certificate}"
        );
        assert_doubled(&mut pool, harmless);
    }
    assert_works(&mut pool);
}

pub(crate) fn a_stall_mid_frame(pools: &Pools) {
    let mut pool = pools.builder(2).task_timeout(LIMIT).start().unwrap();
    let half = done(0)[..5].to_vec();
    let stalled = pool.submit::<Stall>(&half, ()).unwrap();
    let harmless = doubles(&mut pool, 100);
    let result = pool.wait(stalled);
    assert!(
        matches!(result, Err(TaskFailure::TimedOut(_))),
        "{result:?}"
    );
    assert_doubled(&mut pool, harmless);
    assert_works(&mut pool);
    assert_eq!(pool.counters().failed, 1);
}

pub(crate) fn a_flood(pools: &Pools) {
    let messages = [
        FromWorker::Memory(Memory::default()),
        FromWorker::OutputPart(&[]),
    ];
    for message in messages {
        let mut pool = pools.builder(2).task_timeout(LIMIT).start().unwrap();
        let flood = pool.submit::<Flood>(&frame(&message), ()).unwrap();
        let harmless = doubles(&mut pool, 100);
        let result = pool.wait(flood);
        assert!(
            matches!(result, Err(TaskFailure::TimedOut(_))),
            "{result:?}"
        );
        assert_doubled(&mut pool, harmless);
        assert_works(&mut pool);
        assert_eq!(pool.counters().failed, 1);
    }
}

/// The first answer counts. The second may come when another task has begun, which runs again.
pub(crate) fn answers_twice(pools: &Pools) {
    let mut pool = by_socket(pools, 1);
    for _ in 0..5 {
        let bytes = done(pool.next_task_id());
        let twice = pool.submit::<Babble>(&bytes, ()).unwrap();
        pool.wait(twice).unwrap();
        let harmless = doubles(&mut pool, 50);
        assert_doubled(&mut pool, harmless);
    }
    assert_works(&mut pool);
    // A forkserver reports a death some time after.
    while pool.counters().died < 5 {
        pool.drive(Some(Duration::from_millis(50))).unwrap();
    }
    assert_eq!(pool.counters().failed, 0);
}

pub(crate) fn answers_for_others(pools: &Pools) {
    let mut pool = by_socket(pools, 0);
    let victim = pool.submit::<Sleep>(&300, ()).unwrap();
    pool.drive(Some(Duration::ZERO)).unwrap();
    let liar = pool.submit::<Babble>(&done(victim.id()), ()).unwrap();
    let certificate = died(pool.wait(liar));
    let reason = certificate.reason.as_deref().unwrap_or_default();
    assert!(
        reason.contains(&format!("task {}", victim.id())),
        "{reason}"
    );
    assert_ne!(pool.wait(victim).unwrap(), certificate.pid);
    assert_works(&mut pool);
    assert_eq!(pool.counters().failed, 1);
}

/// One of two workers is a program that speaks for itself.
fn with_hostile(pools: &Pools, mode: &str, start: u32) -> (Pool, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::current()
        .unwrap()
        .arg("--hostile")
        .arg(mode)
        .arg(start.to_string())
        .arg(directory.path());
    let pool = Pool::builder(pools.with_program(program))
        .workers(2)
        .retries(1)
        .task_timeout(LIMIT)
        .start_timeout(Duration::from_secs(2))
        .output_bound(1 << 20)
        .grace(Duration::from_millis(500))
        .start()
        .unwrap();
    (pool, directory)
}

pub(crate) fn programs_that_go_wrong(pools: &Pools) {
    if !pools.is_spawn() {
        return;
    }
    for mode in AFTER_READY {
        let (mut pool, _directory) = with_hostile(pools, mode, 1);
        // More than a socket holds, for the one that does not read.
        let large = vec![1; 16 << 20];
        let streamed = ["stops-reading"].contains(mode).then(|| {
            (0..2)
                .map(|_| pool.submit::<Double>(&0, large.clone()).unwrap())
                .collect::<Vec<_>>()
        });
        let handles = doubles(&mut pool, 100);
        let mut wrong = 0;
        for (number, handle) in (0..).zip(handles) {
            match pool.wait(handle) {
                Ok(doubled) if doubled == 2 * number => {}
                // The answer to its own task is a worker's to give.
                Ok(99) => wrong += 1,
                Err(TaskFailure::TimedOut(_) | TaskFailure::OutputTooLong(_)) => wrong += 1,
                other => panic!("{mode}: task {number}: {other:?}"),
            }
        }
        for handle in streamed.into_iter().flatten() {
            wrong += u32::from(pool.wait(handle).is_err());
        }
        assert!(wrong <= 1, "{mode}: {wrong} tasks lost");
        while pool.counters().died < 1 {
            pool.drive(Some(Duration::from_millis(50))).unwrap();
        }
        assert_works(&mut pool);
    }
}

/// The pool is up when one of them is started in place of another.
pub(crate) fn programs_that_do_not_greet(pools: &Pools) {
    if !pools.is_spawn() {
        return;
    }
    for mode in BEFORE_READY {
        let (mut pool, _directory) = with_hostile(pools, mode, 3);
        let deadly = pool.submit::<Die>(&Way::Exit(1), ()).unwrap();
        assert_eq!(died(pool.wait(deadly)).deaths, 2, "{mode}");
        let harmless = doubles(&mut pool, 100);
        assert_doubled(&mut pool, harmless);
        while pool.counters().died < 3 {
            pool.drive(Some(Duration::from_millis(50))).unwrap();
        }
        assert_works(&mut pool);
        assert_eq!(pool.counters().failed, 1, "{mode}");
    }
}

pub(crate) fn a_worker_that_hides_its_memory(pools: &Pools) {
    if !pools.is_spawn() {
        return;
    }
    let (mut pool, _directory) = with_hostile(pools, HIDES_MEMORY, 1);
    assert_eq!(pool.memory().unwrap().len(), 1);
}

/// What a dead worker leaves behind may hold its socket and send indefinitely.
pub(crate) fn a_flooding_grandchild(pools: &Pools) {
    let mut pool = pools.builder(1).retries(0).start().unwrap();
    let bytes = frame(&FromWorker::Memory(Memory::default()));
    let handle = pool.submit::<LeaveFlood>(&bytes, ()).unwrap();
    let certificate = died(pool.wait(handle));
    assert_eq!(certificate.ending, Ending::Exit(7), "{certificate}");
    assert_works(&mut pool);
}
