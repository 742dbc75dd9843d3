//! Pools in tests of the standard harness.

use handoff::{ErrorKind, Pool, StartMethod, task, testing};
use std::time::Duration;

handoff::test_support!();

#[task]
fn double(n: u64) -> u64 {
    2 * n
}

fn pool(method: StartMethod) -> Pool {
    let builder = Pool::builder().start_method(method).workers(1);
    // A watchdog: a start that hangs fails the test.
    builder
        .start_timeout(Duration::from_secs(10))
        .start()
        .unwrap()
}

#[test]
fn workers_of_a_test_program_serve() {
    for method in [
        StartMethod::Spawn,
        StartMethod::ForkServer,
        StartMethod::InProcess,
    ] {
        assert_eq!(pool(method).run(double(21)).unwrap(), 42);
    }
}

#[test]
fn forking_beside_the_harness_is_refused() {
    let error = Pool::builder()
        .start_method(StartMethod::Fork)
        .start()
        .unwrap_err();
    assert!(error.to_string().contains("threads"), "{error}");
    let error = handoff::fork_map(2, &[1], |n| n + 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn tasks_go_wrong_on_request() {
    let mut pool = pool(StartMethod::Spawn);
    let kind = |error: handoff::Error| error.kind();
    let (crash, exit) = (testing::crash().retries(0), testing::exit(3).retries(0));
    assert_eq!(pool.run(crash).map_err(kind), Err(ErrorKind::Died));
    let exited = pool.run(exit).unwrap_err();
    assert_eq!(exited.death().unwrap().exit_code(), Some(3));
    let hang = testing::hang().timeout(Duration::from_millis(20));
    assert_eq!(pool.run(hang).map_err(kind), Err(ErrorKind::TimedOut));
    let text = "as asked".to_owned();
    assert_eq!(pool.run(testing::late(5, text.clone())).unwrap(), text);
    assert_eq!(
        pool.run(testing::panic(text.clone())).map_err(kind),
        Err(ErrorKind::Panicked)
    );
    assert_eq!(
        pool.run(testing::fail(text.clone()))
            .unwrap_err()
            .to_string(),
        text
    );
    assert_eq!(pool.run(testing::bytes(100)).unwrap().len(), 100);
    let folder = tempfile::tempdir().unwrap();
    let marks = folder.path().join("marks");
    assert_eq!(pool.run(testing::crash_at_first(marks, 2)).unwrap(), 3);
}

#[test]
fn rebuilding_the_program_does_not_matter() {
    // The worker is this program's image, whatever stands under its path by then.
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut child = std::process::Command::new(&program);
    let child = child.args(["--exact", "removes_its_own_file", "--ignored"]);
    let output = child.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!program.exists());
}

#[test]
#[ignore = "run by rebuilding_the_program_does_not_matter, in a copy of this program"]
fn removes_its_own_file() {
    let mut pool = pool(StartMethod::Spawn);
    std::fs::remove_file(std::env::current_exe().unwrap()).unwrap();
    assert!(pool.run(testing::crash().retries(0)).is_err());
    assert_eq!(
        pool.run(double(1)).unwrap(),
        2,
        "by a worker that was started since"
    );
}
