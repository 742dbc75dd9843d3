//! The original study's records as values of a Rust type, encoded with serde and postcard one by one: what
//! a program pays that sends a `Vec` of its records rather than bytes.

use dataset::{Column, Kind, Order, Scalar};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One record of the original study's layout.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Counts from 0.
    pub index: i64,
    /// Nanoseconds since the epoch.
    pub timestamp: i64,
    /// The value, NaN where there is none.
    pub val: f64,
}

/// Bytes of a record in a dataset of the original study's layout.
pub const RECORD_LEN: usize = dataset::STUDY_RECORD_LEN;

/// The longest encoding of a record: two varints of 64 bits and a float.
pub const MAX_ENCODED: usize = 10 + 10 + 8;

/// A field of the original study's records that can be summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StudyField {
    /// `index`.
    Index,
    /// `val`.
    Val,
}

impl StudyField {
    /// The field of that name.
    pub fn named(name: &str) -> Option<StudyField> {
        match name {
            "index" => Some(StudyField::Index),
            "val" => Some(StudyField::Val),
            _ => None,
        }
    }

    /// The column of just this field's values, one after another.
    pub(crate) fn column(self) -> Column {
        let kind = match self {
            StudyField::Index => Kind::I8,
            StudyField::Val => Kind::F8,
        };
        Column {
            offset: 0,
            stride: 8,
            scalar: Scalar::new(kind, Order::Little),
        }
    }

    pub(crate) fn bytes_of(self, record: &Record) -> [u8; 8] {
        match self {
            StudyField::Index => record.index.to_le_bytes(),
            StudyField::Val => record.val.to_le_bytes(),
        }
    }
}

impl Record {
    /// From the bytes of a dataset of the original study's layout.
    pub fn from_bytes(bytes: &[u8; RECORD_LEN]) -> Record {
        let word = |at: usize| {
            let bytes: [u8; 8] = bytes[at..at + 8].try_into().expect("eight bytes");
            u64::from_le_bytes(bytes)
        };
        Record {
            index: word(0) as i64,
            timestamp: word(8) as i64,
            val: f64::from_bits(word(16)),
        }
    }

    /// Appends the record's encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut encoded = [0; MAX_ENCODED];
        let encoded = postcard::to_slice(self, &mut encoded).expect("no record is longer");
        out.extend_from_slice(encoded);
    }
}

/// Decodes records from bytes that arrive cut anywhere.
#[derive(Debug, Default)]
pub struct Decoder {
    carry: Vec<u8>,
    records: Vec<Record>,
    broken: Option<postcard::Error>,
}

/// Bytes that are not encoded records.
#[derive(Debug, Error)]
pub enum RecordsError {
    /// Somewhere, no record begins.
    #[error("the input is not encoded records ({0})")]
    Malformed(postcard::Error),
    /// The last record is cut off.
    #[error("the input ends inside a record")]
    Incomplete,
}

impl Decoder {
    /// The records that are whole with `bytes`. After bytes that are no records there are none
    /// any more; [`finish`](Self::finish) says so.
    pub fn decode(&mut self, bytes: &[u8]) -> &[Record] {
        self.records.clear();
        let mut rest = bytes;
        // A record that was cut is made whole with as many of the new bytes as one can have.
        while !self.carry.is_empty() && self.broken.is_none() && !rest.is_empty() {
            let held = self.carry.len();
            let head = rest.len().min(MAX_ENCODED);
            self.carry.extend_from_slice(&rest[..head]);
            match postcard::take_from_bytes::<Record>(&self.carry) {
                Ok((record, left)) => {
                    let used = self.carry.len() - left.len() - held;
                    self.records.push(record);
                    self.carry.clear();
                    rest = &rest[used..];
                }
                Err(error) => {
                    rest = &rest[head..];
                    self.incomplete_or_broken(&error);
                }
            }
        }
        while !rest.is_empty() && self.broken.is_none() {
            match postcard::take_from_bytes::<Record>(rest) {
                Ok((record, left)) => {
                    self.records.push(record);
                    rest = left;
                }
                Err(error) => {
                    self.carry.extend_from_slice(rest);
                    self.incomplete_or_broken(&error);
                    break;
                }
            }
        }
        &self.records
    }

    /// The end of the bytes.
    ///
    /// # Errors
    /// [`RecordsError`] where they were not whole records.
    pub fn finish(self) -> Result<(), RecordsError> {
        match self.broken {
            Some(error) => Err(RecordsError::Malformed(error)),
            None if self.carry.is_empty() => Ok(()),
            None => Err(RecordsError::Incomplete),
        }
    }

    fn incomplete_or_broken(&mut self, error: &postcard::Error) {
        let cut = *error == postcard::Error::DeserializeUnexpectedEnd;
        if !cut || self.carry.len() >= MAX_ENCODED {
            self.broken = Some(error.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_survive_any_cutting(
            raw in prop::collection::vec((any::<i64>(), any::<i64>(), any::<f64>()), 0..40),
            cuts in prop::collection::vec(0usize..60, 1..40),
        ) {
            let records: Vec<Record> =
                raw.iter().map(|&(index, timestamp, val)| Record { index, timestamp, val }).collect();
            let mut encoded = Vec::new();
            records.iter().for_each(|record| record.encode(&mut encoded));
            let (mut decoder, mut seen, mut rest) = (Decoder::default(), Vec::new(), &encoded[..]);
            for cut in cuts {
                let (head, tail) = rest.split_at(cut.min(rest.len()));
                seen.extend_from_slice(decoder.decode(head));
                rest = tail;
            }
            seen.extend_from_slice(decoder.decode(rest));
            prop_assert!(decoder.finish().is_ok());
            prop_assert_eq!(seen.len(), records.len());
            for (seen, record) in seen.iter().zip(&records) {
                prop_assert_eq!(seen.val.to_bits(), record.val.to_bits());
                prop_assert_eq!((seen.index, seen.timestamp), (record.index, record.timestamp));
            }
        }

        #[test]
        fn garbage_is_an_error_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            for chunk in bytes.chunks(7) {
                decoder.decode(chunk);
            }
            let _ = decoder.finish();
        }
    }

    #[test]
    fn a_record_cut_off_is_incomplete() {
        let mut encoded = Vec::new();
        Record {
            index: 1,
            timestamp: 2,
            val: 3.0,
        }
        .encode(&mut encoded);
        let mut decoder = Decoder::default();
        decoder.decode(&encoded[..encoded.len() - 1]);
        assert!(matches!(decoder.finish(), Err(RecordsError::Incomplete)));
        let mut decoder = Decoder::default();
        decoder.decode(&[0xff; 40]);
        assert!(matches!(decoder.finish(), Err(RecordsError::Malformed(_))));
    }
}
