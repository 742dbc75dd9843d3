//! Whether a cell has figures, and in which words it is said why not.

use report::{CellReport, CellSummary};

/// The result of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Status<'a> {
    /// It has figures.
    Measured(&'a CellSummary),
    /// A run of it failed.
    Failed(&'a str),
    /// Its sum is wrong, or no run counts.
    Invalid(&'a str),
    /// It was not reached.
    NotRun,
}

impl<'a> Status<'a> {
    /// That of a cell.
    pub(crate) fn of(cell: &'a CellReport) -> Status<'a> {
        match (&cell.failed, &cell.void, &cell.summary) {
            (Some(reason), _, _) => Status::Failed(reason),
            (None, Some(reason), _) => Status::Invalid(reason),
            (None, None, Some(summary)) => Status::Measured(summary),
            (None, None, None) => Status::NotRun,
        }
    }

    /// One word or two, for a field of a table.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Status::Measured(_) => "ok",
            Status::Failed(_) => "failed",
            Status::Invalid(_) => "invalid",
            Status::NotRun => "not run",
        }
    }

    /// Why there are no figures; none where there are.
    pub(crate) fn reason(self) -> Option<String> {
        match self {
            Status::Measured(_) => None,
            Status::Failed(reason) | Status::Invalid(reason) => {
                Some(format!("{}: {reason}", self.word()))
            }
            Status::NotRun => Some(self.word().to_owned()),
        }
    }
}
