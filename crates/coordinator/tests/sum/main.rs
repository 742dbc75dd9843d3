//! `coordinator sum` as its users meet it: the real programs, every start method and transport.
//!
//! One suite says what a run has to be, whatever its start method and transport; what is refused,
//! what fails and what ends early have their own files. Rust's test harness has several threads,
//! so nothing forks here: programs are run, each with a deadline.

#[path = "../../../../tests/support/dispositions.rs"]
mod dispositions;
#[path = "../../../../tests/support/pending.rs"]
mod pending;

mod changes;
mod columns;
mod conformance;
mod endings;
mod environment;
mod failures;
mod fixtures;
mod limits;
mod listen;
mod midway;
mod namespaces;
mod processes;
mod programs;
mod sandbox;
mod soundness;
mod stops;
mod usage;
