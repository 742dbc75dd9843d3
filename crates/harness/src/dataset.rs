//! The dataset that commands run on: found, or generated, and described by the coordinator.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use report::{StartMethod, Sum, Transport, format_count};

use crate::interrupt::Interrupt;
use crate::process;
use crate::workspace::{self, Binaries};

/// Records of the dataset that is generated unasked.
const DEFAULT_RECORDS: u64 = 10_000_000;

/// Which dataset, on the command line.
#[derive(Debug, Clone, Args)]
pub struct DatasetArgs {
    /// Records of the dataset to use, generated as data/records-N.npy if it is missing
    /// [default: data/records.npy, generated with 10M if it is missing]
    #[arg(long, short = 'n', value_name = "N", value_parser = report::parse_count, conflicts_with = "data")]
    pub records: Option<u64>,
    /// A dataset of your own
    #[arg(long, short, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// The field to sum [default: val, or all of a dataset of your own that has no fields]
    #[arg(long, short, value_name = "NAME")]
    pub field: Option<String>,
    /// No progress
    #[arg(long, short)]
    pub quiet: bool,
}

/// The field of generated datasets.
pub const GENERATED_FIELD: &str = "val";
/// Bytes of one of their records.
pub const GENERATED_ITEMSIZE: u64 = 24;

impl DatasetArgs {
    /// The dataset's path: relative to the workspace's root where it lies there.
    pub fn path(&self) -> PathBuf {
        match (&self.data, self.records) {
            (Some(path), _) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                match path.strip_prefix(workspace::root()) {
                    Ok(within) => within.to_owned(),
                    Err(_) => path,
                }
            }
            (None, None) => PathBuf::from("data/records.npy"),
            (None, Some(records)) => {
                PathBuf::from(format!("data/records-{}.npy", short_count(records)))
            }
        }
    }

    /// The field to name to the programs; none where a dataset of the user's own came without one.
    pub fn field(&self) -> Option<&str> {
        match (&self.field, &self.data) {
            (Some(field), _) => Some(field),
            (None, None) => Some(GENERATED_FIELD),
            (None, Some(_)) => None,
        }
    }

    /// Generates the dataset where it is missing.
    ///
    /// # Errors
    ///
    /// Where a file of the user's own is missing, or datagen fails; it has said why on stderr.
    pub fn prepare(&self, binaries: &Binaries, interrupt: &Interrupt) -> anyhow::Result<PathBuf> {
        let path = self.path();
        if workspace::root().join(&path).exists() {
            return Ok(path);
        }
        if self.data.is_some() {
            bail!("there is no {} (see --data)", path.display());
        }
        self.generate(&path, binaries, interrupt)?;
        Ok(path)
    }

    fn generate(
        &self,
        path: &Path,
        binaries: &Binaries,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let records = self.records.unwrap_or(DEFAULT_RECORDS);
        let status = binaries
            .command("datagen")
            .args(["--records", &records.to_string(), "--out"])
            .arg(path)
            .args(self.quiet.then_some("--quiet"))
            .status()
            .context("cannot run datagen")?;
        interrupt.check()?;
        // Datagen replaces nothing: another run may have generated the same dataset meanwhile.
        if !status.success() && !workspace::root().join(path).exists() {
            bail!("datagen of {} failed ({status})", path.display());
        }
        Ok(())
    }

    /// What the coordinator says of the dataset and the machine: its report of one plain run, which
    /// also brings the file into the page cache.
    ///
    /// # Errors
    ///
    /// Where that run fails, or where the file holds another number of records than asked for.
    pub fn describe(
        &self,
        path: &Path,
        binaries: &Binaries,
        timeout: Duration,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Sum> {
        let job = Job {
            start_method: StartMethod::Fork,
            transport: Transport::Mmap,
            workers: 1,
            batches: None,
        };
        let command = job.command(binaries, path, self.field());
        let finished = process::run(command, timeout, interrupt)
            .with_context(|| format!("coordinator sum {}", path.display()))?;
        let sum: Sum =
            serde_json::from_str(&finished.stdout).context("cannot read the coordinator's JSON")?;
        if let Some(records) = self.records
            && records != sum.dataset.records
        {
            bail!(
                "{} holds {} records, not {}: remove it, or name it with --data",
                path.display(),
                format_count(sum.dataset.records),
                format_count(records),
            );
        }
        Ok(sum)
    }
}

/// One call of `coordinator sum`.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// How workers are started.
    pub start_method: StartMethod,
    /// How batches reach them.
    pub transport: Transport,
    /// Number of workers.
    pub workers: u32,
    /// Number of batches, where it is not that of workers.
    pub batches: Option<u64>,
}

impl Job {
    /// The command line, which prints one JSON object.
    pub fn command(
        &self,
        binaries: &Binaries,
        data: &Path,
        field: Option<&str>,
    ) -> std::process::Command {
        let mut command = binaries.command("coordinator");
        command.arg("sum").arg(data).args([
            "--start-method",
            self.start_method.as_str(),
            "--transport",
            self.transport.as_str(),
            "--workers",
            &self.workers.to_string(),
            "--format",
            "json",
        ]);
        if let Some(batches) = self.batches {
            command.args(["--batches", &batches.to_string()]);
        }
        if let Some(field) = field {
            command.args(["--field", field]);
        }
        command
    }
}

/// A count as short as its zeros allow: `200M`, `1500k`.
pub fn short_count(count: u64) -> String {
    for (unit, suffix) in [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")] {
        if count > 0 && count.is_multiple_of(unit) {
            return format!("{}{suffix}", count / unit);
        }
    }
    count.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_counts_read_back() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1k"),
            (1_500_000, "1500k"),
            (2_000_000_000, "2G"),
        ] {
            assert_eq!(short_count(count), text);
            assert_eq!(report::parse_count(text), Ok(count));
        }
    }

    #[test]
    fn each_number_of_records_has_a_file_of_its_own() {
        let args = |records| DatasetArgs {
            records,
            data: None,
            field: None,
            quiet: false,
        };
        assert_eq!(args(None).path(), Path::new("data/records.npy"));
        let own = |data| DatasetArgs {
            data: Some(data),
            ..args(None)
        };
        let within = workspace::root().join("data/sample.npy");
        assert_eq!(own(within).path(), Path::new("data/sample.npy"));
        assert_eq!(own("/x/y.npy".into()).path(), Path::new("/x/y.npy"));
        assert_eq!(
            args(Some(200_000_000)).path(),
            Path::new("data/records-200M.npy")
        );
    }

    #[test]
    fn a_dataset_that_another_run_has_generated_will_do() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/bin/false", directory.path().join("datagen")).unwrap();
        let binaries = Binaries::in_directory(directory.path(), &["datagen"]).unwrap();
        let args = DatasetArgs {
            records: Some(7),
            data: None,
            field: None,
            quiet: true,
        };
        let path = directory.path().join("records-7.npy");
        let generate = || args.generate(&path, &binaries, &Interrupt::default());
        let error = generate().unwrap_err();
        assert!(error.to_string().contains("records-7.npy"), "{error}");
        std::fs::write(&path, "").unwrap();
        generate().unwrap();
    }
}
