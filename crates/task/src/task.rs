//! What a task is.

use crate::Input;
use serde::{Serialize, de::DeserializeOwned};

/// Why a task failed: any error. It reaches the caller as its text.
pub type TaskError = Box<dyn std::error::Error + Send + Sync>;

/// A named computation that a worker runs on one input.
///
/// A task runs **at least once**: when a worker dies while running it, another worker starts it
/// again. Its result must depend on `args` and `input` alone.
pub trait Task: 'static {
    /// The name under which it is registered, and called across the socket.
    const NAME: &'static str;
    /// What the caller passes along with the input.
    type Args: Serialize + DeserializeOwned;
    /// What comes back.
    type Output: Serialize + DeserializeOwned;

    /// Runs in the worker.
    ///
    /// # Errors
    /// Any error fails this call and leaves the worker alive; so does a panic.
    fn run(args: Self::Args, input: Input<'_>) -> Result<Self::Output, TaskError>;
}

/// A task whose outputs over the parts of an input merge exactly into the output over the whole.
///
/// Merging must be associative and commutative to the bit: parts arrive in any order and may be
/// cut anywhere.
pub trait Reduce: Task {
    /// What the merged output finally says.
    type Final;

    /// The output over no input at all.
    fn empty() -> Self::Output;

    /// Adds another part's output.
    fn merge(merged: &mut Self::Output, part: Self::Output);

    /// The last step, once all parts are merged.
    fn finish(merged: Self::Output) -> Self::Final;
}
