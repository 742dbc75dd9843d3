//! The checks of the Python package, `python/` and `crates/python`, which is a workspace of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use harness::workspace::{cargo, root};

/// Asks an interpreter whether it is new enough and can make environments.
const ASKED: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";

/// The checks in order: the last builds and tests the package in an environment of its own.
///
/// # Errors
///
/// Where there is no Python to build it with.
pub(super) fn checks() -> anyhow::Result<Vec<(&'static str, Command)>> {
    let python = interpreter()?;
    let in_crate = |arguments: &[&str]| {
        let mut command = cargo();
        command.args(arguments).env("PYO3_PYTHON", &python);
        command.current_dir(root().join("crates/python"));
        command
    };
    let mut package = Command::new(&python);
    package.arg("python/check.py").current_dir(root());
    Ok(vec![
        ("python fmt", in_crate(&["fmt", "--check"])),
        (
            "python clippy",
            in_crate(&["clippy", "--locked", "--", "-D", "warnings"]),
        ),
        ("python", package),
    ])
}

/// A script of the package, run by an interpreter that is new enough.
///
/// # Errors
///
/// Where there is none.
pub(crate) fn script(path: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(interpreter()?);
    command.arg(root().join(path)).current_dir(root());
    Ok(command)
}

fn interpreter() -> anyhow::Result<PathBuf> {
    for name in ["python3", "python3.13", "python3.12", "python3.11"] {
        let asked = Command::new(name).args(["-c", ASKED]).output();
        if asked.is_ok_and(|output| output.status.success()) {
            let place = Command::new(name)
                .args(["-c", "import sys; print(sys.executable)"])
                .output()
                .with_context(|| format!("cannot run {name}"))?;
            return Ok(PathBuf::from(String::from_utf8(place.stdout)?.trim()));
        }
    }
    bail!("there is no Python 3.11 or later with venv; on Debian: apt-get install python3-venv")
}
