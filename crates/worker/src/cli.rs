//! The standalone worker's command line. It stands in the library so that the coordinator can write
//! its manual page too.

use clap::{Args, Parser};
use runtime::Endpoint;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Serves Handoff's built-in tasks on a socket until the coordinator closes it
#[derive(Debug, Parser)]
#[command(name = "worker", version = runtime::VERSION, max_term_width = 100,
    override_usage = "worker --fd <N>\n       worker --connect <PATH>", after_help = "\
Examples:
  coordinator sum data/records.npy --start-method spawn    # starts its workers itself
  worker --connect /run/user/1000/handoff.sock             # serves the program that listens there

The protocol is described in crates/wire/PROTOCOL.md. Exit codes: 0 the coordinator closed the
socket, 1 failed, 2 usage.")]
pub struct Cli {
    #[command(flatten)]
    endpoint: Where,
    /// Become that process's worker, and die with it
    #[arg(long, value_name = "PID", hide = true)]
    parent: Option<u32>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Where {
    /// Serve on this inherited descriptor, a connected stream socket
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    fd: Option<i32>,
    /// Connect to the Unix-domain socket at this path and serve there
    #[arg(long, short, value_name = "PATH")]
    connect: Option<PathBuf>,
    /// Fork workers on request, asked over this inherited descriptor
    #[arg(long, value_name = "N", hide = true, value_parser = clap::value_parser!(i32).range(0..))]
    forkserver: Option<i32>,
}

/// The whole of `main`: parses the command line, serves, and gives the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let endpoint = match cli.endpoint {
        Where { fd: Some(fd), .. } => Endpoint::Fd(fd),
        Where {
            connect: Some(path),
            ..
        } => Endpoint::Connect(path),
        Where { forkserver, .. } => Endpoint::ForkServer(forkserver.expect("one is required")),
    };
    match runtime::run_at(&endpoint, cli.parent, &crate::registry()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A reader that has gone away is no reason for a panic.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
