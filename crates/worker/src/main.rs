//! The standalone worker program; everything it does is in the library.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: shmem::CountingAllocator = shmem::CountingAllocator;

fn main() -> ExitCode {
    worker::cli::main()
}
