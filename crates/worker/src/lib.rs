//! The built-in tasks and the kernels they run on.

pub mod sum;
