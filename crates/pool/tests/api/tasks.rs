//! The tasks that the checks run.

use std::path::PathBuf;
use std::time::Duration;
use task::{Input, Registry, Task, TaskError};

pub(crate) fn registry() -> Registry {
    Registry::new()
        .with::<Sum>()
        .with::<Say>()
        .with::<Sleep>()
        .with::<DieOnce>()
        .with::<Hog>()
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

/// Sleeps for so many milliseconds.
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

/// Takes so many bytes of memory, then dies.
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
