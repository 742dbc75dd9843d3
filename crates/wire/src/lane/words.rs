//! The shared words of a lane by their names, and bytes packed into them. Every access is atomic, so
//! that a peer that writes at the wrong moment corrupts values and nothing else.

use crate::lane::layout::{Control, DONE, Layout, LayoutError, Ring};
use crate::lane::sync::{AtomicU64, Ordering};

/// The memory of a lane.
pub(crate) struct Words<M> {
    memory: M,
    layout: Layout,
    calls: Ring,
    results: Ring,
}

impl<M: AsRef<[AtomicU64]>> Words<M> {
    pub(crate) fn new(memory: M, layout: Layout) -> Result<Words<M>, LayoutError> {
        let (needed, found) = (layout.words(), memory.as_ref().len());
        if found < needed {
            return Err(LayoutError::Memory { needed, found });
        }
        Ok(Words {
            memory,
            layout,
            calls: layout.calls(),
            results: layout.results(),
        })
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// The ring of call bytes.
    pub(crate) fn calls(&self) -> Ring {
        self.calls
    }

    /// The ring of records.
    pub(crate) fn results(&self) -> Ring {
        self.results
    }

    #[inline]
    pub(crate) fn control(&self, control: Control) -> &AtomicU64 {
        &self.memory.as_ref()[control.index()]
    }

    #[inline]
    pub(crate) fn done(&self) -> &AtomicU64 {
        &self.memory.as_ref()[DONE]
    }

    #[inline]
    pub(crate) fn load_slot(&self, index: u64) -> [u64; 2] {
        let at = self.layout.slot(index);
        let words = self.memory.as_ref();
        [0, 1].map(|n| words[at + n].load(Ordering::Relaxed))
    }

    #[inline]
    pub(crate) fn store_slot(&self, index: u64, values: [u64; 2]) {
        let at = self.layout.slot(index);
        let words = self.memory.as_ref();
        for (n, value) in values.into_iter().enumerate() {
            words[at + n].store(value, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn load_header(&self, ring: Ring, at: u64) -> [u64; 2] {
        let words = self.memory.as_ref();
        [0, 1].map(|n| words[ring.index(at + n)].load(Ordering::Relaxed))
    }

    #[inline]
    pub(crate) fn store_header(&self, ring: Ring, at: u64, values: [u64; 2]) {
        let words = self.memory.as_ref();
        for (at, value) in (at..).zip(values) {
            words[ring.index(at)].store(value, Ordering::Relaxed);
        }
    }

    /// Writes bytes from cursor `at` on, the last word filled up with zeros. Returns the cursor after
    /// them.
    #[inline]
    pub(crate) fn store_bytes(&self, ring: Ring, mut at: u64, bytes: &[u8]) -> u64 {
        let words = self.memory.as_ref();
        let (whole, rest) = bytes.as_chunks::<8>();
        for chunk in whole {
            words[ring.index(at)].store(u64::from_le_bytes(*chunk), Ordering::Relaxed);
            at += 1;
        }
        if !rest.is_empty() {
            // A loop, because a call of memcpy costs more than seven steps.
            let last = rest
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u64::from(*byte));
            words[ring.index(at)].store(last, Ordering::Relaxed);
            at += 1;
        }
        at
    }

    /// Copies whole words from cursor `at` on.
    #[inline]
    pub(crate) fn load_bytes(&self, ring: Ring, at: u64, out: &mut [u8]) {
        let words = self.memory.as_ref();
        for (at, chunk) in (at..).zip(out.as_chunks_mut::<8>().0) {
            *chunk = words[ring.index(at)].load(Ordering::Relaxed).to_le_bytes();
        }
    }
}
