//! Ends of pools and of their programs, with work under way.

use crate::tasks::{Die, Sleep, Sum, registry};
use nix::sys::signal::{Signal, kill, raise};
use nix::unistd::Pid;
use pool::{Input, Pool, Shutdown, StartMethod, TaskFailure, What};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn start(method: StartMethod) -> (Pool, Arc<Mutex<BTreeSet<u32>>>) {
    let pids = Arc::<Mutex<BTreeSet<u32>>>::default();
    let builder = Pool::builder(method).tasks(registry()).workers(2).watch({
        let pids = Arc::clone(&pids);
        move |event| {
            if let What::Memory(_) = event.what {
                assert_ne!(event.pid, 0);
                pids.lock().unwrap().insert(event.pid);
            }
        }
    });
    let mut pool = builder.start().unwrap();
    pool.memory().unwrap();
    assert_eq!(pids.lock().unwrap().len(), 2);
    (pool, pids)
}

pub(crate) fn workers_that_die_while_the_pool_drains(method: StartMethod) {
    let (mut pool, pids) = start(method);
    let poison: Vec<_> = (0..2)
        .map(|_| pool.submit::<Die>(&20, ()).unwrap())
        .collect();
    let slow = pool.submit::<Sleep>(&100, ()).unwrap();
    let sums: Vec<_> = (0..200u64)
        .map(|n| pool.submit::<Sum>(&(), Input::of_elements(&[n])).unwrap())
        .collect();
    // One more is killed before the pool has had a turn to notice anything.
    let first = *pids.lock().unwrap().first().unwrap();
    kill(Pid::from_raw(first as i32), Signal::SIGKILL).unwrap();
    pool.shutdown(Shutdown::Drain).unwrap();

    for mut handle in poison {
        let failure = handle.try_take().unwrap().unwrap_err();
        assert!(matches!(failure, TaskFailure::Died(_)), "{failure}");
    }
    let mut slow = slow;
    slow.try_take().unwrap().unwrap();
    for (n, mut handle) in (0..).zip(sums) {
        assert_eq!(handle.try_take().unwrap().unwrap(), n);
    }
}

/// A worker that replaces another is on its way, perhaps not even forked, when all are to go.
pub(crate) fn shut_down_while_a_worker_starts(method: StartMethod) {
    for how in [Shutdown::Now, Shutdown::Drain, Shutdown::Now] {
        let (mut pool, _) = start(method.clone());
        let deadly = pool.call::<Die>(&0).retries(0).submit().unwrap();
        let failure = pool.wait(deadly).unwrap_err();
        assert!(matches!(failure, TaskFailure::Died(_)), "{failure}");
        pool.shutdown(how).unwrap();
    }
}

pub(crate) fn a_wait_may_end_before_the_task(method: StartMethod) {
    let (mut pool, _) = start(method);
    let handle = pool.submit::<Sleep>(&1500, ()).unwrap();
    let handle = pool.wait_for(handle, Duration::from_millis(1)).unwrap_err();
    let soon = pool.wait_for(handle, Duration::MAX);
    soon.unwrap().unwrap();
}

/// The program is killed with tasks running and queued: its workers go with it.
pub(crate) fn a_killed_program_leaves_no_worker(method: StartMethod) {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--be-killed", method.stem()]);
    let mut child = program.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    child.wait().unwrap();
    let pids: Vec<u32> = line
        .split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect();
    assert_eq!(pids.len(), 2, "{line}");
    let began = Instant::now();
    while pids.iter().any(|&pid| is_alive(pid)) {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{pids:?} live on"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the program does that is killed.
pub(crate) fn be_killed(method: StartMethod) {
    let (mut pool, pids) = start(method);
    for _ in 0..10 {
        pool.submit::<Sleep>(&600_000, ()).unwrap();
    }
    pool.drive(Some(Duration::from_millis(10))).unwrap();
    let pids: Vec<String> = pids.lock().unwrap().iter().map(u32::to_string).collect();
    println!("{}", pids.join(" "));
    raise(Signal::SIGKILL).unwrap();
}

/// Neither gone nor waiting to be reaped by the process that inherited it.
fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").starts_with(" Z"))
}
