//! A build without the sandbox: it is refused, not left out.

use thiserror::Error;

/// Why a process could not be confined.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// This build has no sandbox.
    #[error("this program was built without the sandbox: enable the feature `sandbox`")]
    NotBuilt,
}

/// Whether workers can be confined.
///
/// # Errors
/// Always: [`SandboxError::NotBuilt`].
pub fn sandbox_available() -> Result<(), SandboxError> {
    Err(SandboxError::NotBuilt)
}

/// Confines this process for the rest of its life.
pub(crate) fn confine() -> Result<(), SandboxError> {
    Err(SandboxError::NotBuilt)
}
