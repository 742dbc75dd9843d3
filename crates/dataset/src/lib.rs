//! Datasets: one-dimensional arrays of fixed-size records in NumPy `.npy` files.
//!
//! This crate knows the file format: headers, record layouts, fields, and how records divide into
//! batches. It reads the header alone and leaves the data to whoever maps or reads the file.

mod batches;
mod descr;
mod dtype;
mod header;
mod identity;
mod layout;
mod literal;
mod lookalike;
mod open;
mod scalar;

pub use batches::batches;
pub use descr::DescrError;
pub use dtype::{Class, Dtype};
pub use header::{Header, HeaderError};
pub use identity::Identity;
pub use layout::{Column, ColumnError, Field, FieldError, Layout};
pub use open::{ChangedError, Dataset, MapError, OpenError};
pub use scalar::{Kind, Order, Scalar};
