//! The receiver's side of a table of arrays: an encoded value holds indices into it, and a decoder takes
//! entries by index. Whether an entry may be there at all is for `holds` to check.

use crate::range::Entry;

/// The entries of one frame. Those that no decoder takes are still the receiver's, who releases them.
#[derive(Clone, Debug)]
pub struct Table {
    entries: Vec<Entry>,
    taken: Vec<bool>,
}

/// An encoded value asks for something that its table does not have. From a worker, this is a protocol
/// violation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TableError {
    /// There is no entry with that index.
    #[error("array {0} is not in the table")]
    NoSuchEntry(usize),
    /// The value holds an `Array` where the table has an `ArrayMut`, or the other way round.
    #[error("array {0} is mutable in the table and not in the value, or the other way round")]
    WrongKind(usize),
    /// A mutable entry was taken before.
    #[error("mutable array {0} occurs twice")]
    TakenTwice(usize),
    /// The element type has no bytes.
    #[error("array {0} has elements of 0 bytes")]
    ZeroSized(usize),
    /// The range does not begin at a multiple of the alignment.
    #[error("array {0} is not aligned to its elements")]
    Unaligned(usize),
    /// The length is not a multiple of the element's size.
    #[error("array {0} does not consist of whole elements")]
    Ragged(usize),
}

impl Table {
    /// A table with nothing taken yet.
    pub fn new(entries: Vec<Entry>) -> Table {
        let taken = vec![false; entries.len()];
        Table { entries, taken }
    }

    /// Entry `index`, for elements of `size` bytes that are aligned to `align` bytes. A mutable entry can be
    /// taken once. Regions are mapped at whole pages, so the offset has the alignment of the address as
    /// long as `align` is at most the page size.
    pub fn take(
        &mut self,
        index: usize,
        mutable: bool,
        size: u64,
        align: u64,
    ) -> Result<Entry, TableError> {
        let entry = *self
            .entries
            .get(index)
            .ok_or(TableError::NoSuchEntry(index))?;
        if size == 0 || entry.range.len == 0 {
            return Err(TableError::ZeroSized(index));
        }
        if entry.mutable != mutable {
            return Err(TableError::WrongKind(index));
        }
        if align == 0 || !entry.range.offset.is_multiple_of(align) {
            return Err(TableError::Unaligned(index));
        }
        if !entry.range.len.is_multiple_of(size) {
            return Err(TableError::Ragged(index));
        }
        if mutable && self.taken[index] {
            return Err(TableError::TakenTwice(index));
        }
        self.taken[index] = true;
        Ok(entry)
    }

    /// The entries that were never taken.
    pub fn untaken(&self) -> impl Iterator<Item = Entry> {
        self.entries
            .iter()
            .zip(&self.taken)
            .filter(|&(_, &taken)| !taken)
            .map(|(&entry, _)| entry)
    }

    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
