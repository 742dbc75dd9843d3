//! Random numbers that follow from a seed (SplitMix64).

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        crate::pattern::mixed(self.0)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.next().is_multiple_of(count)
    }

    /// A length from 1 to `max`: as many of each order of magnitude.
    pub(crate) fn length(&mut self, max: u64) -> usize {
        let bits = 64 - max.leading_zeros();
        let top = 1_u64 << self.below(bits as usize);
        (top + self.next() % top).min(max) as usize
    }
}
