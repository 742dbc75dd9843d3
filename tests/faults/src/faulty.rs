//! Tasks that do what they should, except that faults strike.

use crate::ParseDiceError;
use crate::dice::{Dice, Hand};
use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use task::{Input, Task, TaskError};

/// The environment variable that arms the programs of this crate.
pub const VARIABLE: &str = "HANDOFF_FAULTS";

/// What this process and its children were armed with. Static, since a worker learns its name
/// through a plain function.
static ARMED: OnceLock<Dice> = OnceLock::new();
/// A worker runs one task at a time.
static HAND: Mutex<Option<Hand>> = Mutex::new(None);

/// Lets faults strike in this process as a worker, or in workers that it forks, as [`VARIABLE`]
/// says; without it, or where it is empty, nothing goes wrong. To be called first in `main`.
///
/// # Errors
/// [`ParseDiceError`].
pub fn arm_from_environment() -> Result<(), ParseDiceError> {
    match std::env::var(VARIABLE) {
        Ok(word) if !word.is_empty() => {
            let dice = word.parse()?;
            ARMED.get_or_init(|| dice);
        }
        _ => {}
    }
    Ok(())
}

/// The task `T`, except that faults strike before it or after it has computed.
pub struct Faulty<T>(PhantomData<T>);

impl<T: Task> Task for Faulty<T> {
    const NAME: &'static str = T::NAME;
    type Args = T::Args;
    type Output = T::Output;

    fn run(args: T::Args, input: Input<'_>) -> Result<T::Output, TaskError> {
        let Some((fault, mut details)) = hand().as_mut().and_then(Hand::throw) else {
            return T::run(args, input);
        };
        if details.bool() {
            fault.strike(&mut details);
            return T::run(args, input);
        }
        let output = T::run(args, input);
        fault.strike(&mut details);
        output
    }
}

/// This process is the worker of that name.
pub(crate) fn on_named(name: &str) {
    *hand() = ARMED.get().map(|dice| dice.in_hand_of(name));
}

fn hand() -> MutexGuard<'static, Option<Hand>> {
    HAND.lock().unwrap_or_else(PoisonError::into_inner)
}
