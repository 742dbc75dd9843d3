//! A module apart, with a logger of its own and the function that calls it.

use super::identity::Logger;
use tracing::debug;

const NAME: &str = "separate";

static LOGGER: Logger = Logger::new(NAME);

/// Logs by this module's logger, and says by which.
pub(super) fn call_logger() -> &'static Logger {
    let id = LOGGER.id();
    debug!(target: NAME, "Logger({id}): function executed.");
    &LOGGER
}
