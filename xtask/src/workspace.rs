//! Where the workspace is, and its binaries built.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::interrupt::Interrupt;

/// The directory of the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a directory of the workspace")
        .to_owned()
}

/// `cargo`, the one that runs us where one does, in the workspace's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Programs that can be run, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Binaries(HashMap<String, PathBuf>);

impl Binaries {
    /// Builds these packages with the release profile. Each has one binary of its own name.
    ///
    /// # Errors
    ///
    /// Where cargo fails; it has told why on stderr.
    pub(crate) fn build(packages: &[&str], interrupt: &Interrupt) -> anyhow::Result<Binaries> {
        eprintln!("Building {} …", packages.join(", "));
        let mut command = cargo();
        command.args([
            "build",
            "--release",
            "--quiet",
            "--message-format=json-render-diagnostics",
        ]);
        for package in packages {
            command.args(["--package", package]);
        }
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run cargo")?;
        interrupt.check()?;
        if !output.status.success() {
            bail!("cargo build of {} failed", packages.join(", "));
        }
        let binaries = executables(&String::from_utf8_lossy(&output.stdout));
        binaries.all_of(packages)
    }

    /// The programs of these names in a directory.
    ///
    /// # Errors
    ///
    /// Where one is missing.
    pub(crate) fn in_directory(directory: &Path, names: &[&str]) -> anyhow::Result<Binaries> {
        let found = names
            .iter()
            .map(|name| ((*name).to_owned(), directory.join(name)))
            .filter(|(_, path)| path.is_file());
        Binaries(found.collect())
            .all_of(names)
            .with_context(|| format!("in {} (see --bin-dir)", directory.display()))
    }

    /// The program of this name, ready for arguments, run in the workspace's root.
    ///
    /// # Panics
    ///
    /// Where it was not among those built.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.0[name]);
        command.current_dir(root());
        command
    }

    fn all_of(self, names: &[&str]) -> anyhow::Result<Binaries> {
        for name in names {
            if !self.0.contains_key(*name) {
                bail!("there is no binary {name}");
            }
        }
        Ok(self)
    }
}

/// The executables among cargo's JSON messages, one a line.
fn executables(messages: &str) -> Binaries {
    let mut found = HashMap::new();
    for line in messages.lines() {
        let Ok(message) = serde_json::from_str::<serde_json::Value>(line) else {
            continue;
        };
        if let (Some(name), Some(path)) = (
            message["target"]["name"].as_str(),
            message["executable"].as_str(),
        ) {
            found.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    Binaries(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_those_with_a_path() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"wire"},"executable":null}
not json
{"reason":"compiler-artifact","target":{"name":"worker"},"executable":"/t/release/worker"}
{"reason":"build-finished","success":true}"#;
        let binaries = executables(messages);
        assert_eq!(binaries.0.len(), 1);
        assert_eq!(binaries.0["worker"], Path::new("/t/release/worker"));
        assert!(binaries.all_of(&["coordinator"]).is_err());
    }
}
