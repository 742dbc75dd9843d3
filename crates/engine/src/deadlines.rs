//! One heap of deadlines. Each worker has at most one that counts; the others are dropped when they
//! come to the top or outnumber the workers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    heap: BinaryHeap<Reverse<(u64, u32)>>,
    /// For each worker the deadline that counts; `u64::MAX` for none.
    armed: Vec<u64>,
}

impl Deadlines {
    /// Makes sure that the worker is looked at by `at_ns`. It may be looked at before: who is looked
    /// at arms again, so that a deadline which is put off costs nothing.
    pub(crate) fn arm(&mut self, worker: u32, at_ns: u64, compact: bool) {
        let index = worker as usize;
        if index >= self.armed.len() {
            self.armed.resize(index + 1, u64::MAX);
        }
        if self.armed[index] <= at_ns && compact {
            return;
        }
        self.armed[index] = at_ns;
        self.heap.push(Reverse((at_ns, worker)));
        if compact && self.heap.len() > 2 * self.armed.len() + 16 {
            let armed = &self.armed;
            self.heap
                .retain(|&Reverse((at, worker))| armed[worker as usize] == at);
        }
    }

    /// A worker is gone: none of its deadlines counts.
    pub(crate) fn disarm(&mut self, worker: u32) {
        if let Some(armed) = self.armed.get_mut(worker as usize) {
            *armed = u64::MAX;
        }
    }

    /// The next worker whose deadline has come.
    pub(crate) fn pop(&mut self, now: u64) -> Option<u32> {
        while let Some(&Reverse((at_ns, worker))) = self.heap.peek() {
            let counts = self.armed[worker as usize] == at_ns;
            if counts && at_ns > now {
                return None;
            }
            self.heap.pop();
            if counts {
                self.armed[worker as usize] = u64::MAX;
                return Some(worker);
            }
        }
        None
    }

    /// The earliest deadline that counts.
    pub(crate) fn next(&mut self) -> Option<u64> {
        while let Some(&Reverse((at_ns, worker))) = self.heap.peek() {
            if self.armed[worker as usize] == at_ns {
                return Some(at_ns);
            }
            self.heap.pop();
        }
        None
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outdated_deadlines_do_not_pile_up() {
        let mut deadlines = Deadlines::default();
        for worker in 0..4 {
            for at_ns in (0..1000).rev() {
                deadlines.arm(worker, at_ns, true);
            }
        }
        assert_eq!(deadlines.armed, [0; 4]);
        assert!((4..=24).contains(&deadlines.len()), "{}", deadlines.len());
        // They outnumber the workers only if they are more than twice as many, and 16.
        let mut few = Deadlines::default();
        for at_ns in (0..18).rev() {
            few.arm(0, at_ns, true);
        }
        assert_eq!(few.len(), 18);
        few.arm(1, 5, true);
        few.arm(1, 4, true);
        few.arm(1, 3, true);
        assert_eq!(few.len(), 2);
        let mut many = Deadlines::default();
        for worker in 0..8 {
            many.arm(worker, 100, true);
        }
        for (at_ns, kept) in (0..25).rev().zip((9..=32).chain([8])) {
            many.arm(0, at_ns, true);
            assert_eq!(many.len(), kept);
        }
    }

    #[test]
    fn the_earliest_that_counts_comes_first() {
        let mut deadlines = Deadlines::default();
        for (worker, at_ns) in [(0, 30), (1, 20), (2, 10), (1, 25), (0, 15)] {
            deadlines.arm(worker, at_ns, true);
        }
        deadlines.disarm(2);
        assert_eq!(deadlines.next(), Some(15));
        assert_eq!(deadlines.pop(14), None);
        assert_eq!(deadlines.pop(15), Some(0));
        assert_eq!((deadlines.pop(20), deadlines.next()), (Some(1), None));
        assert_eq!(deadlines.pop(u64::MAX), None);
    }
}
