//! The variants of the experiment.

use report::StartMethod;

/// One run of the experiment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) method: StartMethod,
    /// The function that logs lives in a module with a logger of its own.
    pub(super) own_module: bool,
    /// Every worker begins with what the coordinator did to get its handler.
    pub(super) initializer: bool,
}
