//! Workers that die: their tasks are retried, up to a limit.

use crate::pools::{Pools, a_pid, assert_works, died};
use crate::tasks::{
    Babble, CloseSocket, Die, DieOnce, Double, FloodStderr, LeaveGrandchild, Sleep, Way, is_alive,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pool::{Carrier, Ending, Pool, TaskFailure};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid as i32), signal).unwrap();
}

/// Runs a deadly task among harmless ones, which are to be answered.
fn die(pool: &mut Pool, way: Way) -> pool::Certificate {
    let before: Vec<_> = (0..20)
        .map(|number| pool.submit::<Double>(&number, ()).unwrap())
        .collect();
    let deadly = pool.submit::<Die>(&way, ()).unwrap();
    let after: Vec<_> = (20..40)
        .map(|number| pool.submit::<Double>(&number, ()).unwrap())
        .collect();
    let id = deadly.id();
    let certificate = died(pool.wait(deadly));
    for (number, handle) in (0..).zip(before.into_iter().chain(after)) {
        assert_eq!(pool.wait(handle).unwrap(), 2 * number, "after {way:?}");
    }
    assert_eq!(certificate.task, Some(id));
    certificate
}

pub(crate) fn every_way_to_die(pools: &Pools) {
    let mut pool = pools.builder(2).retries(1).start().unwrap();
    let ways = [
        (Way::Exit(3), Ending::Exit(3)),
        (Way::Exit(0), Ending::Exit(0)),
        (Way::Signal(libc::SIGKILL), Ending::Signal(libc::SIGKILL)),
        (Way::Signal(libc::SIGTERM), Ending::Signal(libc::SIGTERM)),
        (Way::Abort, Ending::Signal(libc::SIGABRT)),
        (Way::Segv, Ending::Signal(libc::SIGSEGV)),
        (Way::OutOfMemory, Ending::Signal(libc::SIGABRT)),
        (Way::StackOverflow, Ending::Signal(libc::SIGSEGV)),
    ];
    for (number, (way, ending)) in (1..).zip(ways) {
        let certificate = die(&mut pool, way);
        // Rust's own handler of the overflow, where there is one, ends in an abort.
        let overflow = matches!(way, Way::StackOverflow);
        let aborted = certificate.ending == Ending::Signal(libc::SIGABRT);
        assert!(
            certificate.ending == ending || overflow && aborted,
            "{way:?}: {certificate}"
        );
        assert_eq!(certificate.deaths, 2, "{certificate}");
        assert!(certificate.worker.starts_with(pools.stem()) && certificate.pid != 0);
        assert_eq!(certificate.reason, None);
        let last_word = format!("dying by {way:?}");
        assert!(certificate.stderr.contains(&last_word), "{certificate}");
        assert!(certificate.to_string().contains(&last_word));
        let counters = pool.counters();
        assert_eq!(counters.failed, number);
        assert_eq!(counters.retried, number, "{way:?}");
        assert_eq!(counters.died, 2 * number, "{way:?}");
        assert_eq!(counters.done, 40 * number);
    }
    assert_works(&mut pool);
}

pub(crate) fn retries_are_counted(pools: &Pools) {
    for retries in [0, 2, 5] {
        let mut pool = pools.builder(2).retries(retries).start().unwrap();
        let certificate = die(&mut pool, Way::Exit(1));
        assert_eq!(certificate.deaths, retries + 1);
        assert_eq!(pool.counters().retried, u64::from(retries));
        assert_eq!(pool.counters().died, u64::from(retries) + 1);
        assert_works(&mut pool);
    }
}

pub(crate) fn a_second_try_succeeds(pools: &Pools) {
    let directory = tempfile::tempdir().unwrap();
    let mut pool = pools.start(2);
    let marker = directory.path().join("died");
    let handle = pool.submit::<DieOnce>(&marker, ()).unwrap();
    pool.wait(handle).unwrap();
    let counters = pool.counters();
    assert_eq!(
        (counters.retried, counters.died, counters.failed),
        (1, 1, 0)
    );
    assert_eq!(counters.started, 3);
}

/// The worker finds out only when it answers, after its task: that counts as well.
pub(crate) fn a_closed_socket(pools: &Pools) {
    // A result in a lane is a result, even if it is the worker's last.
    let mut pool = pools.builder(2).retries(2).start().unwrap();
    let handle = pool.submit::<CloseSocket>(&(), ()).unwrap();
    pool.wait(handle).unwrap();
    while pool.counters().died < 1 {
        pool.drive(Some(Duration::from_millis(50))).unwrap();
    }
    assert_works(&mut pool);

    let builder = pools.builder(2).retries(2).carrier(Carrier::Socket);
    let mut pool = builder.start().unwrap();
    let handle = pool.submit::<CloseSocket>(&(), ()).unwrap();
    let certificate = died(pool.wait(handle));
    assert_eq!(certificate.deaths, 3, "{certificate}");
    assert_eq!(pool.counters().died, 3);
    assert_works(&mut pool);
}

