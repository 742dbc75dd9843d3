//! What does not depend on how many workers there are: counted, since times depend on the machine.
//!
//! The functions of the C library by which the pool waits, sends and receives are replaced, in this program,
//! by ones that count.

use crate::engine::{pool, warm};
use crate::tasks::{Marks, add_one, bytes, pid};
use crate::{Case, case};
use handoff::{Pool, StartMethod};
use libc::{c_int, c_void, epoll_event, msghdr, size_t, ssize_t};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    case(
        "calls_of_the_system_do_not_grow_with_the_workers",
        calls_of_the_system_do_not_grow_with_the_workers,
    ),
    case(
        "one_task_there_and_back_is_three_calls_of_the_system",
        one_task_there_and_back_is_three_calls_of_the_system,
    ),
    case(
        "a_worker_that_waits_for_room_sleeps",
        a_worker_that_waits_for_room_sleeps,
    ),
];

static CALLS: AtomicU64 = AtomicU64::new(0);

/// Defines functions that count, and then do what the C library's do.
macro_rules! counted {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ty = $number:ident($($value:expr),*);)*) => {
        $(
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($arg: $type),*) -> $result {
                CALLS.fetch_add(1, Ordering::Relaxed);
                // SAFETY: the same system call with the caller's own arguments.
                unsafe { libc::syscall(libc::$number, $($value),*) as $result }
            }
        )*
    };
}

counted! {
    epoll_wait(epoll: c_int, events: *mut epoll_event, most: c_int, ms: c_int) -> c_int
        = SYS_epoll_pwait(epoll, events, most, ms, std::ptr::null::<c_void>(), 8_usize);
    epoll_ctl(epoll: c_int, what: c_int, fd: c_int, event: *mut epoll_event) -> c_int
        = SYS_epoll_ctl(epoll, what, fd, event);
    sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t
        = SYS_sendmsg(fd, message, flags);
    recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t
        = SYS_recvmsg(fd, message, flags);
    send(fd: c_int, from: *const c_void, len: size_t, flags: c_int) -> ssize_t
        = SYS_sendto(fd, from, len, flags, std::ptr::null::<c_void>(), 0_usize);
    recv(fd: c_int, to: *mut c_void, len: size_t, flags: c_int) -> ssize_t
        = SYS_recvfrom(fd, to, len, flags, std::ptr::null::<c_void>(), std::ptr::null::<c_void>());
    read(fd: c_int, to: *mut c_void, len: size_t) -> ssize_t = SYS_read(fd, to, len);
    write(fd: c_int, from: *const c_void, len: size_t) -> ssize_t = SYS_write(fd, from, len);
}

/// The fewest calls of the system by this process in five rounds: on a busy machine, workers are woken more
/// often in some.
fn fewest_calls(mut round: impl FnMut()) -> f64 {
    let rounds = (0..5).map(|_| {
        let before = CALLS.load(Ordering::Relaxed);
        round();
        CALLS.load(Ordering::Relaxed) - before
    });
    rounds.min().unwrap_or(0) as f64
}

/// Calls of the system by this process for one task, of many.
fn for_one_task(pool: &mut Pool) -> f64 {
    const TASKS: u32 = 4000;
    warm(pool);
    let calls = fewest_calls(|| {
        let results = pool.map((0..u64::from(TASKS)).map(add_one));
        assert_eq!(results.filter(Result::is_ok).count(), TASKS as usize);
    });
    calls / f64::from(TASKS)
}

fn calls_of_the_system_do_not_grow_with_the_workers(method: StartMethod) {
    let few = for_one_task(&mut pool(method.clone(), 2));
    assert!(few > 0.0, "nothing is counted");
    let many = for_one_task(&mut pool(method, 128));
    eprintln!("{few:.2} calls a task with 2 workers, {many:.2} with 128");
    // A pool that looked at every worker for every task would need dozens.
    assert!(
        many <= 1.2 * few + 0.5,
        "{few:.2} with 2 workers, {many:.2} with 128"
    );
}

/// A wake message, a wait, and the worker's message. Where the result is there at once, fewer.
fn one_task_there_and_back_is_three_calls_of_the_system(method: StartMethod) {
    const TASKS: u32 = 200;
    let mut pool = pool(method, 1);
    warm(&mut pool);
    let calls = fewest_calls(|| {
        for n in 0..u64::from(TASKS) {
            assert_eq!(pool.run(add_one(n)).unwrap(), n + 1);
        }
    });
    let each = calls / f64::from(TASKS);
    assert!(each > 0.0 && each <= 3.5, "{each:.2} for one task");
}

/// Its caller is away, and takes no results: there is nothing that it could look for meanwhile.
fn a_worker_that_waits_for_room_sleeps(method: StartMethod) {
    const TASKS: usize = 200;
    let marks = Marks::new();
    let mut pool = pool(method, 1);
    let worker = pool.run(pid()).unwrap();
    let call = || bytes(marks.path(), 1000, 0);
    let handles: Vec<_> = (0..TASKS).map(|_| pool.submit(call()).unwrap()).collect();
    // Longer than its first look.
    let pause = Duration::from_millis(200);
    let mut begun = 0;
    while std::mem::replace(&mut begun, marks.count()) != begun || begun == 0 {
        std::thread::sleep(pause);
    }
    assert!(begun < TASKS, "there was room for all results");
    let before = sleeps(worker);
    std::thread::sleep(pause);
    let slept = sleeps(worker) - before;
    assert!(slept < 20, "it woke {slept} times in {pause:?}");
    for handle in handles {
        assert_eq!(pool.wait(handle).unwrap().len(), 1000);
    }
}

/// How often a process has gone to sleep.
fn sleeps(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mut lines = status.lines();
    let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.unwrap().trim().parse().unwrap()
}
