//! Named situations, each of them one that pools get wrong.

mod asking;
mod batches;
mod elastic;
mod ends;
mod external;
mod fixtures;
mod grown;
mod plain;
mod recalls;
mod resting;
mod sends;
mod sharing;
mod starting;
