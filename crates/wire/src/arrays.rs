//! The tables of arrays that travel beside a call's arguments and beside its output.
//!
//! An encoded value refers to its arrays by index; what an index stands for is an entry of the table. Either
//! the entry names memory of an arena that both processes have mapped, or the array's bytes follow
//! the value, in the order of the entries. Where there is nothing to say, a table is no bytes at all.

use crate::DecodeError;
use serde::{Deserialize, Serialize};

/// One array that a value refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArrayEntry {
    /// It lies in an arena.
    Shared(ArrayRange),
    /// Its bytes follow the value.
    Bytes {
        /// How many.
        len: u64,
        /// Whether it is an `ArrayMut`.
        mutable: bool,
    },
}

/// A range of an arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ArrayRange {
    /// The arena, by the number that [`ToWorker::Arena`](crate::ToWorker::Arena) gave.
    pub region: u32,
    /// Bytes from its start.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// Whether it is an `ArrayMut`: its memory is handed over with the frame.
    pub mutable: bool,
}

/// A range of the worker's own arena that nobody but the worker holds any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreedRange {
    /// Bytes from the arena's start.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// How many entries of results, all of which named a part of it, this answers.
    pub entries: u64,
}

/// Beside a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallArrays {
    /// The arrays of the arguments.
    pub entries: Vec<ArrayEntry>,
    /// What the worker may use again, in its own arena.
    pub freed: Vec<FreedRange>,
    /// Arenas that are not used any more.
    pub forget: Vec<u32>,
}

/// Beside a result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultArrays {
    /// The arrays of the output.
    pub entries: Vec<ArrayEntry>,
    /// Arrays of the call that the worker still holds.
    pub retained: Vec<ArrayRange>,
    /// Arrays that it had retained before and has released since. They come first: none of
    /// `entries` needs them.
    pub released: Vec<ArrayRange>,
}

impl CallArrays {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.freed.is_empty() && self.forget.is_empty()
    }

    /// As it stands in a frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes(self, self.is_empty())
    }

    /// Reads what stands in a frame.
    ///
    /// # Errors
    /// [`DecodeError`]: it is not such a table, or bytes are left over.
    pub fn from_bytes(bytes: &[u8]) -> Result<CallArrays, DecodeError> {
        match bytes {
            [] => Ok(CallArrays::default()),
            bytes => crate::decode(bytes),
        }
    }
}

impl ResultArrays {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.retained.is_empty() && self.released.is_empty()
    }

    /// As it stands in a frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes(self, self.is_empty())
    }

    /// Reads what stands in a frame.
    ///
    /// # Errors
    /// [`DecodeError`]: it is not such a table, or bytes are left over.
    pub fn from_bytes(bytes: &[u8]) -> Result<ResultArrays, DecodeError> {
        match bytes {
            [] => Ok(ResultArrays::default()),
            bytes => crate::decode(bytes),
        }
    }
}

fn bytes(table: &impl Serialize, is_empty: bool) -> Vec<u8> {
    if is_empty {
        return Vec::new();
    }
    // Numbers alone: nothing of it can be refused.
    postcard::to_stdvec(table).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_survive_the_way_and_empty_ones_take_no_bytes() {
        assert_eq!(CallArrays::default().to_bytes(), []);
        assert_eq!(
            ResultArrays::from_bytes(&[]).unwrap(),
            ResultArrays::default()
        );
        let range = ArrayRange {
            region: 3,
            offset: 1 << 40,
            len: 5,
            mutable: true,
        };
        let result = ResultArrays {
            entries: vec![
                ArrayEntry::Shared(range),
                ArrayEntry::Bytes {
                    len: 9,
                    mutable: false,
                },
            ],
            retained: vec![range],
            released: vec![],
        };
        assert_eq!(
            ResultArrays::from_bytes(&result.to_bytes()).unwrap(),
            result
        );
        let mut long = result.to_bytes();
        long.push(0);
        assert!(ResultArrays::from_bytes(&long).is_err());
        assert!(CallArrays::from_bytes(&[1]).is_err());
    }
}
