//! How the steps of a transport report their progress.

use std::ops::ControlFlow;

/// Called with the bytes done so far; may stop the step.
pub type Progress<'a> = dyn FnMut(u64) -> ControlFlow<()> + 'a;
