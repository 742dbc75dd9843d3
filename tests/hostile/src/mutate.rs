//! Mutations from a seed, for machines without a fuzzer: the same seed gives the same inputs.

/// Makes inputs from those of a corpus.
#[derive(Debug, Clone)]
pub struct Mutator {
    state: u64,
}

/// Bytes that are borders of something: varints, lengths, tags.
const BORDERS: &[u8] = &[0, 1, 2, 3, 4, 6, 0x7f, 0x80, 0x81, 0xfe, 0xff];
/// The longest input that is made, in bytes.
const MAX_LEN: usize = 4096;

impl Mutator {
    /// The mutations of that seed.
    pub fn new(seed: u64) -> Mutator {
        Mutator { state: seed }
    }

    /// A number below `bound`, or 0 (splitmix64: Steele, Lea and Flood, OOPSLA 2014).
    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) % bound.max(1) as u64) as usize
    }

    /// One of `corpus`, changed in a few places.
    pub fn next(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(6) {
            self.change(&mut input, corpus);
        }
        input.truncate(MAX_LEN);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let byte = match self.below(3) {
            0 => self.below(256) as u8,
            _ => BORDERS[self.below(BORDERS.len())],
        };
        match (self.below(7), input.get_mut(at)) {
            (0, Some(there)) => *there ^= 1 << self.below(8),
            (1, Some(there)) => *there = there.wrapping_add(1),
            (2, Some(there)) => *there = there.wrapping_sub(1),
            (3, Some(_)) => {
                let end = (at + 1 + self.below(8)).min(input.len());
                input.drain(at..end);
            }
            (4, _) => input.insert(at, byte),
            (5, _) => {
                let other = &corpus[self.below(corpus.len())];
                let from = self.below(other.len() + 1);
                let to = (from + self.below(64)).min(other.len());
                input.splice(at..at, other[from..to].iter().copied());
            }
            (_, Some(there)) => *there = byte,
            (_, None) => input.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_sequence() {
        let corpus = vec![b"some".to_vec(), b"bytes".to_vec()];
        let made = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..100).map(|_| mutator.next(&corpus)).collect::<Vec<_>>()
        };
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
        assert!(
            made(1)
                .iter()
                .filter(|input| !corpus.contains(input))
                .count()
                > 90
        );
    }
}
