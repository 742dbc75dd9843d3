//! Where results are kept: `target/handoff/<date>-<machine>/`, every file whole or not there. The folder
//! `results` of the repository holds records that were committed, and nothing is written there unasked.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
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
    /// The lock on a directory that was chosen, for as long as its results are to come.
    _claim: Option<Arc<Flock<File>>>,
}

impl Results {
    /// The directory of `--out`, or else the first of `target/handoff/<date>-<machine>`, `…-2`, `…-3` in
    /// which none of `files` is yet, and that no other run has chosen: results are never overwritten unasked.
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
        let results = match asked {
            Some(directory) => {
                make(directory)?;
                Results::at(directory)
            }
            None => {
                let name = format!("{}-{}", date.strftime("%Y-%m-%d"), machine_slug(machine));
                choose(&workspace::results(), &name, files)?
            }
        };
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
            _claim: None,
        }
    }

    /// A directory within, made where it is missing.
    ///
    /// # Errors
    ///
    /// Where it cannot be made.
    pub fn folder(&self, name: &str) -> anyhow::Result<Results> {
        let directory = self.directory.join(name);
        make(&directory)?;
        Ok(Results {
            directory,
            _claim: self._claim.clone(),
        })
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

    /// Saves a text under a temporary name of this process and renames it, so that a reader, or a run
    /// that is stopped, never finds half a file.
    ///
    /// # Errors
    ///
    /// Those of writing the file.
    pub fn text(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.directory.join(name);
        let partial = format!("{name}.{}.partial", std::process::id());
        let partial = self.directory.join(partial);
        fs::write(&partial, text)
            .and_then(|()| fs::rename(&partial, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

fn make(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))
}

fn choose(parent: &Path, name: &str, files: &[&str]) -> anyhow::Result<Results> {
    let mut directories = (1_u32..).map(|number| match number {
        1 => parent.join(name),
        _ => parent.join(format!("{name}-{number}")),
    });
    loop {
        let directory = directories.next().expect("some number is free");
        let free = || files.iter().all(|file| !directory.join(file).exists());
        if !free() {
            continue;
        }
        make(&directory)?;
        let opened = File::open(&directory)
            .with_context(|| format!("cannot open {}", directory.display()))?;
        let claim = match Flock::lock(opened, FlockArg::LockExclusiveNonblock) {
            Ok(claim) => Some(Arc::new(claim)),
            Err((_, Errno::EWOULDBLOCK)) => continue,
            // Without locks on this file system it is as good as free.
            Err(_) => None,
        };
        // Another run may have saved its results there since.
        if free() {
            return Ok(Results {
                directory,
                _claim: claim,
            });
        }
    }
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
        let chosen = |files: &[&str]| choose(parent.path(), "d", files).unwrap().directory;
        let first = chosen(&["matrix.json"]);
        assert_eq!(first, parent.path().join("d"));
        fs::write(first.join("limits.json"), "").unwrap();
        assert_eq!(chosen(&["matrix.json"]), first);
        fs::write(first.join("matrix.json"), "").unwrap();
        assert_eq!(chosen(&["matrix.json"]), parent.path().join("d-2"));
    }

    #[test]
    fn runs_at_the_same_time_choose_different_directories() {
        let parent = tempfile::tempdir().unwrap();
        let choose = || choose(parent.path(), "d", &["matrix.json"]).unwrap();
        let (first, second) = (choose(), choose());
        assert_eq!(first.directory, parent.path().join("d"));
        assert_eq!(second.directory, parent.path().join("d-2"));
        // What was opened within it, or is a copy, keeps it.
        let within = first.folder("figures").unwrap();
        drop((first, second.clone()));
        assert_eq!(choose().directory, parent.path().join("d-3"));
        drop((within, second));
        assert_eq!(choose().directory, parent.path().join("d"));
    }

    #[test]
    fn another_process_may_write_the_same_file() {
        let directory = tempfile::tempdir().unwrap();
        let theirs = directory.path().join("matrix.json.partial");
        fs::write(&theirs, "theirs").unwrap();
        let results = Results::at(directory.path());
        results.text("matrix.json", "ours").unwrap();
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
        assert_eq!(read("matrix.json"), "ours");
        assert_eq!(read("matrix.json.partial"), "theirs");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
