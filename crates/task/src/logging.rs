//! Log records of a worker, sent to its coordinator.

use crate::serve::Outbox;
use log::{LevelFilter, Log, Metadata, Record};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wire::{FromWorker, LogRecord};

/// The longest message that is sent, in bytes.
const MAX_MESSAGE: usize = 16 * 1024;

/// The call that is running, plus one; 0 between calls.
static RUNNING: AtomicU64 = AtomicU64::new(0);

/// Says which call is running, for the records that it logs.
pub(crate) fn running(call: Option<u64>) {
    RUNNING.store(call.map_or(0, |id| id.wrapping_add(1)), Ordering::Relaxed);
}

/// Makes the `log` macros of this process send records of `level` and below. A logger that the
/// program has set before stays; its output is the program's business.
pub(crate) fn forward(outbox: &Arc<Outbox>, level: u8) {
    let filter = match level {
        0 => return,
        1 => LevelFilter::Error,
        2 => LevelFilter::Warn,
        3 => LevelFilter::Info,
        4 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    if log::set_boxed_logger(Box::new(Forward(Arc::clone(outbox)))).is_ok() {
        log::set_max_level(filter);
    }
}

struct Forward(Arc<Outbox>);

impl Log for Forward {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut message = record.args().to_string();
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        let record = LogRecord {
            level: record.level() as u8,
            target: record.target(),
            message: &message,
            call: RUNNING.load(Ordering::Relaxed).checked_sub(1),
            at_ns: crate::now_ns(),
        };
        // A record that cannot be sent has nowhere else to go: the coordinator is gone.
        let _ = self
            .0
            .push(&FromWorker::Log(record))
            .and_then(|()| self.0.flush());
    }

    fn flush(&self) {}
}
