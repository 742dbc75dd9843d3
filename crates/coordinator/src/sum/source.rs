//! What is summed: the values of one field of some records of a dataset.

use dataset::{Column, ColumnInError, Dataset, STUDY_FIELD};
use report::Transport;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use worker::records::StudyField;

/// Records of an open dataset, which of their values are wanted, and how they get to the workers.
pub struct Source {
    /// The dataset.
    pub dataset: Dataset,
    /// Which of its records.
    pub records: Range<u64>,
    /// Where in a record the value lies.
    pub column: Column,
    /// The same field where records travel encoded.
    pub(super) study_field: Option<StudyField>,
    /// How they get to the workers.
    pub transport: Transport,
    /// Records that were encoded so far, where that is how they travel.
    pub(super) encoded: Arc<AtomicU64>,
    /// Threads that may help to read them.
    pub threads: usize,
}

impl Source {
    /// These records of `dataset`, by any transport but `serde`; as many threads help as there are
    /// processors for this process.
    ///
    /// # Errors
    /// As [`Dataset::column`].
    pub fn new(
        dataset: Dataset,
        field: Option<&str>,
        records: Range<u64>,
        transport: Transport,
    ) -> Result<Source, ColumnInError> {
        Ok(Source {
            column: dataset.column(field)?,
            dataset,
            records,
            study_field: None,
            encoded: Arc::default(),
            transport,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        })
    }

    /// Bytes from the start of the file to the first of the records.
    pub(super) fn offset(&self) -> u64 {
        self.dataset.data_offset() + self.records.start * self.itemsize()
    }

    /// Bytes of the records.
    pub(super) fn len(&self) -> u64 {
        (self.records.end - self.records.start) * self.itemsize()
    }

    /// Bytes of one record.
    pub(super) fn itemsize(&self) -> u64 {
        self.dataset.layout().itemsize as u64
    }
}

/// The field that is summed where none is named, if there is such a field.
pub fn default_field(dataset: &Dataset) -> Option<String> {
    let fields = &dataset.layout().fields;
    let is_there =
        dataset.layout().structured && fields.iter().any(|field| field.name == STUDY_FIELD);
    is_there.then(|| STUDY_FIELD.to_owned())
}
