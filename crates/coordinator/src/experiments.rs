//! The experiments of the original study: what a start method does to a program's module scope and to
//! its loggers, and every claim of its table measured.

pub(crate) mod image;
pub(crate) mod kind;
pub(crate) mod logger;
pub(crate) mod module_scope;
mod observe;
mod process;
pub(crate) mod traits;
mod workers;
