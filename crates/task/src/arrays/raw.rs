//! Arrays without their types: for a crate that takes calls to other machines, which has to know what memory
//! a call refers to, to copy it there, and to put what comes back where it was.
//!
//! Not a part of the public interface.

use super::error::ArrayError;
pub use super::hold::FileOrigin;
use super::hold::{Fresh, Hold, Kind, allocate};
use super::table::{Entry, Item, Table};
use std::ops::Range;
use std::sync::{Arc, Weak};

/// Memory that arrays lie in: one allocation, or one part that was handed over.
#[derive(Clone)]
pub struct Memory(Arc<Hold>);

/// [`Memory`] that may be gone.
pub struct WeakMemory(Weak<Hold>);

/// One array that an encoded value refers to.
pub struct Part {
    /// Where it lies.
    pub memory: Memory,
    /// Where in that it begins, bytes. A mutable one is all of its memory.
    pub start: usize,
    /// Bytes.
    pub len: usize,
    /// Whether it is an `ArrayMut`.
    pub mutable: bool,
}

impl Memory {
    /// New memory, to be [written](Self::write) and then read by others; all of it is zero or was used before.
    ///
    /// # Errors
    /// [`ArrayError`]: no memory, or no room in the arena.
    pub fn new(len: usize, mutable: bool) -> Result<Memory, ArrayError> {
        let kind = if mutable { Kind::ArrayMut } else { Kind::Array };
        let Fresh { hold, .. } = allocate(len, kind)?;
        if !mutable {
            hold.freeze();
        }
        Ok(Memory(Arc::new(hold)))
    }

    /// Identifies it while it lives.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// The addresses of its bytes in this process.
    pub fn addresses(&self) -> Range<usize> {
        let span = self.0.span();
        let start = span.as_ptr().addr().get();
        start..start + span.len()
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.span().as_slice()
    }

    /// Which file it is, if it is a mapped one.
    pub fn file(&self) -> Option<&FileOrigin> {
        self.0.file()
    }

    /// Writes a part of it.
    ///
    /// # Safety
    /// The memory was made by [`Memory::new`] or came as an `ArrayMut`, and nobody reads or writes this part
    /// meanwhile, in any process.
    ///
    /// # Panics
    /// Where the part is not inside.
    pub unsafe fn write(&self, at: usize, bytes: &[u8]) {
        let span = self.0.span();
        let end = at.checked_add(bytes.len());
        assert!(end.is_some_and(|end| end <= span.len()), "outside of it");
        // SAFETY: inside of the span, which is writable and which the caller has for itself.
        unsafe {
            let to = span.as_ptr().as_ptr().add(at);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        }
    }

    /// From now on it is immutable.
    pub fn freeze(&self) {
        self.0.freeze();
    }

    /// The first `at` bytes and the rest, neither of which is empty; itself where others hold it.
    ///
    /// # Errors
    /// The memory, which others hold too.
    pub fn split_at(self, at: usize) -> Result<(Memory, Memory), Memory> {
        let hold = Arc::try_unwrap(self.0).map_err(Memory)?;
        let (low, high) = hold.split_at(at);
        Ok((Memory(Arc::new(low)), Memory(Arc::new(high))))
    }

    /// Without keeping it.
    pub fn downgrade(&self) -> WeakMemory {
        WeakMemory(Arc::downgrade(&self.0))
    }
}

impl WeakMemory {
    /// Whether it is gone.
    pub fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl Table {
    /// Gives the bytes of each array that lies in memory.
    pub fn read(&self, each: &mut dyn FnMut(&[u8])) {
        for entry in &self.entries {
            if let Entry::Held(item) = entry {
                each(item.bytes());
            }
        }
    }

    /// What the value refers to, by index.
    pub fn into_parts(self) -> Vec<Part> {
        let part = |entry| match entry {
            Entry::Held(Item {
                hold,
                start,
                len,
                mutable,
            }) => Some(Part {
                memory: Memory(hold),
                start,
                len,
                mutable,
            }),
            Entry::Bytes { .. } | Entry::Taken => None,
        };
        self.entries.into_iter().filter_map(part).collect()
    }

    /// A table of these arrays.
    pub fn of_parts(parts: impl IntoIterator<Item = Part>) -> Table {
        let entry = |part: Part| {
            Entry::Held(Item {
                hold: part.memory.0,
                start: part.start,
                len: part.len,
                mutable: part.mutable,
            })
        };
        Table {
            entries: parts.into_iter().map(entry).collect(),
        }
    }
}

/// The arrays of the output that is being given to a reply, and the output without the bytes of those that
/// have travelled as such.
///
/// # Errors
/// No memory for them.
pub fn take_incoming(output: &[u8]) -> Result<(&[u8], Vec<Part>), String> {
    let mut table = super::context::take_incoming_table();
    let value = table.settle(output)?;
    Ok((value, table.into_parts()))
}
