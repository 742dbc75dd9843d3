//! The exit codes of `datagen`: 0 the dataset was written, 1 it was not, 2 usage, 128+n stopped by signal n.

pub use output::exit::{DONE, FAILED, SIGNAL, USAGE};
