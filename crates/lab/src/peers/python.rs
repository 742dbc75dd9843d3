//! A private Python environment under `target/`, with the packages that peers need.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::interrupt::{Interrupt, Interrupted};
use harness::workspace;

/// The environment: what is there, and why the rest is not.
#[derive(Debug, Default)]
pub(crate) struct Python {
    interpreter: PathBuf,
    /// Versions by package.
    installed: BTreeMap<String, String>,
    /// Reasons by package.
    missing: BTreeMap<String, String>,
    /// Why there is no environment at all.
    broken: Option<String>,
}

impl Python {
    /// Makes the environment where it is missing, and installs what it lacks. Failures are kept, not
    /// returned: the peers that need what failed are skipped.
    ///
    /// # Errors
    ///
    /// Only where a signal asked to stop.
    pub(crate) fn prepare(interrupt: &Interrupt) -> Result<Python, Interrupted> {
        let directory = workspace::root().join("target/peers-venv");
        let mut python = Python {
            interpreter: directory.join("bin/python"),
            ..Python::default()
        };
        if let Err(reason) = python.install(&directory) {
            python.broken = Some(reason);
        }
        interrupt.check()?;
        Ok(python)
    }

    /// A script of `scripts/peers`, ready for arguments.
    pub(crate) fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.interpreter);
        command
            .arg(scripts().join(name))
            .current_dir(workspace::root());
        // Bytecode beside the scripts would change the source tree.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Whether a package is there.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub(crate) fn has(&self, package: &str) -> Result<(), String> {
        if let Some(reason) = self.broken.as_ref().or_else(|| self.missing.get(package)) {
            return Err(reason.clone());
        }
        if self.installed.contains_key(package) {
            Ok(())
        } else {
            Err(format!(
                "{package} is not in scripts/peers/requirements.txt for this Python"
            ))
        }
    }

    /// What is installed: `numpy 2.4.6`.
    pub(crate) fn versions(&self) -> Vec<String> {
        self.installed
            .iter()
            .map(|(package, version)| format!("{package} {version}"))
            .collect()
    }

    fn install(&mut self, directory: &Path) -> Result<(), String> {
        if !self.interpreter.exists() {
            eprintln!("Making a Python environment in {} …", directory.display());
            output(Command::new("python3").args(["-m", "venv"]).arg(directory))
                .map_err(|error| format!("cannot make a Python environment: {error}"))?;
        }
        let version = "import platform; print(platform.python_version())";
        let version = output(Command::new(&self.interpreter).args(["-c", version]))?;
        self.installed
            .insert("python".to_owned(), version.trim().to_owned());

        let requirements = fs::read_to_string(scripts().join("requirements.txt"))
            .map_err(|error| format!("cannot read scripts/peers/requirements.txt: {error}"))?;
        // Package by package, so that one that cannot be installed leaves the others.
        for requirement in requirements.lines() {
            let package = requirement.split("==").next().unwrap_or_default().trim();
            self.add(package, &[requirement]);
        }
        Ok(())
    }

    /// Installs one package by these arguments of pip.
    pub(crate) fn add(&mut self, package: &str, arguments: &[&str]) {
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ];
        let mut command = Command::new(&self.interpreter);
        command.args(pip).args(arguments);
        let installed = output(command.current_dir(workspace::root()));
        let version = format!("import importlib.metadata as m; print(m.version('{package}'))");
        let version = output(Command::new(&self.interpreter).args(["-c", &version]));
        match (installed, version) {
            (Ok(_), Ok(version)) => {
                self.installed
                    .insert(package.to_owned(), version.trim().to_owned());
            }
            // A line for another Python: pip passes over it, and the package is not there.
            (Ok(_), Err(_)) => {}
            (Err(reason), _) => {
                let reason = format!("pip install {}: {reason}", arguments.join(" "));
                self.missing.insert(package.to_owned(), reason);
            }
        }
    }
}

fn scripts() -> PathBuf {
    workspace::root().join("scripts/peers")
}

/// What a command prints, or the last line of its complaint.
fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint.lines().rfind(|line| !line.trim().is_empty());
    Err(last.map_or_else(|| output.status.to_string(), str::to_owned))
}
