//! Interrupting a task that is asked to end, as hosts of other languages do.

use crate::tasks::registry;
use nix::poll::ppoll;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::time::TimeSpec;
use pool::{Pool, StartMethod, TaskFailure};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use task::{Input, Task, TaskError};

/// As long as no check takes.
const LONG: Duration = Duration::from_secs(60);

static CALLED: AtomicU32 = AtomicU32::new(0);

fn hook() {
    CALLED.fetch_add(1, Ordering::SeqCst);
}

/// Waits in the kernel until the hook was called. Gives its process and how often that was.
pub(crate) struct WaitInterrupted;

impl Task for WaitInterrupted {
    const NAME: &'static str = "wait-interrupted";
    type Args = PathBuf;
    type Output = ();
    fn run(marker: PathBuf, _: Input<'_>) -> Result<(), TaskError> {
        // SAFETY: the hook only changes an atomic number.
        unsafe { runtime::set_cancel_hook(hook) };
        let before = CALLED.load(Ordering::SeqCst);
        // The signal may come as soon as the marker is there, and has to find the task waiting.
        let mut held = SigSet::empty();
        held.add(Signal::try_from(runtime::CANCEL_SIGNAL)?);
        let unheld = held.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        std::fs::write(marker, "begun")?;
        let _ = ppoll(&mut [], Some(TimeSpec::from_duration(LONG)), Some(unheld));
        unheld.thread_set_mask()?;
        let called = CALLED.load(Ordering::SeqCst) - before;
        assert!(
            called > 0 && runtime::cancelled(),
            "woken by something else"
        );
        Ok(())
    }
}

/// The worker's process, and how often the hook was called in it.
pub(crate) struct Calls;

impl Task for Calls {
    const NAME: &'static str = "calls";
    type Args = ();
    type Output = (u32, u32);
    fn run((): (), _: Input<'_>) -> Result<(u32, u32), TaskError> {
        Ok((std::process::id(), CALLED.load(Ordering::SeqCst)))
    }
}

pub(crate) fn a_hook_interrupts_a_task_that_is_to_end(method: StartMethod) {
    let directory = tempfile::tempdir().unwrap();
    let builder = Pool::builder(method).tasks(registry()).workers(1);
    let mut pool = builder.cancel_grace(LONG).start().unwrap();
    let calls = |pool: &mut Pool| {
        let handle = pool.submit::<Calls>(&(), ()).unwrap();
        pool.wait(handle).unwrap()
    };
    let (worker, none) = calls(&mut pool);
    assert_eq!(none, 0);
    for (round, cancel) in [true, false, true].into_iter().enumerate() {
        let marker = directory.path().join(round.to_string());
        let call = pool.call::<WaitInterrupted>(&marker);
        if cancel {
            let handle = call.submit().unwrap();
            while !marker.exists() {
                pool.drive(Some(Duration::from_millis(1))).unwrap();
            }
            assert!(pool.cancel(&handle));
        } else {
            // Long enough for the task to wait by then.
            let handle = call.timeout(Duration::from_secs(1)).submit().unwrap();
            let failure = pool.wait(handle).unwrap_err();
            assert!(matches!(failure, TaskFailure::TimedOut(_)), "{failure}");
        }
        let (same, called) = calls(&mut pool);
        assert_eq!(same, worker, "another worker");
        assert!(called as usize > round, "called {called} times");
    }
    assert_eq!(pool.counters().died, 0);
}
