//! A program whose workers are another program: small, started by exec, with nothing of this one's
//! memory, threads or open files.
//!
//! `cargo run -p pool --example own_worker`

mod tasks;

use pool::{Pool, Program, Shutdown, StartMethod};
use std::path::PathBuf;
use std::process::Command;
use tasks::Histogram;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let worker = Program::new(worker_program()?);
    // `StartMethod::ForkServer(worker)` starts the program once and forks the workers from there.
    let mut pool = Pool::builder(StartMethod::Spawn(worker))
        .workers(2)
        .start()?;

    let text = "the quick brown fox jumps over the lazy dog".repeat(1000);
    let handle = pool.submit::<Histogram>(&(), text.as_bytes())?;
    let counts = pool.wait(handle)?;
    println!(
        "{} times o, {} times q",
        counts[b'o' as usize], counts[b'q' as usize]
    );
    assert_eq!(counts[b'o' as usize], 4000);
    assert_eq!(counts.iter().sum::<u64>(), text.len() as u64);

    pool.shutdown(Shutdown::Drain)?;
    Ok(())
}

/// The worker program stands beside this one. `cargo run` builds only the example that it is to
/// run, so this one has the other built; an installed program has no need of that.
fn worker_program() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let program = std::env::current_exe()?.with_file_name("own_worker_process");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args([
        "build",
        "--quiet",
        "-p",
        "pool",
        "--example",
        "own_worker_process",
    ]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    if !program.exists() && !build.status()?.success() {
        return Err("the worker program cannot be built".into());
    }
    Ok(program)
}
