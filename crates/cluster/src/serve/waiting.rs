//! Calls that a rank has and its pool does not.

use crate::protocol::Terms;
use pool::MAX_BATCH_ARGS;
use task::arrays::raw::Part;

/// A call that the pool does not have yet.
pub(super) struct Waiting {
    pub(super) id: u64,
    pub(super) task: u32,
    pub(super) args: Vec<u8>,
    pub(super) input: bool,
    pub(super) parts: Result<Vec<Part>, String>,
    pub(super) terms: Option<Terms>,
}

impl Waiting {
    /// Whether it has nothing but short arguments.
    pub(super) fn is_plain(&self) -> bool {
        let arrays = self.parts.as_ref().is_ok_and(Vec::is_empty);
        arrays && !self.input && self.terms.is_none() && self.args.len() <= MAX_BATCH_ARGS
    }
}
