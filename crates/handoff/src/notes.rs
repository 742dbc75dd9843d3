//! What a task has sent to its handle and nobody has taken yet.

use std::collections::VecDeque;

/// The most bytes that are kept, so that a handle whose notes nobody takes stays small.
const KEPT: usize = 1 << 20;
/// What each note is taken to need besides.
const EACH: usize = 64;

/// Notes, oldest first.
#[derive(Default)]
pub(crate) struct Notes {
    notes: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Notes {
    /// Adds one. Where they are too many, the oldest are dropped.
    pub(crate) fn push(&mut self, note: &[u8]) {
        self.bytes += note.len() + EACH;
        self.notes.push_back(note.to_vec());
        while self.bytes > KEPT {
            self.pop();
        }
    }

    /// The oldest.
    pub(crate) fn pop(&mut self) -> Option<Vec<u8>> {
        let note = self.notes.pop_front()?;
        self.bytes -= note.len() + EACH;
        Some(note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_notes_are_kept() {
        let mut notes = Notes::default();
        for n in 0..100 {
            notes.push(&[n; 64 * 1024 - EACH]);
        }
        let kept: Vec<u8> = std::iter::from_fn(|| notes.pop()).map(|it| it[0]).collect();
        let latest: Vec<u8> = (84..100).collect();
        assert_eq!(kept, latest);
        notes.push(b"");
        assert_eq!(notes.pop().as_deref(), Some(&b""[..]));
        assert_eq!(notes.pop(), None);
    }
}
