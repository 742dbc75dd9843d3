//! What the process that has the pool inherits or lacks: signal dispositions, descriptors, programs.

use crate::engine::pool;
use crate::tasks::{Marks, abort, abort_once, add_one, write_to_closed_pipe};
use crate::{Case, case};
use handoff::{ErrorKind, Pool, Shutdown, StartMethod};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::path::PathBuf;

pub(crate) const CASES: &[Case] = &[
    case("an_ignored_sigchld", an_ignored_sigchld),
    case(
        "a_host_that_reaps_every_child",
        a_host_that_reaps_every_child,
    ),
    case("six_hundred_workers_start", six_hundred_workers_start),
    case(
        "a_closed_pipe_is_an_error_not_a_signal",
        a_closed_pipe_is_an_error_not_a_signal,
    ),
    case(
        "standard_descriptors_are_closed",
        standard_descriptors_are_closed,
    ),
    case("a_deleted_worker_program", a_deleted_worker_program),
    case(
        "a_relative_program_and_a_new_directory",
        a_relative_program_and_a_new_directory,
    ),
    case(
        "a_descriptor_short_for_a_moment",
        a_descriptor_short_for_a_moment,
    ),
];

fn serves_and_ends(method: StartMethod) {
    let mut pool = pool(method, 2);
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
    let died = pool.run(abort().retries(0)).unwrap_err();
    assert_eq!(died.kind(), ErrorKind::Died);
    assert_eq!(pool.run(add_one(2)).unwrap(), 3);
    pool.shutdown(Shutdown::Drain).unwrap();
}

fn an_ignored_sigchld(method: StartMethod) {
    // SAFETY: no handler runs.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    serves_and_ends(method);
}

extern "C" fn reap_all(_: libc::c_int) {
    // SAFETY: waitpid may be called in a handler.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } > 0 {}
}

fn a_host_that_reaps_every_child(method: StartMethod) {
    let handler = reap_all as extern "C" fn(libc::c_int);
    // SAFETY: the handler only calls waitpid.
    unsafe { libc::signal(libc::SIGCHLD, handler as libc::sighandler_t) };
    serves_and_ends(method);
}

fn six_hundred_workers_start(method: StartMethod) {
    let mut pool = pool(method, 600);
    let sum = pool.map((0..1200).map(add_one)).sum::<Result<u64, _>>();
    assert_eq!(sum.unwrap(), 1200 * 1201 / 2);
}

fn a_closed_pipe_is_an_error_not_a_signal(method: StartMethod) {
    let mut pool = pool(method, 1);
    assert_eq!(pool.run(write_to_closed_pipe()).unwrap(), libc::EPIPE);
}

fn standard_descriptors_are_closed(method: StartMethod) {
    for descriptor in 0..3 {
        // SAFETY: nothing here uses them; a panic's message is lost, its exit code is not.
        unsafe { libc::close(descriptor) };
    }
    serves_and_ends(method);
    for descriptor in 0..3 {
        // SAFETY: asks for flags.
        let open = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
        assert_eq!(open, -1, "{descriptor} was taken");
    }
}

/// A copy of this program, which serves as a worker program.
fn copy(marks: &Marks) -> PathBuf {
    let path = marks.directory().join("program");
    std::fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
    path
}

fn a_deleted_worker_program(method: StartMethod) {
    if method == StartMethod::Fork {
        return;
    }
    let marks = Marks::new();
    let program = copy(&marks);
    let builder = Pool::builder().start_method(method).workers(4);
    let mut pool = builder.program(&program).start().unwrap();
    std::fs::remove_file(&program).unwrap();
    let handles: Vec<_> = (0..3).map(|n| pool.submit(add_one(n)).unwrap()).collect();
    // Its worker dies; the task is run by another, whether or not the worker can be replaced.
    assert_eq!(pool.run(abort_once(marks.path())).unwrap(), 7);
    for (n, handle) in handles.into_iter().enumerate() {
        assert_eq!(pool.wait(handle).unwrap(), n as u64 + 1);
    }
    assert_eq!(pool.run(add_one(5)).unwrap(), 6);
}

fn a_relative_program_and_a_new_directory(method: StartMethod) {
    if method == StartMethod::Fork {
        return;
    }
    let marks = Marks::new();
    copy(&marks);
    std::env::set_current_dir(marks.directory()).unwrap();
    let builder = Pool::builder().start_method(method).workers(1);
    let mut pool = builder.program("./program").start().unwrap();
    std::env::set_current_dir("/").unwrap();
    assert_eq!(pool.run(abort_once(marks.path())).unwrap(), 7);
}

/// The number of descriptors that are open.
fn open_descriptors() -> u64 {
    std::fs::read_dir("/proc/self/fd").unwrap().count() as u64
}

/// With no descriptor left, a death cannot be made up for at once; a moment later it can.
fn a_descriptor_short_for_a_moment(method: StartMethod) {
    let mut pool = pool(method, 2);
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, open_descriptors(), hard).unwrap();
    assert!(pool.run(abort().retries(0)).is_err());
    assert_eq!(pool.run(add_one(2)).unwrap(), 3);
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    assert!(pool.run(abort().retries(0)).is_err());
    assert_eq!(pool.run(add_one(3)).unwrap(), 4);
}
