//! Pools that grow and shrink, and tasks that are asked, ordered, tried again and heard.

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
    case("a_cancelled_task_that_heeds_leaves_its_worker_warm", heeds),
    background(
        "a_dropped_future_that_heeds_leaves_its_worker_warm",
        background_heeds,
    ),
    case("a_time_limit_is_heeded_too", heeds_limit),
    case(
        "a_cancelled_task_that_does_not_heed_is_ended",
        does_not_heed,
    ),
    case("urgent_tasks_go_first", urgent),
    case("a_deadline_includes_the_queue", deadline),
    case("an_error_is_tried_again_by_choice", again_after_error),
    case("a_time_out_is_tried_again_by_choice", again_after_time_out),
    case("a_broadcast_runs_once_on_every_worker", broadcast),
    background(
        "a_background_broadcast_runs_on_every_worker",
        background_broadcast,
    ),
    case("a_running_task_says_how_far_it_is", says),
    case(
        "a_worker_over_its_memory_limit_fails_its_own_task",
        memory_limit,
    ),
    case("workers_have_limits_of_their_own", limits),
    case("resizes_at_random_lose_nothing", resizes),
];

fn builder(method: StartMethod) -> Builder {
    Pool::builder().start_method(method)
}

/// Drives the pool until the condition holds.
fn until(pool: &mut Pool, mut holds: impl FnMut(&Pool) -> bool) {
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

/// Waits until it should end, or for ever.
#[task]
fn wait_for_the_end(path: String) -> std::io::Result<u32> {
    std::fs::write(path, "begun")?;
    while !handoff::cancelled() {
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(std::process::id())
}

fn begun(path: &std::path::Path) -> bool {
    std::fs::read(path).is_ok_and(|text| !text.is_empty())
}

fn heeds(method: StartMethod) {
    let marks = Marks::new();
    let grace = Duration::from_secs(5);
    let mut pool = builder(method)
        .workers(1)
        .cancel_grace(grace)
        .start()
        .unwrap();
    let worker = pool.run(pid()).unwrap();
    let handle = pool.submit(wait_for_the_end(marks.path())).unwrap();
    until(&mut pool, |_| begun(&marks.as_path()));
    assert!(pool.cancel(&handle));
    assert_eq!(pool.wait(handle).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(pool.run(pid()).unwrap(), worker, "the same worker");
    assert_eq!(pool.counters().died, 0);
}

fn background_heeds(method: StartMethod) {
    let marks = Marks::new();
    let grace = Duration::from_secs(5);
    let pool = builder(method)
        .workers(1)
        .cancel_grace(grace)
        .background()
        .unwrap();
    let worker = pool.submit(pid()).unwrap().wait().unwrap();
    let pending = pool.submit(wait_for_the_end(marks.path())).unwrap();
    while !begun(&marks.as_path()) {
        std::thread::yield_now();
    }
    drop(pending.cancel_on_drop());
    assert_eq!(pool.submit(pid()).unwrap().wait().unwrap(), worker);
}

fn heeds_limit(method: StartMethod) {
    let marks = Marks::new();
    let grace = Duration::from_secs(5);
    let mut pool = builder(method)
        .workers(1)
        .cancel_grace(grace)
        .start()
        .unwrap();
    let worker = pool.run(pid()).unwrap();
    let call = wait_for_the_end(marks.path()).timeout(Duration::from_millis(50));
    assert_eq!(pool.run(call).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(pool.run(pid()).unwrap(), worker, "the same worker");
}

fn does_not_heed(method: StartMethod) {
    let marks = Marks::new();
    let mut pool = builder(method).workers(1).start().unwrap();
    let worker = pool.run(pid()).unwrap();
    let handle = pool.submit(mark(marks.path(), 60_000)).unwrap();
    until(&mut pool, |_| marks.count() == 1);
    assert!(pool.cancel(&handle));
    assert_ne!(pool.run(pid()).unwrap(), worker, "another worker");
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
fn tells(path: String) -> Result<(), handoff::Error> {
    handoff::progress(3, 10);
    assert!(handoff::note(b"hello")?);
    assert!(handoff::note(&vec![0; 1 << 20]).is_err());
    while !begun(std::path::Path::new(&path)) {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn says(method: StartMethod) {
    let marks = Marks::new();
    let (put, said) = mpsc::channel();
    let mut pool = builder(method)
        .workers(1)
        .watch(move |event| match event.what {
            What::Progress {
                task, done, total, ..
            } => {
                put.send(format!("{task}: {done} of {total}")).unwrap();
            }
            What::Note { task, bytes, .. } => {
                put.send(format!("{task}: {}", String::from_utf8_lossy(bytes)))
                    .unwrap();
            }
            _ => {}
        })
        .start()
        .unwrap();
    let handle = pool.submit(tells(marks.path())).unwrap();
    until(&mut pool, |_| handle.progress() == Some((3, 10)));
    std::fs::write(&marks.as_path(), "go on").unwrap();
    let id = handle.id();
    pool.wait(handle).unwrap();
    let said: Vec<String> = said.try_iter().collect();
    assert_eq!(said, [format!("{id}: 3 of 10"), format!("{id}: hello")]);
    assert!(!handoff::note(b"nobody listens").unwrap());
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
