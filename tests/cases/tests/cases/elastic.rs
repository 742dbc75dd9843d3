//! Pools that grow and shrink, and tasks that are ordered and tried again.

use crate::tasks::{Marks, abort, abort_once, add_one, mark, pid, sleep_ms};
use crate::{Case, background, case};
use handoff::{Builder, ErrorKind, Pool, Priority, Shutdown, StartMethod, What, task};
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::mpsc;
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    case("workers_come_on_demand_and_leave_when_idle", on_demand),
    background("a_background_pool_grows_and_shrinks", background_grows),
    case("a_pool_may_start_without_waiting", no_wait),
    case("a_spare_saves_the_next_task_the_initializer", spare),
    case("urgent_tasks_go_first", urgent),
    case("a_deadline_includes_the_queue", deadline),
    case("an_error_is_tried_again_by_choice", again_after_error),
    case("a_time_out_is_tried_again_by_choice", again_after_time_out),
    case("a_broadcast_runs_once_on_every_worker", broadcast),
    background(
        "a_background_broadcast_runs_on_every_worker",
        background_broadcast,
    ),
    case(
        "a_worker_over_its_memory_limit_fails_its_own_task",
        memory_limit,
    ),
    case("workers_have_limits_of_their_own", limits),
    case("resizes_at_random_lose_nothing", resizes),
];

pub(crate) fn builder(method: StartMethod) -> Builder {
    Pool::builder().start_method(method)
}

/// Drives the pool until the condition holds.
pub(crate) fn until(pool: &mut Pool, mut holds: impl FnMut(&Pool) -> bool) {
    while !holds(pool) {
        pool.drive(Some(Duration::from_millis(5))).unwrap();
    }
}

fn on_demand(method: StartMethod) {
    let idle = Duration::from_millis(50);
    let mut pool = builder(method)
        .workers(0..=3)
        .idle_timeout(idle)
        .start()
        .unwrap();
    assert_eq!(pool.counters().started, 0, "nothing is wanted yet");
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
    let handles: Vec<_> = (0..3)
        .map(|_| pool.submit(sleep_ms(300)).unwrap())
        .collect();
    until(&mut pool, |pool| pool.counters().running == 3);
    for handle in handles {
        pool.wait(handle).unwrap();
    }
    assert!(pool.counters().started >= 3);
    until(&mut pool, |pool| pool.counters().workers == 0);
    assert_eq!(pool.run(add_one(2)).unwrap(), 3);
}

fn background_grows(method: StartMethod) {
    let pool = builder(method)
        .workers(1..=2)
        .idle_timeout(Duration::from_millis(50))
        .background()
        .unwrap();
    let pending: Vec<_> = (0..2)
        .map(|_| pool.submit(sleep_ms(300)).unwrap())
        .collect();
    for pending in pending {
        pending.wait().unwrap();
    }
    assert_eq!(pool.counters().started, 2);
    while pool.counters().workers > 1 {
        std::thread::yield_now();
    }
    pool.resize(3).unwrap();
    while pool.counters().workers < 3 {
        std::thread::yield_now();
    }
}

fn no_wait(method: StartMethod) {
    let mut pool = builder(method)
        .workers(1)
        .wait_until_ready(false)
        .initializer(slow_start(200))
        .start()
        .unwrap();
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
}

#[task]
fn slow_start(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// The next task has its result before a third worker is ready.
fn spare(method: StartMethod) {
    let (put, happened) = mpsc::channel();
    let mut pool = builder(method)
        .workers(1)
        .spare(1)
        .initializer(slow_start(500))
        .watch(move |event| match event.what {
            What::Ready => put.send("ready").unwrap(),
            What::Answered { .. } => put.send("answered").unwrap(),
            _ => {}
        })
        .start()
        .unwrap();
    let mut before: Vec<&str> = Vec::new();
    until(&mut pool, |_| {
        before.extend(happened.try_iter());
        before.len() == 2
    });
    assert_eq!(before, ["ready", "ready"]);
    let died = pool.run(abort().retries(0)).unwrap_err();
    assert_eq!(died.kind(), ErrorKind::Died);
    pool.run(pid()).unwrap();
    let after: Vec<&str> = happened.try_iter().collect();
    assert_eq!(after, ["answered"], "nobody had to get ready for it");
    until(&mut pool, |_| happened.try_recv() == Ok("ready"));
}

fn urgent(method: StartMethod) {
    let marks = Marks::new();
    let mut pool = builder(method).workers(1).start().unwrap();
    let first = pool.submit(sleep_ms(100)).unwrap();
    let names = [
        ("low", Priority::Low),
        ("normal", Priority::Normal),
        ("high", Priority::High),
    ];
    let mut handles = Vec::new();
    for (name, priority) in names {
        let call = note_down(marks.path(), name.to_owned()).priority(priority);
        handles.push(pool.submit(call).unwrap());
    }
    pool.wait(first).unwrap();
    for handle in handles {
        pool.wait(handle).unwrap();
    }
    let order = std::fs::read_to_string(marks.as_path()).unwrap();
    assert_eq!(order, "high normal low ");
}

#[task]
fn note_down(path: String, name: String) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.create(true).append(true).open(path)?;
    file.write_all(format!("{name} ").as_bytes())
}

fn deadline(method: StartMethod) {
    let mut pool = builder(method).workers(1).start().unwrap();
    let first = pool.submit(sleep_ms(500)).unwrap();
    let late = add_one(1).deadline(Duration::from_millis(50));
    let late = pool.submit(late).unwrap();
    let error = pool.wait(late).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert!(!first.is_done(), "it did not wait for the task before it");
    pool.wait(first).unwrap();
}

