//! Descriptors that run short for a moment, in a worker or in the coordinator, while a region is handed
//! over.

use crate::tasks::{Keep, Sum, registry};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use pool::{Pool, StartMethod, TaskFailure};
use std::fs::File;
use std::sync::{Mutex, PoisonError};
use task::{Input, Task, TaskError};

/// A hang ends the program by SIGALRM, after this number of seconds.
const WATCHDOG_S: u32 = 10;

/// Lowers a process's limit to the descriptors that it has (`true`), or raises it again.
pub(crate) struct Limit;

impl Task for Limit {
    const NAME: &'static str = "limit";
    type Args = bool;
    type Output = ();
    fn run(tight: bool, _: Input<'_>) -> Result<(), TaskError> {
        Ok(limit(tight)?)
    }
}

/// The limit before, and the descriptors that fill what is below the lowered one.
static BEFORE: Mutex<Option<(u64, Vec<File>)>> = Mutex::new(None);

fn limit(tight: bool) -> std::io::Result<()> {
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if !tight {
        let (soft, fillers) = before.take().unwrap_or((soft, Vec::new()));
        drop(fillers);
        return Ok(setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?);
    }
    // Every number below the limit is taken: gaps are filled.
    let highest = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u64>().ok())
        .max();
    setrlimit(Resource::RLIMIT_NOFILE, highest.unwrap_or(2) + 1, hard)?;
    let fillers = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    *before = Some((soft, fillers));
    Ok(())
}

fn run<T: Task<Args = A, Output = O>, A, O: Send>(
    pool: &mut Pool,
    args: &A,
    input: impl Into<pool::Input>,
) -> Result<O, TaskFailure> {
    let handle = pool.submit::<T>(args, input).unwrap();
    pool.wait(handle)
}

pub(crate) fn a_region_lost_for_want_of_one_is_sent_again(method: StartMethod) {
    nix::unistd::alarm::set(WATCHDOG_S);
    let builder = Pool::builder(method).tasks(registry()).workers(1);
    let mut pool = builder.start().unwrap();
    let array = pool.share(&[1_u64, 2, 3]).unwrap();
    run::<Limit, _, _>(&mut pool, &true, ()).unwrap();
    let lost = run::<Sum, _, _>(&mut pool, &(), array.input(..)).unwrap_err();
    assert!(matches!(lost, TaskFailure::Failed(_)), "{lost}");
    run::<Limit, _, _>(&mut pool, &false, ()).unwrap();
    assert_eq!(
        run::<Sum, _, _>(&mut pool, &(), array.input(..)).unwrap(),
        6
    );
    assert_eq!(pool.counters().died, 0);
    nix::unistd::alarm::cancel();
}

pub(crate) fn a_call_that_was_not_sent_uses_up_no_budget(method: StartMethod) {
    nix::unistd::alarm::set(WATCHDOG_S);
    let builder = Pool::builder(method).tasks(registry()).workers(1);
    let mut pool = builder.recycle_after(3).start().unwrap();
    let array = pool.share(&[1_u64, 2, 3]).unwrap();
    let first = run::<Keep, _, _>(&mut pool, &1, ()).unwrap();
    limit(true).unwrap();
    for _ in 0..3 {
        let unsent = run::<Sum, _, _>(&mut pool, &(), array.input(..)).unwrap_err();
        assert!(unsent.to_string().contains("region"), "{unsent}");
    }
    limit(false).unwrap();
    // The second and the third that it answers.
    assert_eq!(
        run::<Sum, _, _>(&mut pool, &(), array.input(..)).unwrap(),
        6
    );
    assert_eq!(run::<Keep, _, _>(&mut pool, &1, ()).unwrap(), first);
    assert_ne!(run::<Keep, _, _>(&mut pool, &1, ()).unwrap(), first);
    nix::unistd::alarm::cancel();
}
