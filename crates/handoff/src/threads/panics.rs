//! Panics of tasks on threads: caught, with their place, and not printed. All others are the
//! program's own and go to its panic hook.

use pool::FailureKind;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use task::{Failure, Why};

thread_local! {
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// From now on, panics inside of [`catch`] are noted rather than printed. Where a panic ends the process,
/// nobody would read the note, and they are printed.
pub(crate) fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IN_TASK.get() || cfg!(panic = "abort") {
                return before(info);
            }
            let location = info.location().map(ToString::to_string).unwrap_or_default();
            let backtrace = Backtrace::capture();
            let backtrace = match backtrace.status() {
                BacktraceStatus::Captured => backtrace.to_string(),
                _ => String::new(),
            };
            PLACE.set(Some((location, backtrace)));
        }));
    });
}

/// Runs `work`; a panic becomes a [`Failure`].
pub(crate) fn catch<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let before = IN_TASK.replace(true);
    let caught = panic::catch_unwind(AssertUnwindSafe(work));
    IN_TASK.set(before);
    caught.unwrap_or_else(|payload| {
        let (location, backtrace) = PLACE.take().unwrap_or_default();
        Err(Failure::from(Why {
            kind: FailureKind::Panic,
            message: message_of(&*payload),
            location,
            backtrace,
        }))
    })
}

/// The text of a panic.
pub(crate) fn message_of(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic whose payload is not text".to_owned())
}
