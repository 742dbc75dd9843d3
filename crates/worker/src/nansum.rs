//! The tasks that sum one field of many records, NaN values left out.

use crate::records::{Decoder, StudyField};
use crate::sum::{Partial, Summer};
use dataset::Column;
use serde::{Deserialize, Serialize};
use task::{Input, Reduce, Task, TaskError};

/// Sums one column of raw records: exactly, whatever the batches and their order.
pub struct Nansum;

impl Task for Nansum {
    const NAME: &'static str = "nansum";
    type Args = Column;
    type Output = Partial;

    fn run(column: Column, input: Input<'_>) -> Result<Partial, TaskError> {
        column.validate()?;
        let mut summer = Summer::new(&column);
        input.for_each_block(column.stride, |records| summer.add(records))?;
        Ok(summer.finish())
    }
}

impl Reduce for Nansum {
    type Final = Partial;

    fn empty() -> Partial {
        Partial::default()
    }

    fn merge(merged: &mut Partial, part: Partial) {
        merged.merge(&part);
    }

    fn finish(merged: Partial) -> Partial {
        merged
    }
}

/// Sums one field of records of the original study's layout that arrive encoded one by one.
pub struct NansumRecords;

/// Arguments of [`NansumRecords`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct NansumRecordsArgs {
    /// Which field.
    pub field: StudyField,
}

impl Task for NansumRecords {
    const NAME: &'static str = "nansum_records";
    type Args = NansumRecordsArgs;
    type Output = Partial;

    fn run(args: NansumRecordsArgs, input: Input<'_>) -> Result<Partial, TaskError> {
        let mut summer = Summer::new(&args.field.column());
        let mut decoder = Decoder::default();
        let mut values = Vec::new();
        input.for_each_block(1, |bytes| {
            values.clear();
            for record in decoder.decode(bytes) {
                values.extend_from_slice(&args.field.bytes_of(record));
            }
            summer.add(&values);
        })?;
        decoder.finish()?;
        Ok(summer.finish())
    }
}

impl Reduce for NansumRecords {
    type Final = Partial;

    fn empty() -> Partial {
        Partial::default()
    }

    fn merge(merged: &mut Partial, part: Partial) {
        merged.merge(&part);
    }

    fn finish(merged: Partial) -> Partial {
        merged
    }
}
