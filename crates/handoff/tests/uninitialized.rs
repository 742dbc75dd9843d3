//! A program that never calls `init`.

use handoff::{ErrorKind, Pool, StartMethod};
use std::process::Command;

#[test]
fn starting_the_own_program_is_refused() {
    for method in [StartMethod::Spawn, StartMethod::ForkServer] {
        let error = Pool::builder().start_method(method).start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(error.to_string().contains("handoff::init()"), "{error}");
    }
    assert_eq!(Pool::background().unwrap_err().kind(), ErrorKind::Misuse);
}

#[test]
fn threads_need_no_init() {
    let mut pool = Pool::builder()
        .start_method(StartMethod::InProcess)
        .start()
        .unwrap();
    assert_eq!(pool.run(handoff::testing::bytes(1)).unwrap(), b"x");
}

#[test]
fn a_worker_that_does_not_serve_builds_no_pool() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "started_as_a_worker", "--ignored"])
        .env("HANDOFF_WORKER", format!("3,{}", std::process::id()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
#[ignore = "run by a_worker_that_does_not_serve_builds_no_pool, in a process of its own"]
fn started_as_a_worker() {
    for method in [
        StartMethod::Spawn,
        StartMethod::Fork,
        StartMethod::InProcess,
    ] {
        let error = Pool::builder().start_method(method).start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(error.to_string().contains("started as a worker"), "{error}");
    }
}
