//! What workers may take of the machine.

use crate::Case;
use crate::either::{Kind, both};
use crate::elastic::builder;
use handoff::{ErrorKind, StartMethod, task};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use std::time::Duration;

pub(crate) const BOTH: &[[Case; 2]] = &[
    both!("a_worker_over_its_memory_limit_fails_its_own_task", memory),
    both!("a_worker_over_its_processor_time_fails_its_own_task", time),
    both!("workers_have_limits_of_their_own", limits),
    both!("workers_run_on_the_processors_that_are_named", processors),
];

#[task]
pub(crate) fn allocate(bytes: usize) -> usize {
    let memory = vec![1_u8; bytes];
    memory.iter().map(|&byte| usize::from(byte)).sum()
}

fn memory(method: StartMethod, kind: Kind) {
    let builder = builder(method).workers(1).worker_memory(64 << 20);
    let mut pool = kind.start(builder);
    assert_eq!(pool.run(allocate(1 << 20)).unwrap(), 1 << 20);
    let other = pool.submit(allocate(2 << 20));
    let error = pool.run(allocate(1 << 30).retries(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Died);
    let text = error.to_string();
    assert!(text.contains("its limit of memory is 67.1 MB"), "{text}");
    assert_eq!(pool.wait(other).unwrap(), 2 << 20, "another task");
    assert_eq!(pool.run(allocate(1 << 20)).unwrap(), 1 << 20);
}

/// Computes without end.
#[task]
fn compute() {
    let mut number = 1_u64;
    loop {
        number = std::hint::black_box(number.wrapping_mul(3));
    }
}

fn time(method: StartMethod, kind: Kind) {
    let limit = Duration::from_millis(900);
    let builder = builder(method).workers(1).worker_cpu_time(limit);
    let mut pool = kind.start(builder);
    let error = pool.run(compute().retries(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Died);
    let text = error.to_string();
    assert!(
        text.contains("its limit of processor time is 1 s"),
        "{text}"
    );
    assert_eq!(pool.run(allocate(1)).unwrap(), 1, "by the next worker");
}

/// Open files allowed, nice value, processors allowed.
#[task]
pub(crate) fn allowed() -> (u64, i32, Vec<usize>) {
    let (files, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)
        .expect("it can be read");
    (files, nice(), cpus())
}

fn nice() -> i32 {
    // SAFETY: reads a number of this process.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

pub(crate) fn cpus() -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).expect("it can be read");
    let is_set = |&cpu: &usize| set.is_set(cpu).unwrap_or(false);
    (0..CpuSet::count()).filter(is_set).collect()
}

fn limits(method: StartMethod, kind: Kind) {
    let nice = nice();
    let builder = builder(method)
        .workers(2)
        .worker_files(77)
        .nice(3)
        .spread_over_cpus();
    let mut pool = kind.start(builder);
    let all = pool.broadcast(allowed()).into_iter().map(Result::unwrap);
    let mut used = Vec::new();
    for (files, worker_nice, cpus) in all {
        assert_eq!((files, worker_nice, cpus.len()), (77, nice + 3, 1));
        used.extend(cpus);
    }
    used.sort_unstable();
    used.dedup();
    assert_eq!(used.len(), cpus().len().min(2), "they are spread");
}

fn processors(method: StartMethod, kind: Kind) {
    let last = *cpus().last().expect("one at least");
    let cpu = u32::try_from(last).unwrap();
    let mut pool = kind.start(builder(method).workers(2).cpus([cpu]));
    for result in pool.broadcast(allowed()) {
        assert_eq!(result.unwrap().2, [last]);
    }
    let absent = builder(StartMethod::Spawn).workers(1).cpus([1000]);
    let error = absent.start().unwrap_err();
    assert!(
        error.to_string().contains("its processors [1000]"),
        "{error}"
    );
}
