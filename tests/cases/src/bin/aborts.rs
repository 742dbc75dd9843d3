//! A program whose panics abort: a panic of a task, or of a thread that it starts, ends the worker, and
//! the death report has the panic's message. Cargo builds tests with unwinding panics, so this checks
//! itself: `cargo run --profile abort -p cases --bin aborts`.

use handoff::{ErrorKind, Pool, StartMethod, task};
use std::time::Duration;

/// No trial takes as long.
const WATCHDOG: Duration = Duration::from_secs(10);

#[task]
fn panic_at(item: u32) -> u32 {
    assert_ne!(item, 7, "a bad item");
    item
}

#[task]
fn panic_in_a_thread(item: u32) -> u32 {
    let thread = std::thread::spawn(move || assert_ne!(item, 7, "a bad item"));
    thread.join().map_or(0, |()| item)
}

fn main() {
    handoff::init();
    if !cfg!(panic = "abort") {
        panic!("run with --profile abort");
    }
    let error = handoff::fork_map(2, &[6, 7], |&item| {
        assert_ne!(item, 7, "a bad item");
        item
    });
    let error = error.unwrap_err();
    assert_eq!(error.item(), Some(1), "{error}");
    assert_eq!(error.death().unwrap().signal(), Some(6), "{error}");
    for method in [
        StartMethod::Fork,
        StartMethod::Spawn,
        StartMethod::ForkServer,
    ] {
        let builder = Pool::builder().start_method(method).workers(1);
        let mut pool = builder.timeout(WATCHDOG).start().unwrap();
        for call in [panic_at(7), panic_in_a_thread(7)] {
            let error = pool.run(call.retries(0)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Died, "{error}");
            let death = error.death().unwrap();
            assert_eq!(death.signal(), Some(6), "{error}");
            let said = death.stderr().join("\n");
            assert!(said.contains("a bad item"), "{said}");
            assert!(said.contains("aborts.rs:"), "no place: {said}");
            assert_eq!(pool.run(panic_at(1)).unwrap(), 1);
        }
    }
    println!("ok");
}
