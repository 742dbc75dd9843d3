//! A folder of results, as the pages use it.

use std::path::Path;

use anyhow::{Context, bail};
use report::{Bench, CellReport, CellSummary, Matrix, Peers, StartMethod, Traits, Transport};
use serde_json::Value;

use crate::matrix::fastest_of;
use crate::page;

/// A figure that a record does not have: it is of an earlier version, or a part was left out.
#[derive(Debug, thiserror::Error)]
#[error("the record has no {0}")]
pub(crate) struct Missing(pub(crate) String);

/// What was measured once, on one machine.
pub(crate) struct Record {
    /// The folder's name.
    pub(crate) name: String,
    /// The sum over a file.
    pub(crate) matrix: Matrix,
    /// The same with `serde`, in a folder of its own since it takes long.
    pub(crate) serde: Option<Matrix>,
    /// The other jobs.
    pub(crate) jobs: Vec<Bench>,
    /// Other programs.
    pub(crate) peers: Option<Peers>,
    /// Claims about start methods.
    pub(crate) traits: Option<Traits<Value>>,
}

impl Record {
    /// The record in a folder.
    ///
    /// # Errors
    ///
    /// Where there is no matrix, or a file cannot be read.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Record> {
        let name = folder.file_name().context("a record is a folder")?;
        let Some(matrix) = page::read(folder, "matrix.json")? else {
            bail!("there is no matrix.json in {}", folder.display());
        };
        Ok(Record {
            name: name.to_string_lossy().into_owned(),
            matrix,
            serde: page::read(&folder.join("serde"), "matrix.json")?,
            jobs: page::jobs_in(folder)?,
            peers: page::read(folder, "peers.json")?,
            traits: page::read(folder, "traits.json")?,
        })
    }

    /// All cells, those of `serde` among them.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &CellReport> {
        let serde = self.serde.iter().flat_map(|matrix| &matrix.cells);
        self.matrix.cells.iter().chain(serde)
    }

    /// The figures of a cell.
    ///
    /// # Errors
    ///
    /// Where it was not measured.
    pub(crate) fn cell(
        &self,
        transport: Transport,
        method: StartMethod,
        workers: u32,
    ) -> anyhow::Result<&CellSummary> {
        let found = self.cells().find(|cell| {
            let it = cell.cell;
            (it.transport, it.start_method, it.workers) == (transport, method, workers)
        });
        let summary = found.and_then(|cell| cell.summary.as_ref());
        Ok(summary.ok_or_else(|| Missing(format!("{transport} {method} {workers}")))?)
    }

    /// The cell of a transport with the smallest wall time.
    pub(crate) fn best(&self, transport: Transport) -> Option<(&CellReport, &CellSummary)> {
        fastest_of(self.cells(), transport)
    }

    /// A job.
    ///
    /// # Errors
    ///
    /// Where it was not measured.
    pub(crate) fn job(&self, name: &str) -> anyhow::Result<&Bench> {
        let mut jobs = self.jobs.iter();
        let found = jobs.find(|bench| bench.job.name == name);
        Ok(found.ok_or_else(|| Missing(format!("job {name}")))?)
    }
}
