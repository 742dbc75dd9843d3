//! Datasets: one-dimensional arrays of fixed-size records in NumPy `.npy` files.
//!
//! This crate knows the file format: headers, record layouts, fields, and how records divide into
//! batches. It reads the header alone; its users map or read the data.
//!
//! ```text
//! \x93NUMPY 1.0 {'descr': [('index', '<i8'), …, ('val', '<f8')], 'shape': (3,), …}   a Header
//! ├─ index ─┼─ timestamp ─┼─ val ─┤ record 0                                          a Layout
//! ├─ index ─┼─ timestamp ─┼─ val ─┤ record 1                 val: a Column of the layout
//! ├─ index ─┼─ timestamp ─┼─ val ─┤ record 2                 records 1..3: a batch
//! ```
//!
//! ```no_run
//! use dataset::{Dataset, batches};
//!
//! let dataset = Dataset::open("data/records.npy".as_ref())?;
//! let column = dataset.column(Some("val"))?;
//! for batch in batches(dataset.records(), 4) {
//!     println!("records {batch:?}: {column:?}");
//! }
//! // What was mapped meanwhile may have been replaced or cut off:
//! dataset.check_unchanged()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Errors name the path and, where a file is something else than `.npy`, what would make it one.

mod batches;
mod descr;
mod dtype;
mod header;
mod identity;
mod layout;
mod literal;
mod lookalike;
mod open;
mod sample;
mod scalar;

pub use batches::batches;
pub use descr::DescrError;
pub use dtype::{Class, Dtype};
pub use header::{Header, HeaderError};
pub use identity::Identity;
pub use layout::{Column, ColumnError, Field, FieldError, Layout, STUDY_FIELD, STUDY_RECORD_LEN};
pub use open::{ChangedError, ColumnInError, Dataset, MapError, OpenError};
pub use scalar::{Kind, Order, Scalar};
