//! Named situations, each of them one that pools get wrong.

mod batches;
mod elastic;
mod external;
mod fixtures;
mod plain;
mod recalls;
