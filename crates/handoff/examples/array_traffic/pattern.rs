//! What the bytes of arrays are: words that follow from a seed and their place, so that any part can be checked.

/// The finaliser of SplitMix64.
pub(crate) fn mixed(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The bytes of an array: from place `first` on, those that follow from `seed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Pattern {
    pub(crate) seed: u64,
    pub(crate) first: usize,
}

impl Pattern {
    pub(crate) fn new(seed: u64) -> Pattern {
        Pattern { seed, first: 0 }
    }

    /// That of a part.
    pub(crate) fn from(self, place: usize) -> Pattern {
        Pattern {
            first: self.first + place,
            ..self
        }
    }

    /// The word at a place in words.
    fn word(self, place: usize) -> u64 {
        (self.seed ^ place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn byte(self, place: usize) -> u8 {
        self.word(place / 8).to_le_bytes()[place % 8]
    }

    /// How many bytes come before the first whole word of a part.
    fn head(self, len: usize) -> usize {
        ((8 - self.first % 8) % 8).min(len)
    }

    pub(crate) fn fill(self, bytes: &mut [u8]) {
        let head = self.head(bytes.len());
        let (start, rest) = bytes.split_at_mut(head);
        for (n, byte) in start.iter_mut().enumerate() {
            *byte = self.byte(self.first + n);
        }
        let words = (self.first + head) / 8;
        let mut chunks = rest.chunks_exact_mut(8);
        let mut place = words;
        for chunk in &mut chunks {
            chunk.copy_from_slice(&self.word(place).to_le_bytes());
            place += 1;
        }
        for (n, byte) in chunks.into_remainder().iter_mut().enumerate() {
            *byte = self.byte(8 * place + n);
        }
    }

    /// Checks every byte.
    pub(crate) fn check(self, bytes: &[u8]) -> Result<(), String> {
        let head = self.head(bytes.len());
        let (start, rest) = bytes.split_at(head);
        let words = (self.first + head) / 8;
        let mut different = 0;
        let chunks = rest.chunks_exact(8);
        let tail = chunks.remainder();
        let whole = rest.len() / 8;
        for (n, chunk) in chunks.enumerate() {
            let found = u64::from_le_bytes(chunk.try_into().expect("8 bytes"));
            different |= found ^ self.word(words + n);
        }
        let ends = start.iter().enumerate().map(|(n, byte)| (n, *byte));
        let last = tail.iter().enumerate();
        let last = last.map(|(n, byte)| (head + 8 * whole + n, *byte));
        for (n, byte) in ends.chain(last) {
            different |= u64::from(byte ^ self.byte(self.first + n));
        }
        if different == 0 {
            return Ok(());
        }
        let is_wrong = |&n: &usize| bytes[n] != self.byte(self.first + n);
        let first = (0..bytes.len()).find(is_wrong).unwrap_or(0);
        let wrong = (0..bytes.len()).filter(is_wrong).count();
        Err(format!(
            "{wrong} of {} bytes are wrong, the first at {first}: {self:?}",
            bytes.len()
        ))
    }
}
