//! The cluster's command line. The program is the library beside it.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: shmem::CountingAllocator = shmem::CountingAllocator;

fn main() -> ExitCode {
    handoff_cluster::run()
}
