//! The side of the `log` crate.

use super::sending::{level, send};
use log::{LevelFilter, Log, Metadata, Record};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the process's logger, if it has one, is a [`Forwarding`] one.
static FORWARDING: AtomicBool = AtomicBool::new(false);

/// A program's logger that steps aside in workers: there, records go to the coordinator's watcher
/// instead, as far as `Builder::log_level` of the pool wants them. Where it wants none, and in the
/// coordinator, `L` has them.
///
/// Only needed with start method `fork`; what is started by exec has no logger to begin with.
///
/// ```
/// # struct MyLogger;
/// # impl log::Log for MyLogger {
/// #     fn enabled(&self, _: &log::Metadata<'_>) -> bool { true }
/// #     fn log(&self, _: &log::Record<'_>) {}
/// #     fn flush(&self) {}
/// # }
/// log::set_boxed_logger(Box::new(runtime::Forwarding::new(MyLogger)))?;
/// log::set_max_level(log::LevelFilter::Info);
/// # Ok::<(), log::SetLoggerError>(())
/// ```
#[derive(Debug)]
pub struct Forwarding<L>(L);

impl<L: Log> Forwarding<L> {
    /// To be made the process's logger.
    pub fn new(logger: L) -> Forwarding<L> {
        FORWARDING.store(true, Ordering::Relaxed);
        Forwarding(logger)
    }
}

impl<L: Log> Log for Forwarding<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        match level() {
            0 => self.0.enabled(metadata),
            level => metadata.level() as u8 <= level,
        }
    }

    fn log(&self, record: &Record<'_>) {
        match level() {
            0 => self.0.log(record),
            level if record.level() as u8 <= level => {
                send(
                    record.level() as u8,
                    record.target(),
                    &record.args().to_string(),
                );
            }
            _ => {}
        }
    }

    fn flush(&self) {
        if level() == 0 {
            self.0.flush();
        }
    }
}

/// The logger of a program that has none.
pub(super) struct Silent;

impl Log for Silent {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn log(&self, _: &Record<'_>) {}

    fn flush(&self) {}
}

/// Makes the `log` macros of this process send records of `level` and below, where its logger
/// lets us; whether it does.
pub(super) fn install(level: u8) -> bool {
    if log::set_boxed_logger(Box::new(Forwarding(Silent))).is_ok() {
        FORWARDING.store(true, Ordering::Relaxed);
    }
    let forwards = FORWARDING.load(Ordering::Relaxed);
    if forwards {
        log::set_max_level(match level {
            0 => LevelFilter::Off,
            1 => LevelFilter::Error,
            2 => LevelFilter::Warn,
            3 => LevelFilter::Info,
            4 => LevelFilter::Debug,
            _ => LevelFilter::Trace,
        });
    }
    forwards
}