pub(crate) fn nonsense_costs_the_task_only(pools: &Pools) {
    let builder = pools.builder(2).retries(0).carrier(Carrier::Socket);
    let mut pool = builder.start().unwrap();
    let too_long = vec![0xff; 8];
    let no_message = vec![2, 0, 0, 0, 250, 250];
    // The answer to a call that nobody made: Done, of id 99.
    let no_call = vec![8, 0, 0, 0, 4, 99, 0, 0, 0, 0, 0, 0];
    for (number, garbage) in (1..).zip([too_long, no_message, no_call]) {
        let harmless: Vec<_> = (0..40)
            .map(|number| pool.submit::<Double>(&number, ()).unwrap())
            .collect();
        let handle = pool.submit::<Babble>(&garbage, ()).unwrap();
        let certificate = died(pool.wait(handle));
        let reason = certificate.reason.as_deref().unwrap_or_default();
        assert!(reason.contains("violated the protocol"), "{certificate}");
        for (number, handle) in (0..).zip(harmless) {
            assert_eq!(pool.wait(handle).unwrap(), 2 * number);
        }
        // Where others had been sent along, each is tried alone to find the culprit.
        let counters = pool.counters();
        assert!((number..=2 * number).contains(&counters.died));
        assert_eq!(counters.failed, number);
        assert_works(&mut pool);
    }
}

pub(crate) fn killed_while_idle(pools: &Pools) {
    let mut pool = pools.builder(2).retries(0).start().unwrap();
    for number in 1..=4 {
        let pid = a_pid(&mut pool);
        send(pid, Signal::SIGKILL);
        while pool.counters().died < number {
            pool.drive(Some(Duration::from_millis(50))).unwrap();
        }
        assert_works(&mut pool);
        assert_eq!(pool.counters().failed, 0);
    }
}

/// Workers are killed all the while; a task survives unless it runs there each time.
pub(crate) fn killed_in_turn(pools: &Pools) {
    let mut pool = pools.builder(2).retries(1000).start().unwrap();
    let handles: Vec<_> = (0..2_000u64)
        .map(|number| pool.submit::<Double>(&number, ()).unwrap())
        .collect();
    let last = pool.submit::<Sleep>(&1, ()).unwrap();
    for _ in 0..10 {
        let pid = a_pid_of_any(&mut pool);
        send(pid, Signal::SIGKILL);
        pool.drive(Some(Duration::ZERO)).unwrap();
    }
    for (number, handle) in (0..).zip(handles) {
        assert_eq!(pool.wait(handle).unwrap(), 2 * number);
    }
    pool.wait(last).unwrap();
    assert_eq!(pool.counters().failed, 0);
}

/// A child of ours, or of the forkserver's, that is a worker.
fn a_pid_of_any(pool: &mut Pool) -> u32 {
    pool.drive(Some(Duration::ZERO)).unwrap();
    let handle = pool.submit::<crate::tasks::GetPid>(&(), ()).unwrap();
    pool.wait(handle).unwrap()
}

pub(crate) fn a_flood_of_stderr(pools: &Pools) {
    let lines = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&lines);
    let mut pool = pools
        .builder(2)
        .retries(0)
        .watch(move |event| {
            if let pool::What::Stderr(line) = event.what {
                assert!(line.starts_with("line "), "{line}");
                counted.fetch_add(1, Ordering::Relaxed);
            }
        })
        .start()
        .unwrap();
    let handle = pool.submit::<FloodStderr>(&200_000, ()).unwrap();
    let certificate = died(pool.wait(handle));
    assert_eq!(certificate.ending, Ending::Exit(9));
    assert_eq!(
        lines.load(Ordering::Relaxed),
        200_000,
        "every line is reported"
    );
    assert!(certificate.stderr.len() <= 20);
    let last = certificate.stderr.last().unwrap();
    assert!(last.starts_with("line 199999 "), "{last}");
    assert_works(&mut pool);
}

/// A grandchild holds its dead parent's stderr open, and goes with the parent all the same.
pub(crate) fn a_lost_grandchild(pools: &Pools) {
    let mut pool = pools.builder(1).retries(0).start().unwrap();
    let handle = pool.submit::<LeaveGrandchild>(&(), ()).unwrap();
    let grandchild = pool.wait(handle).unwrap();
    assert!(is_alive(grandchild));
    let handle = pool.submit::<Die>(&Way::Exit(1), ()).unwrap();
    assert_eq!(died(pool.wait(handle)).ending, Ending::Exit(1));
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_alive(grandchild) {
        assert!(Instant::now() < deadline, "the grandchild lives on");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_works(&mut pool);
    let pids: HashSet<u32> = (0..5).map(|_| a_pid(&mut pool)).collect();
    assert_eq!(pids.len(), 1);
    let failure = TaskFailure::Cancelled;
    assert_eq!(failure.to_string(), "cancelled");
}
