//! The checks of `crates/cluster`, which need an MPI library and are a workspace of their own.

use std::process::Command;

use anyhow::bail;

use harness::workspace::{cargo, root};

/// What Debian calls the packages.
const PACKAGES: &str = "libopenmpi-dev openmpi-bin libclang-dev";

/// The checks in order: the last runs the program with 1, 2, 4 and 16 ranks.
///
/// # Errors
///
/// Where there is no MPI to build with or to run.
pub(super) fn checks() -> anyhow::Result<Vec<(&'static str, Command)>> {
    for program in ["mpicc", "mpirun"] {
        if Command::new(program).arg("--version").output().is_err() {
            bail!("there is no {program}; on Debian: apt-get install {PACKAGES}");
        }
    }
    let mut fmt = cluster(&["fmt", "--check"]);
    fmt.args(["--package", "handoff-cluster"]);
    let mut clippy = cluster(&["clippy", "--all-targets", "--locked"]);
    clippy.args(["--", "-D", "warnings"]);
    // Its tests run them, and look for them beside their own program.
    let mut programs = cargo();
    programs.args(["build", "--locked", "--bins"]);
    programs.args(["--package", "coordinator", "--package", "worker"]);
    let mut test = cluster(&["test", "--locked"]);
    // Each of its tests is a crowd of processes.
    test.args(["--", "--test-threads", "1"]);
    Ok(vec![
        ("mpi fmt", fmt),
        ("mpi clippy", clippy),
        ("mpi programs", programs),
        ("mpi test", test),
    ])
}

/// cargo in the cluster's directory, whose configuration has the target directory that all share.
fn cluster(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command
        .args(arguments)
        .current_dir(root().join("crates/cluster"));
    command
}
