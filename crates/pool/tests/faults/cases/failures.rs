//! What a task says is wrong is its own failure; its worker lives on.

use crate::pools::{Pools, a_pid};
use crate::tasks::{Fail, Panic};
use pool::{Failed, FailureKind, TaskFailure};
use task::{Input, Task, TaskError};

fn failed<T: std::fmt::Debug>(result: Result<T, TaskFailure>) -> Failed {
    match result {
        Err(TaskFailure::Failed(failed)) => *failed,
        other => panic!("not failed, but {other:?}"),
    }
}

pub(crate) fn an_error_is_its_tasks_own(pools: &Pools) {
    let mut pool = pools.start(1);
    let pid = a_pid(&mut pool);
    let handle = pool.submit::<Fail>(&(), ()).unwrap();
    let failure = failed(pool.wait(handle));
    assert_eq!(failure.kind, FailureKind::Error);
    assert_eq!(failure.message, "no such luck");
    assert_eq!(failure.worker, format!("{}Process-1", pools.stem()));
    assert_eq!(a_pid(&mut pool), pid, "the worker lives on");
    let counters = pool.counters();
    assert_eq!((counters.done, counters.failed, counters.died), (2, 1, 0));
}

pub(crate) fn a_panic_is_its_tasks_own(pools: &Pools) {
    let mut pool = pools.start(1);
    let pid = a_pid(&mut pool);
    for _ in 0..3 {
        let handle = pool.submit::<Panic>(&"oh no".to_owned(), ()).unwrap();
        let failure = failed(pool.wait(handle));
        assert_eq!(failure.kind, FailureKind::Panic);
        assert_eq!(failure.message, "oh no");
        let (file, place) = failure.location.split_once(':').unwrap();
        assert!(file.ends_with("tasks.rs"), "{}", failure.location);
        assert!(place.split(':').all(|number| number.parse::<u32>().is_ok()));
        // Names of functions are there as far as the program has them.
        assert!(failure.backtrace.contains("0: "), "{}", failure.backtrace);
        assert!(failure.to_string().contains("oh no"));
        assert_eq!(a_pid(&mut pool), pid, "the worker lives on");
    }
}

/// A task that no registry has.
struct Nowhere;

impl Task for Nowhere {
    const NAME: &'static str = "Nowhere";
    type Args = ();
    type Output = ();

    fn run((): (), _: Input<'_>) -> Result<(), TaskError> {
        Ok(())
    }
}

/// What another version of the program takes [`crate::tasks::GetPid`] for.
struct OtherGetPid;

impl Task for OtherGetPid {
    const NAME: &'static str = "GetPid";
    type Args = ();
    type Output = (String, String);

    fn run((): (), _: Input<'_>) -> Result<(String, String), TaskError> {
        Ok(Default::default())
    }
}

/// What another version of the program takes [`crate::tasks::Double`] for.
struct OtherDouble;

impl Task for OtherDouble {
    const NAME: &'static str = "Double";
    type Args = (u64, u64, String);
    type Output = u64;

    fn run(_: Self::Args, _: Input<'_>) -> Result<u64, TaskError> {
        Ok(0)
    }
}

pub(crate) fn unknown_tasks_and_outputs(pools: &Pools) {
    let mut pool = pools.start(1);
    let pid = a_pid(&mut pool);
    let handle = pool.submit::<Nowhere>(&(), ()).unwrap();
    let failure = failed(pool.wait(handle));
    assert_eq!(failure.kind, FailureKind::UnknownTask);
    assert!(failure.message.contains("Nowhere") && failure.message.contains("Double"));
    let handle = pool.submit::<OtherGetPid>(&(), ()).unwrap();
    assert!(matches!(
        pool.wait(handle),
        Err(TaskFailure::Undecodable(_))
    ));
    let args = (1, 2, "three".to_owned());
    let handle = pool.submit::<OtherDouble>(&args, ()).unwrap();
    assert_eq!(failed(pool.wait(handle)).kind, FailureKind::BadArgs);
    assert_eq!(a_pid(&mut pool), pid, "the worker lives on");
}
