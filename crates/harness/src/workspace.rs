//! Where the workspace is, and its binaries built.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::interrupt::Interrupt;

/// The directory of the workspace's `Cargo.toml`, where this program was built; the current directory where
/// that is gone, since the program was installed elsewhere.
pub fn root() -> PathBuf {
    built_in().unwrap_or_else(|| std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")))
}

/// The directory of the workspace, where it is still there.
fn built_in() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    root.join("Cargo.toml").is_file().then(|| root.to_owned())
}

/// The directory of results that were given none: among what is built, which git ignores. From outside of
/// the workspace it is that of the current directory.
pub fn results() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let here = std::env::current_dir().unwrap_or_default();
    let root = built_in().filter(|root| here.starts_with(root));
    root.unwrap_or(here).join(target).join("handoff")
}

/// What was typed to run us, word by word.
pub fn command_line() -> Vec<String> {
    let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let program = PathBuf::from(words.next().unwrap_or_default());
    // Its directory would name a user.
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let begin = match &*name {
        "lab" => vec!["cargo".to_owned(), "xtask".to_owned()],
        own => vec![own.to_owned()],
    };
    begin.into_iter().chain(words).collect()
}

/// `cargo`, the one that runs us where one does, in the workspace's root.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// An example of a package.
#[derive(Debug, Clone, Copy)]
pub struct Example<'a> {
    /// The package that has it.
    pub package: &'a str,
    /// Its own name.
    pub name: &'a str,
}

/// Programs that can be run, by name.
#[derive(Debug, Clone, Default)]
pub struct Binaries(HashMap<String, PathBuf>);

impl Binaries {
    /// Builds these packages with the release profile. Each has one binary of its own name.
    ///
    /// # Errors
    ///
    /// Where cargo fails; it has said why on stderr.
    pub fn build(packages: &[&str], interrupt: &Interrupt) -> anyhow::Result<Binaries> {
        Binaries::build_with_examples(packages, &[], interrupt)
    }

    /// As [`Binaries::build`], and with these packages examples of others.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn build_with_examples(
        packages: &[&str],
        examples: &[Example<'_>],
        interrupt: &Interrupt,
    ) -> anyhow::Result<Binaries> {
        let mut names = packages.to_vec();
        names.extend(examples.iter().map(|example| example.name));
        Binaries::build_all(packages, examples, &names, interrupt)
    }

    /// As [`Binaries::build`], where packages have binaries of other names than their own.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn build_programs(
        packages: &[&str],
        names: &[&str],
        interrupt: &Interrupt,
    ) -> anyhow::Result<Binaries> {
        Binaries::build_all(packages, &[], names, interrupt)
    }

    /// Builds the program of a package, and says so only where cargo has something to say.
    ///
    /// # Errors
    ///
    /// Where cargo fails; it has printed why on stderr.
    pub fn build_quietly(package: &str, interrupt: &Interrupt) -> anyhow::Result<Binaries> {
        Binaries::compile(&[package], &[], &[package], interrupt)
    }

    fn build_all(
        packages: &[&str],
        examples: &[Example<'_>],
        names: &[&str],
        interrupt: &Interrupt,
    ) -> anyhow::Result<Binaries> {
        eprintln!("Building {} …", names.join(", "));
        Binaries::compile(packages, examples, names, interrupt)
    }

    fn compile(
        packages: &[&str],
        examples: &[Example<'_>],
        names: &[&str],
        interrupt: &Interrupt,
    ) -> anyhow::Result<Binaries> {
        if built_in().is_none() {
            // Installed, without a workspace to build: the programs are beside this one.
            let own = std::env::current_exe().context("cannot find this program")?;
            let folder = own.parent().context("a program is in a directory")?;
            return Binaries::in_directory(folder, names);
        }
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
        if !examples.is_empty() {
            // Cargo builds no binaries where only examples are named.
            command.arg("--bins");
        }
        for Example { package, name } in examples {
            command.args(["--package", package, "--example", name]);
        }
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run cargo")?;
        interrupt.check()?;
        if !output.status.success() {
            bail!("cargo build of {} failed", names.join(", "));
        }
        let binaries = executables(&String::from_utf8_lossy(&output.stdout));
        binaries.all_of(names)
    }

    /// The programs of these names in a directory, or where cargo puts examples within it.
    ///
    /// # Errors
    ///
    /// Where one is missing.
    pub fn in_directory(directory: &Path, names: &[&str]) -> anyhow::Result<Binaries> {
        let found = names.iter().filter_map(|name| {
            let mut paths =
                [directory.join("examples").join(name), directory.join(name)].into_iter();
            Some(((*name).to_owned(), paths.find(|path| path.is_file())?))
        });
        Binaries(found.collect())
            .all_of(names)
            .with_context(|| format!("in {} (see --bin-dir)", directory.display()))
    }

    /// The program of this name, ready for arguments, run in the workspace's root.
    ///
    /// # Panics
    ///
    /// Where it was not among those built.
    pub fn command(&self, name: &str) -> Command {
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

    #[test]
    fn a_directory_may_keep_its_examples_apart() {
        let directory = tempfile::tempdir().unwrap();
        let examples = directory.path().join("examples");
        std::fs::create_dir(&examples).unwrap();
        std::fs::write(directory.path().join("worker"), "").unwrap();
        std::fs::write(examples.join("tiny_tasks"), "").unwrap();
        let names = ["worker", "tiny_tasks"];
        let binaries = Binaries::in_directory(directory.path(), &names).unwrap();
        assert_eq!(binaries.0["worker"], directory.path().join("worker"));
        assert_eq!(binaries.0["tiny_tasks"], examples.join("tiny_tasks"));
        let error = Binaries::in_directory(&examples, &names).unwrap_err();
        assert!(
            format!("{error:#}").contains("no binary worker"),
            "{error:#}"
        );
    }
}
