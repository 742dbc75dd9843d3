//! The end of a pool: every handle has its result, and nothing is left.

use crate::pools::{Pools, assert_works};
use crate::tasks::{Double, GetPid, LeaveGrandchild, Sleep, is_alive};
use pool::{Shutdown, TaskFailure};
use std::time::{Duration, Instant};

const FOR_EVER_MS: u64 = 1_000_000;

pub(crate) fn drain_answers_everything(pools: &Pools) {
    let mut pool = pools.start(2);
    let mut handles: Vec<_> = (0..1_000u64)
        .map(|number| pool.submit::<Double>(&number, ()).unwrap())
        .collect();
    let mut slow = pool.submit::<Sleep>(&100, ()).unwrap();
    pool.shutdown(Shutdown::Drain).unwrap();
    for (number, handle) in (0..).zip(&mut handles) {
        assert_eq!(handle.try_take().unwrap().unwrap(), 2 * number);
    }
    slow.try_take().unwrap().unwrap();
}

pub(crate) fn now_resolves_all(pools: &Pools) {
    let mut pool = pools.start(2);
    assert_works(&mut pool);
    let mut handles: Vec<_> = (0..10)
        .map(|_| pool.submit::<Sleep>(&FOR_EVER_MS, ()).unwrap())
        .collect();
    pool.drive(Some(Duration::ZERO)).unwrap();
    pool.shutdown(Shutdown::Now).unwrap();
    for handle in &mut handles {
        let result = handle.try_take().unwrap();
        assert!(matches!(result, Err(TaskFailure::ShutDown)), "{result:?}");
    }
}

pub(crate) fn dropped_while_busy(pools: &Pools) {
    let mut pool = pools.start(2);
    let pid = pool.submit::<GetPid>(&(), ()).unwrap();
    let pid = pool.wait(pid).unwrap();
    let mut handles: Vec<_> = (0..10)
        .map(|_| pool.submit::<Sleep>(&FOR_EVER_MS, ()).unwrap())
        .collect();
    pool.drive(Some(Duration::ZERO)).unwrap();
    drop(pool);
    for handle in &mut handles {
        let result = handle.try_take().unwrap();
        assert!(matches!(result, Err(TaskFailure::ShutDown)), "{result:?}");
    }
    wait_until_gone(pid);
}

pub(crate) fn dropped_with_a_grandchild(pools: &Pools) {
    for how in [Some(Shutdown::Drain), Some(Shutdown::Now), None] {
        let mut pool = pools.start(2);
        let handle = pool.submit::<LeaveGrandchild>(&(), ()).unwrap();
        let grandchild = pool.wait(handle).unwrap();
        assert!(is_alive(grandchild));
        match how {
            Some(how) => pool.shutdown(how).unwrap(),
            None => drop(pool),
        }
        wait_until_gone(grandchild);
    }
}

/// SIGTERM comes first, and SIGKILL once the grace period is over.
pub(crate) fn deaf_to_sigterm(pools: &Pools) {
    let grace = Duration::from_millis(200);
    let mut pool = pools.builder(1).grace(grace).start().unwrap();
    let handle = pool.submit::<crate::tasks::Deaf>(&(), ()).unwrap();
    let pid = pool.wait(handle).unwrap();
    let mut handle = pool.submit::<Sleep>(&FOR_EVER_MS, ()).unwrap();
    pool.drive(Some(Duration::ZERO)).unwrap();
    let began = Instant::now();
    pool.shutdown(Shutdown::Now).unwrap();
    assert!(began.elapsed() >= grace);
    assert!(matches!(
        handle.try_take(),
        Some(Err(TaskFailure::ShutDown))
    ));
    wait_until_gone(pid);
}

/// Killed processes that are not ours may take a moment.
fn wait_until_gone(pid: u32) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_alive(pid) {
        assert!(Instant::now() < deadline, "process {pid} lives on");
        std::thread::sleep(Duration::from_millis(1));
    }
}
