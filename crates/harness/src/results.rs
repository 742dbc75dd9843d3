//! Where results are kept: `target/handoff/<date>-<machine>/`, every file whole or not there. The folder
//! `results` of the repository holds records that were committed, and nothing is written there unasked.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::sys::statvfs::statvfs;
use report::Machine;
use serde::Serialize;

use crate::workspace;

/// What a run's results may take, with much to spare.
const ROOM_BYTES: u64 = 16 << 20;

/// The directory of one run's results.
#[derive(Debug, Clone)]
pub struct Results {
    directory: PathBuf,
}

impl Results {
    /// The directory of `--out`, or else the first of `target/handoff/<date>-<machine>`, `…-2`, `…-3` in
    /// which none of `files` is yet: results are never overwritten unasked.
    ///
    /// # Errors
    ///
    /// Where it cannot be made.
    pub fn open(
        asked: Option<&Path>,
        date: &jiff::Zoned,
        machine: &Machine,
        files: &[&str],
    ) -> anyhow::Result<Results> {
        let directory = match asked {
            Some(directory) => directory.to_owned(),
            None => {
                let name = format!("{}-{}", date.strftime("%Y-%m-%d"), machine_slug(machine));
                free(&workspace::results(), &name, files)
            }
        };
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let results = Results { directory };
        results.check_room()?;
        results.json("machine.json", machine)?;
        Ok(results)
    }

    /// The directory `results/<date>-<machine>` of the repository, for a record that is to be committed.
    ///
    /// # Errors
    ///
    /// Where it cannot be made.
    pub fn record(date: &jiff::Zoned, machine: &Machine) -> anyhow::Result<Results> {
        let name = format!("{}-{}", date.strftime("%Y-%m-%d"), machine_slug(machine));
        let directory = workspace::root().join("results").join(name);
        Results::open(Some(&directory), date, machine, &[])
    }

    /// Checks that the disk has room for results, which may take hours to come.
    fn check_room(&self) -> anyhow::Result<()> {
        let status = statvfs(&self.directory)
            .with_context(|| format!("cannot examine {}", self.directory.display()))?;
        let available = status.blocks_available() * status.fragment_size();
        // A tmpfs without a limit has no blocks to count.
        if status.blocks() > 0 && available < ROOM_BYTES {
            bail!(
                "{} has {available} bytes free, results may take {ROOM_BYTES}: make room there, or \
                 name another directory with --out",
                self.directory.display()
            );
        }
        Ok(())
    }

    /// A directory that is there, whatever it holds.
    pub fn at(directory: &Path) -> Results {
        Results {
            directory: directory.to_owned(),
        }
    }

    /// A directory within, made where it is missing.
    ///
    /// # Errors
    ///
    /// Where it cannot be made.
    pub fn folder(&self, name: &str) -> anyhow::Result<Results> {
        let directory = self.directory.join(name);
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(Results { directory })
    }

    /// The directory itself.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Saves a value as JSON.
    ///
    /// # Errors
    ///
    /// Those of writing the file.
    pub fn json(&self, name: &str, value: &impl Serialize) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(value)?;
        text.push('\n');
        self.text(name, &text)
    }

    /// Saves a text under a temporary name and renames it, so that a reader, or a run that is
    /// stopped, never finds half a file.
    ///
    /// # Errors
    ///
    /// Those of writing the file.
    pub fn text(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.directory.join(name);
        let partial = self.directory.join(format!("{name}.partial"));
        fs::write(&partial, text)
            .and_then(|()| fs::rename(&partial, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

fn free(parent: &Path, name: &str, files: &[&str]) -> PathBuf {
    (1_u32..)
        .map(|number| match number {
            1 => parent.join(name),
            _ => parent.join(format!("{name}-{number}")),
        })
        .find(|directory| files.iter().all(|file| !directory.join(file).exists()))
        .expect("some number is free")
}

/// A machine as part of a file name: its processor and cores, no host's name.
fn machine_slug(machine: &Machine) -> String {
    let model = machine.cpu.replace("(R)", " ").replace("(TM)", " ");
    let model = model.split(" @").next().unwrap_or_default();
    let words = model
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty() && !matches!(*word, "CPU" | "Processor"))
        .map(str::to_ascii_lowercase);
    let mut words: Vec<String> = words.collect();
    if words.is_empty() {
        words.push(machine.arch.clone());
    }
    format!("{}-{}c", words.join("-"), machine.cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(cpu: &str, cores: u32) -> Machine {
        Machine {
            cpu: cpu.to_owned(),
            arch: "x86_64".to_owned(),
            cores,
            memory_bytes: 1 << 34,
            kernel: "6.1.0".to_owned(),
            page_size: 4096,
            huge_pages: report::HugePages::default(),
            dev_shm_bytes: None,
            virtual_machine: None,
            governor: None,
        }
    }

    #[test]
    fn a_slug_is_the_processor_and_its_cores() {
        for (cpu, slug) in [
            (
                "Intel(R) Xeon(R) CPU E5-2670 v3 @ 2.30GHz",
                "intel-xeon-e5-2670-v3-8c",
            ),
            ("Intel(R) Xeon(R) Processor", "intel-xeon-8c"),
            (
                "AMD EPYC 7763 64-Core Processor",
                "amd-epyc-7763-64-core-8c",
            ),
            ("", "x86_64-8c"),
        ] {
            assert_eq!(machine_slug(&machine(cpu, 8)), slug);
        }
    }

    #[test]
    fn a_directory_that_holds_the_same_results_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let first = free(parent.path(), "d", &["matrix.json"]);
        assert_eq!(first, parent.path().join("d"));
        fs::create_dir(&first).unwrap();
        fs::write(first.join("limits.json"), "").unwrap();
        assert_eq!(free(parent.path(), "d", &["matrix.json"]), first);
        fs::write(first.join("matrix.json"), "").unwrap();
        assert_eq!(
            free(parent.path(), "d", &["matrix.json"]),
            parent.path().join("d-2")
        );
    }
}
