//! The exit codes that all programs have in common. A program may add codes of its own.

/// Everything was done.
pub const DONE: u8 = 0;
/// Something failed, for the reason on stderr.
pub const FAILED: u8 = 1;
/// The command line asks for something that cannot be. (The argument parser's own code as well.)
pub const USAGE: u8 = 2;
/// Added to the number of the signal that ended the program.
pub const SIGNAL: u8 = 128;
