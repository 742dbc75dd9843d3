//! The exit codes of `datagen`.

/// The dataset was written.
pub const DONE: u8 = 0;
/// It was not, for the reason given on stderr.
pub const FAILED: u8 = 1;
/// The command line was not understood. (Given by the argument parser.)
pub const USAGE: u8 = 2;
/// Added to the number of the signal that stopped the run.
pub const SIGNAL: u8 = 128;
