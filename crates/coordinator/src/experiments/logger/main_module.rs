//! The original study's main module: its logger, and the function that calls it.

use super::identity::Logger;
use report::StartMethod;
use tracing::debug;

const NAME: &str = "main";

static LOGGER: Logger = Logger::new(NAME);

pub(super) fn logger() -> &'static Logger {
    &LOGGER
}

/// The coordinator's line before it starts workers.
pub(super) fn log_start(method: StartMethod) {
    let id = LOGGER.id();
    debug!(target: NAME, "Logger({id}): start workers by '{method}'.");
}

/// Logs by this module's logger, and says by which.
pub(super) fn call_logger() -> &'static Logger {
    let id = LOGGER.id();
    debug!(target: NAME, "Logger({id}): function executed.");
    &LOGGER
}
