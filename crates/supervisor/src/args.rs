//! Encoded arguments: short ones take no block of the heap.
//!
//! A call is moved several times right after its arguments were encoded. Bytes that were written one by one
//! and are then copied in larger pieces stall the processor; so short arguments are collected in words.

use std::fmt;
use std::ops::Deref;

/// Words of arguments that lie in the call itself.
const WORDS: usize = 3;
/// Bytes of them.
const SHORT: usize = 8 * WORDS;

/// Encoded arguments of a call. Those of up to 24 bytes take no block of the heap.
#[derive(Clone, Default)]
pub struct Args {
    /// All of them, where they are more.
    #[expect(
        clippy::box_collection,
        reason = "most arguments are short, and need no place for a length and a capacity"
    )]
    long: Option<Box<Vec<u8>>>,
    len: usize,
    /// Little-endian.
    words: [u64; WORDS],
}

impl Args {
    /// None.
    pub const fn new() -> Args {
        Args {
            long: None,
            len: 0,
            words: [0; WORDS],
        }
    }

    /// Appends one byte.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        let at = self.len;
        if at < SHORT && self.long.is_none() {
            self.words[at / 8] |= u64::from(byte) << (at % 8 * 8);
            self.len += 1;
        } else {
            self.lengthen(1).push(byte);
        }
    }

    /// Appends bytes.
    pub fn extend_from_slice(&mut self, more: &[u8]) {
        if self.len + more.len() <= SHORT && self.long.is_none() {
            for &byte in more {
                self.push(byte);
            }
        } else {
            self.lengthen(more.len()).extend_from_slice(more);
        }
    }

    /// All of them on the heap, where `more` are to follow.
    #[cold]
    fn lengthen(&mut self, more: usize) -> &mut Vec<u8> {
        if self.long.is_none() {
            let mut long = Vec::with_capacity((self.len + more).max(4 * SHORT));
            long.extend_from_slice(self);
            self.long = Some(Box::new(long));
        }
        self.long.get_or_insert_default()
    }

    /// Removes all of them.
    #[inline]
    pub fn clear(&mut self) {
        *self = Args::new();
    }

    /// The bytes in a vector.
    pub fn into_vec(self) -> Vec<u8> {
        match self.long {
            None => self.to_vec(),
            Some(long) => *long,
        }
    }
}

impl Deref for Args {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.long {
            None => &bytemuck::cast_slice(&self.words)[..self.len],
            Some(long) => long,
        }
    }
}

impl From<Vec<u8>> for Args {
    fn from(bytes: Vec<u8>) -> Args {
        Args {
            long: Some(Box::new(bytes)),
            ..Args::new()
        }
    }
}

impl fmt::Debug for Args {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_grow_beyond_what_a_call_holds() {
        let mut args = Args::new();
        let mut expected = Vec::new();
        for n in 0..200_u8 {
            args.push(n);
            expected.push(n);
            if n % 7 == 0 {
                let more = vec![n; usize::from(n % 13)];
                args.extend_from_slice(&more);
                expected.extend_from_slice(&more);
            }
            assert_eq!(&args[..], &expected[..]);
        }
        assert_eq!(args.clone().into_vec(), expected);
        assert_eq!(Args::from(vec![1, 2]).into_vec(), [1, 2]);
        let mut short = Args::new();
        short.extend_from_slice(&[7; SHORT]);
        assert_eq!(short.clone().into_vec(), [7; SHORT]);
        short.push(8);
        assert_eq!(short[..].len(), SHORT + 1);
    }
}
