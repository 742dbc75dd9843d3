//! The tasks that the checks run.

use crate::points::Bomb;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use task::{Input, Registry, Task, TaskError};

pub(crate) fn registry() -> Registry {
    Registry::new()
        .with::<Sum>()
        .with::<Say>()
        .with::<Sleep>()
        .with::<DieOnce>()
        .with::<Hog>()
        .with::<Keep>()
        .with::<Begin>()
        .with::<Begun>()
        .with::<BeginUnless>()
        .with::<Die>()
        .with::<Pass>()
        .with::<crate::descriptors::Limit>()
        .with::<crate::soft::WaitInterrupted>()
        .with::<crate::soft::Calls>()
}

/// The sum of its input's numbers.
pub(crate) struct Sum;

impl Task for Sum {
    const NAME: &'static str = "sum";
    type Args = ();
    type Output = u64;
    fn run((): (), input: Input<'_>) -> Result<u64, TaskError> {
        Ok(input.elements::<u64>()?.iter().sum())
    }
}

/// Logs the text in every way there is.
pub(crate) struct Say;

impl Task for Say {
    const NAME: &'static str = "say";
    type Args = String;
    type Output = ();
    fn run(text: String, _: Input<'_>) -> Result<(), TaskError> {
        log::debug!(target: "said", "log {text}");
        log::trace!(target: "said", "too fine");
        tracing::warn!(target: "said", answer = 42, "tracing {text}");
        tracing::debug!(target: "said", "fine {text}");
        tracing::trace!(target: "said", "too fine");
        eprintln!("stderr {text}");
        Ok(())
    }
}

/// Sleeps for a number of milliseconds.
pub(crate) struct Sleep;

impl Task for Sleep {
    const NAME: &'static str = "sleep";
    type Args = u64;
    type Output = ();
    fn run(millis: u64, _: Input<'_>) -> Result<(), TaskError> {
        std::thread::sleep(Duration::from_millis(millis));
        Ok(())
    }
}

/// Kills its worker unless the file is there; leaves it there.
pub(crate) struct DieOnce;

impl Task for DieOnce {
    const NAME: &'static str = "die-once";
    type Args = PathBuf;
    type Output = ();
    fn run(marker: PathBuf, _: Input<'_>) -> Result<(), TaskError> {
        if std::fs::exists(&marker)? {
            return Ok(());
        }
        std::fs::write(&marker, "")?;
        std::process::abort();
    }
}

/// Takes a number of bytes of memory, then dies.
pub(crate) struct Hog;

impl Task for Hog {
    const NAME: &'static str = "hog";
    type Args = usize;
    type Output = u8;
    fn run(bytes: usize, _: Input<'_>) -> Result<u8, TaskError> {
        let memory = std::hint::black_box(vec![1u8; bytes]);
        if memory[bytes / 2] == 1 {
            std::process::abort();
        }
        Ok(memory[0])
    }
}

static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Leaks a number of bytes of memory; returns its process.
pub(crate) struct Keep;

impl Task for Keep {
    const NAME: &'static str = "keep";
    type Args = usize;
    type Output = u32;
    fn run(bytes: usize, _: Input<'_>) -> Result<u32, TaskError> {
        KEPT.lock().unwrap().push(vec![1; bytes]);
        Ok(std::process::id())
    }
}

/// The process that has begun, and how often.
static BEGUN: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// An initializer that says it was there.
pub(crate) struct Begin;

impl Task for Begin {
    const NAME: &'static str = "begin";
    type Args = ();
    type Output = ();
    fn run((): (), _: Input<'_>) -> Result<(), TaskError> {
        BEGUN[0].store(u64::from(std::process::id()), Ordering::Relaxed);
        BEGUN[1].fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Whether [`Begin`] was there in just this process, and how often.
pub(crate) struct Begun;

impl Task for Begun {
    const NAME: &'static str = "begun";
    type Args = ();
    type Output = (bool, u64);
    fn run((): (), _: Input<'_>) -> Result<(bool, u64), TaskError> {
        let [process, times] = &BEGUN;
        let here = process.load(Ordering::Relaxed) == u64::from(std::process::id());
        Ok((here, times.load(Ordering::Relaxed)))
    }
}

/// An initializer that fails once the file is there.
pub(crate) struct BeginUnless;

impl Task for BeginUnless {
    const NAME: &'static str = "begin-unless";
    type Args = PathBuf;
    type Output = ();
    fn run(marker: PathBuf, _: Input<'_>) -> Result<(), TaskError> {
        if std::fs::exists(&marker)? {
            return Err("the way is barred".into());
        }
        Ok(())
    }
}

/// Sleeps for a number of milliseconds, then is killed.
pub(crate) struct Die;

impl Task for Die {
    const NAME: &'static str = "die";
    type Args = u64;
    type Output = ();
    fn run(millis: u64, _: Input<'_>) -> Result<(), TaskError> {
        std::thread::sleep(Duration::from_millis(millis));
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL)?;
        Ok(())
    }
}

/// Passes a value through a worker.
pub(crate) struct Pass;

impl Task for Pass {
    const NAME: &'static str = "pass";
    type Args = Bomb;
    type Output = Bomb;
    fn run(bomb: Bomb, _: Input<'_>) -> Result<Bomb, TaskError> {
        bomb.passes(crate::points::Point::Run)?;
        Ok(bomb)
    }
}
