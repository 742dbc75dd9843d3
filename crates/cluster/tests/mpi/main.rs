//! The program under `mpirun`: the bits of the coordinator's sum, whatever the ranks, and one clear
//! end whatever goes wrong.
//!
//! It needs `mpirun`, and the `coordinator` and `worker` programs beside `cluster`: `cargo xtask ci
//! --mpi` builds all three and runs this.

mod bits;
mod data;
mod endings;
mod hosts;
mod kept;
mod kills;
mod own;
mod run;
mod seen;
