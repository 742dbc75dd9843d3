//! Least privilege: what a worker holds, and what a sandbox leaves it.

use crate::escapes::{Behave, Descriptors, Escape, Privileges};
use crate::pools::{Pools, assert_works};
use crate::tasks::{Length, Panic, Sleep, Total};
use pool::{Input, Pool, PoolError, Region, Shutdown, TaskFailure, What};
use std::io::Write;
use std::sync::{Arc, Mutex};

/// What an ordinary worker may do because nobody has forbidden it; else the test below would tell
/// nothing.
const FREE_WITHOUT: &[&str] = &[
    "open for reading",
    "open for writing",
    "a new file",
    "memfd_create",
    "a Unix socket",
    "execve",
    "fork",
    "kill",
    "code",
    "ioctl",
];

fn escape(pool: &mut Pool) -> (Vec<String>, Vec<String>) {
    let handle = pool.submit::<Escape>(&(), ()).unwrap();
    pool.wait(handle).unwrap()
}

pub(crate) fn a_sandbox_lets_nothing_out(pools: &Pools) {
    let (_, free) = escape(&mut pools.start(1));
    for &name in FREE_WITHOUT {
        assert!(free.iter().any(|it| it == name), "{name} is denied to all");
    }
    let mut pool = pools.builder(2).sandbox(true).start().unwrap();
    let (denied, free) = escape(&mut pool);
    assert_eq!(free, Vec::<String>::new(), "not denied");
    assert!(denied.len() >= 30, "{denied:?}");
    assert_works(&mut pool);
    assert_eq!(pool.counters().died, 0);
}

/// Threads, memory, panics, what is printed, and the worker's own memory figures.
pub(crate) fn a_sandbox_leaves_what_tasks_need(pools: &Pools) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let memory = Arc::new(Mutex::new(Vec::new()));
    let (said, told) = (Arc::clone(&lines), Arc::clone(&memory));
    let mut pool = pools
        .builder(1)
        .sandbox(true)
        .timeline(true)
        .watch(move |event| match event.what {
            What::Stderr(line) => said.lock().unwrap().push(line.to_owned()),
            What::Memory(memory) => told.lock().unwrap().push(memory),
            _ => {}
        })
        .start()
        .unwrap();
    let handle = pool.submit::<Behave>(&(), ()).unwrap();
    assert_eq!(pool.wait(handle).unwrap(), 11);
    let oh_no = "oh no".to_owned();
    let handle = pool.submit::<Panic>(&oh_no, ()).unwrap();
    let Err(TaskFailure::Failed(failed)) = pool.wait(handle) else {
        panic!("it did not panic");
    };
    assert!(failed.message == "oh no" && failed.location.contains("tasks.rs"));
    pool.memory().unwrap();
    pool.shutdown(Shutdown::Drain).unwrap();
    let memory = memory.lock().unwrap();
    let last = memory.last().expect("memory was asked for");
    assert!(last.rss > 0 && last.pss > 0 && last.private > 0, "{last:?}");
    assert!(
        lines
            .lock()
            .unwrap()
            .iter()
            .any(|line| line == "printed in a sandbox")
    );
}

/// Every kind of input arrives: as a descriptor, over the socket, or by birth.
pub(crate) fn a_sandbox_has_its_inputs(pools: &Pools) {
    let bytes: Vec<u8> = (0..100_000u32).map(|at| at as u8).collect();
    let sum: u64 = bytes.iter().map(|&byte| u64::from(byte)).sum();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    let segment = shmem::Segment::create(bytes.len() as u64).unwrap();
    segment.write_all_at(&bytes, 0).unwrap();

    let (builder, inherited) = pools
        .builder(2)
        .sandbox(true)
        .attach(Region::inherit(bytes.clone()));
    let mut pool = builder.start().unwrap();
    let mut regions = vec![
        pool.attach(Region::from_slice(&bytes).unwrap()),
        pool.attach(Region::map_file(file.path()).unwrap()),
        pool.attach(Region::Segment(Arc::new(segment))),
    ];
    if pools.is_fork() {
        regions.push(inherited);
    }
    for region in regions {
        let input = Input::Slice {
            region,
            offset: 0,
            len: bytes.len() as u64,
        };
        let handle = pool.submit::<Total>(&(), input).unwrap();
        assert_eq!(pool.wait(handle).unwrap(), sum);
    }
    let input = Input::Inline(bytes.clone());
    let handle = pool.submit::<Length>(&(), input).unwrap();
    assert_eq!(pool.wait(handle).unwrap(), (bytes.len() as u64, sum));
}

/// It opens what its program needs before the worker is confined.
pub(crate) fn an_initializer_is_not_confined(pools: &Pools) {
    let builder = pools.builder(1).sandbox(true);
    let mut pool = builder
        .initializer::<Descriptors>(&())
        .unwrap()
        .start()
        .unwrap();
    let handle = pool.submit::<Descriptors>(&(), ()).unwrap();
    let failure = pool.wait(handle).unwrap_err();
    assert!(failure.to_string().contains("not permitted"), "{failure}");
}

/// Landlock would confine the thread that asks for it, and not those that are there already.
pub(crate) fn threads_of_an_initializer_cannot_be_confined(pools: &Pools) {
    let builder = pools.builder(1).sandbox(true);
    let error = match builder
        .initializer::<crate::tasks::LeaveThread>(&())
        .unwrap()
        .start()
    {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    };
    let PoolError::Sandbox { worker, reason } = &error else {
        panic!("{error}");
    };
    assert!(
        worker.starts_with(pools.stem()) && reason.contains("2 threads"),
        "{error}"
    );
}

pub(crate) fn only_descriptors_that_were_given(pools: &Pools) {
    // Whatever else the coordinator has open stays its own, close-on-exec or not.
    let file = std::fs::File::open("/etc/passwd").unwrap();
    let inheritable = nix::unistd::dup(&file).unwrap();
    let mut pool = pools.start(3);
    let handle = pool.submit::<Sleep>(&1, ()).unwrap();
    pool.wait(handle).unwrap();
    let stdout = std::fs::read_link("/proc/self/fd/1").unwrap();
    for _ in 0..6 {
        let handle = pool.submit::<Descriptors>(&(), ()).unwrap();
        let found = pool.wait(handle).unwrap();
        let target = |number| &found.iter().find(|(it, _)| *it == number).unwrap().1[..];
        assert_eq!(target(0), "/dev/null", "{found:?}");
        assert_eq!(target(1), stdout.to_str().unwrap(), "{found:?}");
        assert!(target(2).starts_with("pipe:"), "{found:?}");
        let rest: Vec<&str> = found[3..].iter().map(|(_, target)| &target[..]).collect();
        let (sockets, others): (Vec<&str>, Vec<&str>) = rest
            .iter()
            .partition(|target| target.starts_with("socket:"));
        assert_eq!(sockets.len(), 1, "{found:?}");
        assert!(
            others.len() == 1 && others[0].contains("handoff-board"),
            "{found:?}"
        );
    }
    drop((file, inheritable));
}

pub(crate) fn no_new_privileges(pools: &Pools) {
    let mut pool = pools.start(1);
    let handle = pool.submit::<Privileges>(&(), ()).unwrap();
    assert_eq!(pool.wait(handle).unwrap(), "NoNewPrivs:\t1");
}