/// Fails until it has been begun that often.
#[task]
fn succeeds_at(path: String, times: usize) -> Result<usize, String> {
    let marks = std::path::PathBuf::from(path);
    crate::tasks::append(&marks).map_err(|error| error.to_string())?;
    let count = crate::tasks::marks(&marks);
    if count < times {
        return Err(format!("only {count} times"));
    }
    Ok(count)
}

fn again_after_error(method: StartMethod) {
    let marks = Marks::new();
    let mut pool = builder(method).workers(1).start().unwrap();
    let pause = Duration::from_millis(5);
    let call = succeeds_at(marks.path(), 3);
    let call = call.retry_if(5, pause, |error| error.kind() == ErrorKind::Failed);
    assert_eq!(pool.run(call).unwrap(), 3);
    let call = succeeds_at(marks.path(), 100).retry_if(1, pause, |_| true);
    let error = pool.run(call).unwrap_err();
    assert_eq!(error.to_string(), "only 5 times");
    let call = succeeds_at(marks.path(), 100).retry_if(1, pause, |_| false);
    assert_eq!(pool.run(call).unwrap_err().to_string(), "only 6 times");
}

/// Sleeps for long, but the second time that it is begun.
#[task]
fn slow_at_first(path: String) -> std::io::Result<usize> {
    let marks = std::path::PathBuf::from(path);
    crate::tasks::append(&marks)?;
    let count = crate::tasks::marks(&marks);
    if count == 1 {
        std::thread::sleep(Duration::from_secs(60));
    }
    Ok(count)
}

fn again_after_time_out(method: StartMethod) {
    let marks = Marks::new();
    let mut pool = builder(method).workers(1).start().unwrap();
    let call = slow_at_first(marks.path())
        .timeout(Duration::from_millis(300))
        .retry_if(1, Duration::ZERO, |error| {
            error.kind() == ErrorKind::TimedOut
        });
    assert_eq!(pool.run(call).unwrap(), 2);
}

fn broadcast(method: StartMethod) {
    let mut pool = builder(method).workers(3).start().unwrap();
    let ran: BTreeSet<u32> = pool
        .broadcast(pid())
        .unwrap()
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(ran.len(), 3, "{ran:?}");
    let died = pool.broadcast(abort()).unwrap();
    let died = died.into_iter().map(|result| result.unwrap_err().kind());
    assert!(died.eq([ErrorKind::Died; 3]));
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
}

fn background_broadcast(method: StartMethod) {
    let pool = builder(method).workers(2).background().unwrap();
    let pending = pool.broadcast(pid()).unwrap();
    let ran: BTreeSet<u32> = pending.into_iter().map(|it| it.wait().unwrap()).collect();
    assert_eq!(ran.len(), 2, "{ran:?}");
    assert_eq!(pool.submit(add_one(1)).unwrap().wait().unwrap(), 2);
}

#[task]
fn allocate(bytes: usize) -> usize {
    let memory = vec![1_u8; bytes];
    memory.iter().map(|&byte| usize::from(byte)).sum()
}

fn memory_limit(method: StartMethod) {
    let mut pool = builder(method)
        .workers(1)
        .worker_memory(64 << 20)
        .start()
        .unwrap();
    assert_eq!(pool.run(allocate(1 << 20)).unwrap(), 1 << 20);
    let error = pool.run(allocate(1 << 30).retries(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Died);
    assert!(
        error.to_string().contains("its limit of memory is 67.1 MB"),
        "{error}"
    );
    assert_eq!(pool.run(allocate(1 << 20)).unwrap(), 1 << 20);
}

/// Open files allowed, nice value, number of processors.
#[task]
fn allowed() -> (u64, i32, usize) {
    let (files, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)
        .expect("it can be read");
    // SAFETY: reads a number of this process.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    (files, nice, cpus)
}

fn limits(method: StartMethod) {
    // SAFETY: reads a number of this process.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    let mut pool = builder(method)
        .workers(2)
        .worker_files(77)
        .nice(3)
        .spread_over_cpus()
        .start()
        .unwrap();
    assert_eq!(pool.run(allowed()).unwrap(), (77, nice + 3, 1));
}

/// A thousand resizes while tasks run, some of which end their workers.
fn resizes(method: StartMethod) {
    let marks = Marks::new();
    let mut pool = builder(method).workers(2).start().unwrap();
    let mut random = 1_u64;
    let mut handles = Vec::new();
    for n in 0..1000_u64 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let max = 1 + (random >> 33) as usize % 4;
        let min = (random >> 40) as usize % (max + 1);
        pool.resize(min..=max).unwrap();
        handles.push(pool.submit(add_one(n)).unwrap());
        if n % 100 == 0 {
            let call = mark(marks.path(), 0).retries(0);
            let handle = pool.submit(call).unwrap();
            pool.wait(handle).unwrap();
        }
    }
    let died = pool.run(abort_once(Marks::new().path())).is_ok();
    assert!(died, "a task that was lost with its worker runs again");
    for (n, handle) in handles.into_iter().enumerate() {
        assert_eq!(pool.wait(handle).unwrap(), n as u64 + 1);
    }
    assert_eq!(marks.count(), 10, "each of them ran once");
    pool.shutdown(Shutdown::Drain).unwrap();
}
