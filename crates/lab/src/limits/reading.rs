//! Reading a mapped dataset as fast as is known: with the workers' own kernel, ahead of which pages are mapped.
//!
//! A reference with a slower loop would be beaten for that reason alone. Everything around the kernel is
//! plain: no pool, no messages, no batches.

use std::ops::Range;
use std::path::Path;

use dataset::{Column, Dataset};
use harness::dataset::GENERATED_FIELD;
use worker::sum::Summer;

use super::raw;

/// Bytes that one page fault maps.
const FAULT: usize = 64 << 10;
/// Bytes that are summed at a time.
const WINDOW: usize = 8 * FAULT;

/// How to read a dataset.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    /// Where its records begin.
    first: usize,
    /// The column to sum; none of a file that the kernel does not fit, of which every cache line is read.
    column: Option<Column>,
}

impl Reading {
    /// That of a file: its generated field, or all of it where it has no fields.
    pub(crate) fn of(path: &Path) -> Reading {
        let found = Dataset::open(path).ok().and_then(|dataset| {
            let field = dataset.layout().structured.then_some(GENERATED_FIELD);
            let column = dataset.column(field).ok()?;
            Some((usize::try_from(dataset.data_offset()).ok()?, column))
        });
        match found {
            Some((first, column)) => Reading {
                first,
                column: Some(column),
            },
            None => Reading {
                first: 0,
                column: None,
            },
        }
    }

    /// Reads the records that begin in a part of a mapping of the file, or of a copy of it.
    pub(crate) fn read(&self, mapping: &[u8], part: Range<usize>) {
        let Some(column) = &self.column else {
            raw::read_mapping(&mapping[part]);
            return;
        };
        let records = self.records(mapping.len(), column.stride, part);
        let bytes = &mapping[records];
        let window = WINDOW.next_multiple_of(column.stride);
        let mut summer = Summer::new(column);
        let (mut seen, mut touched) = (0, 0);
        for (part, end) in bytes.chunks(window).zip((2 * window..).step_by(window)) {
            while touched < end.min(bytes.len()) {
                seen ^= bytes[touched];
                touched += FAULT;
            }
            summer.add(part);
        }
        std::hint::black_box((seen, summer.finish()));
    }

    /// The whole records that begin in a part.
    fn records(&self, bytes: usize, stride: usize, part: Range<usize>) -> Range<usize> {
        let whole = bytes.saturating_sub(self.first) / stride;
        let from_there = |at: usize| {
            let records = at.saturating_sub(self.first).div_ceil(stride).min(whole);
            self.first.min(bytes) + records * stride
        };
        from_there(part.start)..from_there(part.end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::crew::part;
    use super::*;

    #[test]
    fn every_record_is_read_by_one_member_whatever_the_parts() {
        let reading = Reading {
            first: 128,
            column: None,
        };
        for bytes in [0, 100, 128, 151, 128 + 24 * 300_000, 128 + 24 * 300_000 + 7] {
            for crew in [1, 3, 8] {
                let mut next = bytes.min(128);
                for member in 0..crew {
                    let records = reading.records(bytes, 24, part(bytes, crew, member));
                    assert_eq!(
                        records.start, next,
                        "{bytes} bytes, member {member} of {crew}"
                    );
                    assert!(records.len().is_multiple_of(24));
                    next = records.end;
                }
                assert!(bytes - next < 24 || bytes < 128, "{bytes}: ends at {next}");
            }
        }
    }

    #[test]
    fn the_sample_is_read_with_the_kernel_and_another_file_by_lines() {
        let sample = harness::workspace::root().join("data/sample.npy");
        let reading = Reading::of(&sample);
        assert!(reading.column.is_some() && reading.first > 0, "{reading:?}");
        let bytes = std::fs::read(&sample).unwrap();
        reading.read(&bytes, 0..bytes.len());
        let other = Reading::of(&harness::workspace::root().join("README.md"));
        assert!(other.column.is_none());
        other.read(&bytes, 0..bytes.len());
    }
}
