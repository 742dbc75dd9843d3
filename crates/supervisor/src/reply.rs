//! Where the result of a task goes, whatever its type.

use crate::failure::TaskFailure;
use serde::de::DeserializeOwned;
use std::panic;
use task::arrays;

/// Takes results of tasks, whatever their types. Called exactly once for each call, from inside
/// the pool's own calls (of a `Background` pool: on its thread). One reply may be
/// that of many calls, each of which has a tag.
pub trait Reply: Send + Sync {
    /// Takes the encoded output, or why there is none. Must not call the pool.
    fn resolve(&self, tag: u64, result: Result<&[u8], TaskFailure>);

    /// Takes what the task says of how far it is. Must not call the pool.
    fn progress(&self, tag: u64, done: u64, total: u64) {
        let _ = (tag, done, total);
    }

    /// Takes what the task says while it runs. Must not call the pool.
    fn note(&self, tag: u64, bytes: &[u8]) {
        let _ = (tag, bytes);
    }
}

/// Decodes a whole output. A type whose decoding panics must not take the pool along.
pub fn decode<T: DeserializeOwned>(output: &[u8]) -> Result<T, TaskFailure> {
    let decoded = arrays::decode(output, |output| {
        let decoded = panic::catch_unwind(|| postcard::take_from_bytes(output));
        Err(match decoded {
            Ok(Ok((output, []))) => return Ok(output),
            Ok(Ok((_, rest))) => format!("{} bytes are left over", rest.len()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "its type panicked while it was decoded".to_owned(),
        })
    });
    decoded.map_err(TaskFailure::Undecodable)
}
