//! The standalone worker: serves the built-in tasks to whoever speaks the protocol.

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use task::Endpoint;

#[global_allocator]
static ALLOCATOR: shmem::CountingAllocator = shmem::CountingAllocator;

/// Serves Handoff's built-in tasks on a socket until the coordinator closes it
#[derive(Parser)]
#[command(version = task::VERSION, after_help = "The protocol is described in crates/wire/PROTOCOL.md.")]
struct Cli {
    #[command(flatten)]
    endpoint: Where,
    /// Become that process's worker, and die with it
    #[arg(long, value_name = "PID", hide = true)]
    parent: Option<u32>,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Where {
    /// Serve on this inherited descriptor, a connected stream socket
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    fd: Option<i32>,
    /// Connect to the Unix-domain socket at this path and serve there
    #[arg(long, value_name = "PATH")]
    connect: Option<PathBuf>,
    /// Fork workers on request, asked over this inherited descriptor
    #[arg(long, value_name = "N", hide = true, value_parser = clap::value_parser!(i32).range(0..))]
    forkserver: Option<i32>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let endpoint = match cli.endpoint {
        Where { fd: Some(fd), .. } => Endpoint::Fd(fd),
        Where {
            connect: Some(path),
            ..
        } => Endpoint::Connect(path),
        Where { forkserver, .. } => Endpoint::ForkServer(forkserver.expect("one is required")),
    };
    match task::run_at(&endpoint, cli.parent, &worker::registry()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("worker: {error}");
            ExitCode::FAILURE
        }
    }
}
