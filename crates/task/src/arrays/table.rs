//! Tables of arrays: an encoded value holds indices, and the table beside it says which memory each
//! stands for.

use super::error::StillHeld;
use super::hold::{Hold, Kind};
use super::make::received;
use std::collections::HashMap;
use std::sync::Arc;

/// One array that an encoded value refers to.
#[derive(Clone)]
pub(crate) struct Item {
    pub hold: Arc<Hold>,
    /// Where in the hold it begins, bytes. A mutable one is all of its hold.
    pub start: usize,
    /// Bytes.
    pub len: usize,
    pub mutable: bool,
}

impl Item {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.hold.span().as_slice()[self.start..self.start + self.len]
    }
}

/// An array that a value refers to, as its receiver finds it.
pub(crate) enum Entry {
    Held(Item),
    /// It lies behind the value, in the order of the entries.
    Bytes {
        len: u64,
        mutable: bool,
    },
    Taken,
}

/// The arrays that an encoded value refers to, by index. Dropped, it releases what nobody has taken.
#[derive(Default)]
pub struct Table {
    pub(crate) entries: Vec<Entry>,
}

impl Table {
    /// A table of no arrays.
    pub const fn new() -> Table {
        Table {
            entries: Vec::new(),
        }
    }

    /// Whether the value refers to no array.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many arrays it refers to.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of all arrays together; an array that occurs twice counts twice.
    pub fn bytes(&self) -> u64 {
        let bytes = |entry: &Entry| match entry {
            Entry::Held(item) => item.len as u64,
            Entry::Bytes { len, .. } => *len,
            Entry::Taken => 0,
        };
        self.entries.iter().map(bytes).sum()
    }

    /// Bytes of those that lie in memory already.
    pub fn shared_bytes(&self) -> u64 {
        let bytes = |entry: &Entry| match entry {
            Entry::Held(item) => item.len as u64,
            Entry::Bytes { .. } | Entry::Taken => 0,
        };
        self.entries.iter().map(bytes).sum()
    }

    /// Whether an `ArrayMut` is among them.
    pub fn hands_over(&self) -> bool {
        self.entries.iter().any(|entry| {
            matches!(
                entry,
                Entry::Held(Item { mutable: true, .. }) | Entry::Bytes { mutable: true, .. }
            )
        })
    }

    /// To be called once what was encoded has been dropped: makes sure that every `ArrayMut` of the table
    /// has no other holder.
    ///
    /// # Errors
    /// [`StillHeld`]. The table has to be dropped then: the memory is its holder's.
    pub fn check_handed_over(&self) -> Result<(), StillHeld> {
        let items = self.entries.iter().filter_map(|entry| match entry {
            Entry::Held(item) if item.mutable => Some(item),
            _ => None,
        });
        for item in items {
            // Twice in this table counts as well.
            if Arc::strong_count(&item.hold) > 1 {
                return Err(StillHeld { bytes: item.len });
            }
        }
        // What other threads did with it before they released it has happened.
        std::sync::atomic::fence(std::sync::atomic::Ordering::Acquire);
        Ok(())
    }

    pub(crate) fn push(&mut self, item: Item) -> u32 {
        self.entries.push(Entry::Held(item));
        (self.entries.len() - 1) as u32
    }

    /// How often the table refers to each hold.
    pub(crate) fn references(&self) -> HashMap<*const Hold, usize> {
        let mut references = HashMap::new();
        for entry in &self.entries {
            if let Entry::Held(item) = entry {
                *references.entry(Arc::as_ptr(&item.hold)).or_default() += 1;
            }
        }
        references
    }

    /// Splits what was received into the value and the bytes of arrays that travelled as such, for which
    /// memory is taken.
    pub(super) fn settle<'b>(&mut self, blob: &'b [u8]) -> Result<&'b [u8], String> {
        let mut total = 0u64;
        for entry in &self.entries {
            if let Entry::Bytes { len, .. } = entry {
                total = total
                    .checked_add(*len)
                    .ok_or("the lengths of arrays overflow")?;
            }
        }
        let before = (blob.len() as u64).checked_sub(total);
        let before = before.ok_or("arrays that travel as bytes are cut off")?;
        let (value, mut rest) = blob.split_at(before as usize);
        for entry in &mut self.entries {
            let Entry::Bytes { len, mutable } = *entry else {
                continue;
            };
            let (bytes, after) = rest.split_at(len as usize);
            rest = after;
            let kind = if mutable { Kind::ArrayMut } else { Kind::Array };
            let hold = received(bytes, kind).map_err(|error| error.to_string())?;
            *entry = Entry::Held(Item {
                hold: Arc::new(hold),
                start: 0,
                len: bytes.len(),
                mutable,
            });
        }
        Ok(value)
    }

    /// Takes an entry out for a decoder of elements of `size` bytes, aligned to `align` bytes: a mutable
    /// one once, an immutable one as often as it likes.
    pub(super) fn take(
        &mut self,
        index: u32,
        mutable: bool,
        size: usize,
        align: usize,
    ) -> Result<Item, String> {
        let entry = self.entries.get_mut(index as usize);
        let item = match entry.ok_or_else(|| format!("array {index} is not in the table"))? {
            Entry::Held(item) => item.clone(),
            Entry::Bytes { .. } => return Err(format!("array {index} has no memory yet")),
            Entry::Taken => return Err(format!("mutable array {index} occurs twice")),
        };
        if item.mutable != mutable {
            return Err(format!(
                "array {index} is mutable in the table and not in the value, or the other way round"
            ));
        }
        if size == 0 || !item.len.is_multiple_of(size) {
            return Err(format!("array {index} does not consist of whole elements"));
        }
        if item.len > 0 && !item.bytes().as_ptr().addr().is_multiple_of(align) {
            return Err(format!("array {index} is not aligned to its elements"));
        }
        if mutable {
            self.entries[index as usize] = Entry::Taken;
        }
        Ok(item)
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} arrays of {} bytes", self.len(), self.bytes())
    }
}
