//! Panics of tasks, caught with their place and backtrace.

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use task::Failure;
use wire::FailureKind;

/// The longest backtrace that is sent, in bytes.
const MAX_BACKTRACE: usize = 64 * 1024;

struct Place {
    location: String,
    backtrace: String,
}

thread_local! {
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// From now on, panics in this process are noted rather than printed; the answer carries them.
pub(crate) fn capture() {
    panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let mut backtrace = Backtrace::force_capture().to_string();
        backtrace.truncate(backtrace.floor_char_boundary(MAX_BACKTRACE));
        PLACE.set(Some(Place {
            location,
            backtrace,
        }));
    }));
}

/// Runs `work`; a panic becomes a [`Failure`].
pub(crate) fn catch<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic whose payload is not text".to_owned());
        let place = PLACE.take();
        Err(Failure {
            kind: FailureKind::Panic,
            message,
            location: place
                .as_ref()
                .map(|place| place.location.clone())
                .unwrap_or_default(),
            backtrace: place.map(|place| place.backtrace).unwrap_or_default(),
        })
    })
}
