//! Panics of tasks, caught with their place and backtrace. Panics elsewhere, in threads that a task
//! starts, go to the hook that was there before: no answer carries them.

use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use task::{Failure, Why};
use wire::FailureKind;

/// The longest backtrace that is sent, in bytes.
const MAX_BACKTRACE: usize = 64 * 1024;

struct Place {
    location: String,
    backtrace: String,
}

thread_local! {
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// From now on, panics inside of [`catch`] are noted rather than printed; the answer carries them.
/// Where a panic ends the process, there is no answer, and they are printed too.
pub(crate) fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IN_TASK.get() || cfg!(panic = "abort") {
                return before(info);
            }
            let location = info.location().map(ToString::to_string).unwrap_or_default();
            let mut backtrace = Backtrace::force_capture().to_string();
            crate::text::cut(&mut backtrace, MAX_BACKTRACE);
            PLACE.set(Some(Place {
                location,
                backtrace,
            }));
        }));
    });
}

/// Runs `work`; a panic becomes a [`Failure`].
pub(crate) fn catch<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let before = IN_TASK.replace(true);
    let caught = panic::catch_unwind(AssertUnwindSafe(work));
    IN_TASK.set(before);
    caught.unwrap_or_else(|payload| {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic whose payload is not text".to_owned());
        let place = PLACE.take();
        Err(Failure::from(Why {
            kind: FailureKind::Panic,
            message,
            location: place
                .as_ref()
                .map(|place| place.location.clone())
                .unwrap_or_default(),
            backtrace: place.map(|place| place.backtrace).unwrap_or_default(),
        }))
    })
}
