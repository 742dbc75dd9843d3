//! The native module of `handoff_pool`: the pool under a `concurrent.futures` executor.
//!
//! The package's Python is in `python/`. This crate moves frames, waits without the interpreter,
//! and shares memory; it knows nothing of arrays or pickles.

mod blocks;
mod buffer;
mod forks;
mod frame;
mod life;
mod memory;
mod pool;
mod results;
mod settings;
mod signals;
mod watch;
mod worker;

/// The module.
#[pyo3::pymodule(gil_used = true)]
mod _native {
    #[pymodule_export]
    use crate::blocks::{clear_blocks, divide_blocks};
    #[pymodule_export]
    use crate::buffer::{Buffer, share, view_file, view_shared};
    #[pymodule_export]
    use crate::pool::Pool;
    #[pymodule_export]
    use crate::worker::{cancelled, lease, note, serve};

    /// The signal that comes with a request to end the task that runs.
    #[pymodule_export]
    const CANCEL_SIGNAL: i32 = runtime::CANCEL_SIGNAL;
}
