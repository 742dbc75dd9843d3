//! Workers that never get ready: one clear error, soon, and no storm of starts.

use crate::pools::Pools;
use crate::tasks::{Die, Fail, Panic, Way};
use pool::{Builder, Pool, PoolError, Program, StartError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Starts a pool that cannot be, and counts how many workers were asked for.
fn fails(builder: Builder) -> (PoolError, u32) {
    let started = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&started);
    let watched = builder.watch(move |event| {
        if matches!(event.what, pool::What::Started) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    match watched.start() {
        Ok(_) => panic!("it started"),
        Err(error) => (error, started.load(Ordering::Relaxed)),
    }
}

pub(crate) fn an_initializer_that_fails(pools: &Pools) {
    let builder = pools.builder(4).initializer::<Fail>(&()).unwrap();
    let (error, started) = fails(builder);
    assert!(started <= 4, "{started} starts");
    let PoolError::Initializer { worker, reason } = error else {
        panic!("{error}");
    };
    assert!(worker.starts_with(pools.stem()));
    assert!(reason.contains("no such luck"), "{reason}");

    let oh_no = "oh no".to_owned();
    let builder = pools.builder(4).initializer::<Panic>(&oh_no).unwrap();
    let (error, _) = fails(builder);
    assert!(error.to_string().contains("oh no"), "{error}");
}

pub(crate) fn an_initializer_that_dies(pools: &Pools) {
    for (way, word) in [
        (Way::Exit(5), "code 5"),
        (Way::Exit(0), "code 0"),
        (Way::Signal(libc::SIGKILL), "signal 9"),
    ] {
        let builder = pools.builder(4).initializer::<Die>(&way).unwrap();
        let (error, started) = fails(builder);
        assert!(started <= 4, "{started} starts");
        assert!(matches!(error, PoolError::NotReady(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains(word) && text.contains("dying by"), "{text}");
    }
}

pub(crate) fn no_such_program(pools: &Pools) {
    if pools.is_fork() {
        return;
    }
    let method = pools.with_program(Program::new("/nowhere/worker"));
    let (error, _) = fails(Pool::builder(method).workers(4));
    let PoolError::Start(start) = &error else {
        panic!("{error}");
    };
    assert!(matches!(**start, StartError::Program { .. }));
    assert!(error.to_string().contains("/nowhere/worker"), "{error}");
}

pub(crate) fn programs_that_quit_at_once(pools: &Pools) {
    if pools.is_fork() {
        return;
    }
    for (program, word) in [("/bin/true", "code 0"), ("/bin/false", "code 1")] {
        let method = pools.with_program(Program::new(program));
        let (error, started) = fails(Pool::builder(method).workers(4));
        assert!(error.to_string().contains(word), "{error}");
        assert!(started <= 4, "{started} starts");
    }
}

/// It neither greets nor ends. The shell ignores the pool's own arguments.
pub(crate) fn a_program_that_says_nothing(pools: &Pools) {
    if pools.is_fork() {
        return;
    }
    let program = Program::new("/bin/sh").arg("-c").arg("exec sleep 1000");
    let builder = Pool::builder(pools.with_program(program)).workers(4);
    let (error, started) = fails(builder.start_timeout(Duration::from_millis(300)));
    assert!(error.to_string().contains("in time"), "{error}");
    assert!(started <= 4, "{started} starts");
}

pub(crate) fn no_fork_beside_threads(pools: &Pools) {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || receiver.recv());
    if pools.is_fork() {
        let (error, _) = fails(pools.builder(2));
        let PoolError::Start(start) = &error else {
            panic!("{error}");
        };
        assert!(matches!(
            **start,
            StartError::Fork(runtime::ForkError::Threads { threads: 2 })
        ));
        let text = error.to_string();
        assert!(
            text.contains("forkserver") && text.contains("spawn"),
            "{text}"
        );
    } else {
        crate::pools::assert_works(&mut pools.start(2));
    }
    drop(sender);
    let _ = thread.join().unwrap();
}
