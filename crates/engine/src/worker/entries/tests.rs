//! Entries that are kept together, against a list in which each is for itself.

use super::*;
use crate::worker::{Asked, State};
use crate::{Capabilities, KillReason};

impl Entry {
    /// One entry, of which nothing else is known.
    pub(crate) fn of(holds: Holds) -> Entry {
        Entry {
            number: 0,
            count: 1,
            first: 0,
            holds,
            sent_ns: 0,
            expected_ns: 0,
            class: 0,
            priority: Priority::Normal,
            limit_ns: u64::MAX,
        }
    }
}

fn id(index: u32) -> TaskId {
    let generation = 0;
    TaskId { index, generation }
}

fn serving() -> Worker {
    let capabilities = Capabilities {
        signal: true,
        lane: true,
        replace: true,
        ask: true,
    };
    Worker::new(0, capabilities, State::Serving { retiring: false })
}

/// Entries of a batch, from a place on.
fn several(batch: u32, first: u32, count: u32, expected_ns: u64) -> Entry {
    Entry {
        first,
        count,
        expected_ns,
        ..Entry::of(Holds::Task(id(batch)))
    }
}

/// One entry for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct One {
    number: u64,
    place: u32,
    holds: Holds,
    expected_ns: u64,
}

fn one(entry: &Entry, number: u64) -> One {
    One {
        number,
        place: entry.first + u32::try_from(number - entry.number).expect("a few"),
        holds: entry.holds,
        expected_ns: entry.expected_ns,
    }
}

fn each(entry: &Entry) -> impl Iterator<Item = One> {
    (entry.number..entry.end()).map(|number| one(entry, number))
}

/// A worker, and what it should hold.
struct Both {
    worker: Worker,
    ones: Vec<One>,
    begun: u64,
    random: u64,
}

impl Both {
    fn new(seed: u64) -> Both {
        Both {
            worker: serving(),
            ones: Vec::new(),
            begun: 0,
            random: seed * 2 + 1,
        }
    }

    /// A number below `end`, which looks like chance.
    fn below(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005);
        self.random = self.random.wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % end
    }

    fn any(&mut self) -> Option<One> {
        let at = self.below(self.ones.len().max(1) as u64);
        self.ones.get(usize::try_from(at).expect("a few")).copied()
    }

    /// A range of numbers in which some entries may be.
    fn range(&mut self) -> Range<u64> {
        let start = self.below(self.worker.tail() + 1);
        start..start + self.below(8)
    }

    fn push(&mut self) {
        let (batch, first) = (self.below(3), self.below(9));
        let (count, expected_ns) = (1 + self.below(6), 1 + self.below(1000));
        let [batch, first, count] = [batch, first, count].map(|it| it as u32);
        let mut entry = several(batch, first, count, expected_ns);
        let tail = self.worker.tail();
        assert_eq!(self.worker.push(entry), tail);
        assert_eq!(self.worker.tail(), tail + u64::from(count));
        entry.number = tail;
        self.ones.extend(each(&entry));
    }

    fn grow(&mut self) {
        let (batch, at) = (id(self.below(3) as u32), self.below(12) as u32);
        let tail = self.worker.tail();
        let (task, at) = match self.ones.last().copied() {
            Some(One { place, holds, .. }) if self.below(2) == 0 => match holds {
                Holds::Task(task) => (task, place + 1),
                _ => (batch, place + 1),
            },
            _ => (batch, at),
        };
        let holds = Holds::Task(task);
        let follows =
            |last: &&One| last.number + 1 == tail && last.place + 1 == at && last.holds == holds;
        let last = self.ones.last().filter(follows).copied();
        let grown = self.worker.grow(TaskAt { task, at });
        assert_eq!(grown, last.map(|_| tail));
        self.ones.extend(last.map(|last| One {
            number: tail,
            place: at,
            ..last
        }));
    }

    fn take(&mut self) {
        let range = self.range();
        let inside = |it: &&One| range.contains(&it.number);
        let expected: Vec<One> = self.ones.iter().filter(inside).copied().collect();
        let mut taken = Vec::new();
        while let Some(entry) = self.worker.take(range.clone()) {
            taken.extend(each(&entry));
        }
        assert_eq!(taken, expected);
        self.ones.retain(|it| !range.contains(&it.number));
    }

    fn change(&mut self) {
        match self.below(7) {
            0 => self.push(),
            1..=2 => self.grow(),
            3 => self.take(),
            4 => {
                let number = self.begun + self.below(3);
                if number < self.worker.tail() {
                    self.worker.begin(number, 0);
                    self.begun = number + 1;
                }
            }
            5 => {
                let Some(marked) = self.any() else { return };
                let own = id(100 + marked.number as u32);
                let it = self.ones.iter_mut().find(|it| **it == marked);
                let it = it.expect("it is there");
                if marked.number.is_multiple_of(2) {
                    self.worker.part(marked.number, own);
                    (it.holds, it.place) = (Holds::Task(own), 0);
                } else {
                    self.worker.mark(marked.number, Holds::Again(own));
                    it.holds = Holds::Again(own);
                }
            }
            _ if self.below(8) == 0 => {
                let batch = id(self.below(3) as u32);
                let of_batch = |it: &&mut One| it.holds == Holds::Task(batch);
                let mut end = None;
                for it in self.ones.iter_mut().filter(of_batch) {
                    it.holds = Holds::Withdrawn;
                    end = Some(it.number + 1);
                }
                assert_eq!(self.worker.mark_batch(batch, Holds::Withdrawn), end);
            }
            _ => {}
        }
    }

    fn compare(&mut self) {
        let (worker, ones) = (&self.worker, &self.ones);
        for number in 0..worker.tail() + 2 {
            let expected = ones.iter().find(|it| it.number == number).copied();
            let found = worker.entry(number).map(|entry| one(entry, number));
            assert_eq!(found, expected);
        }
        let unclaimed = ones.iter().filter(|it| it.number >= self.begun);
        let unclaimed: Vec<u64> = unclaimed.map(|it| it.expected_ns).collect();
        assert_eq!(worker.open as usize, ones.len());
        assert_eq!(worker.unclaimed as usize, unclaimed.len());
        assert_eq!(worker.unclaimed_ns, unclaimed.iter().sum());
        let ahead_ns = ones.iter().map(|it| it.expected_ns).sum();
        assert_eq!((worker.begun, worker.ahead_ns), (self.begun, ahead_ns));
        let fates = worker.by_fate();
        let alone = |entry: &&Entry| entry.number < self.begun && entry.count != 1;
        assert!(!fates.iter().any(|entry| alone(&entry)));
        assert_eq!(fates.iter().flat_map(each).collect::<Vec<_>>(), *ones);
        for batch in 0..3 {
            for at in 0..20 {
                let holds = Holds::Task(id(batch));
                let has = |it: &&One| it.holds == holds && it.place == at;
                let first = ones.iter().find(has).map(|it| it.number);
                assert_eq!(worker.number_of(id(batch), at), first);
            }
        }
        let range = self.range();
        let (worker, ones) = (&self.worker, &self.ones);
        let inside = ones.iter().filter(|it| range.contains(&it.number));
        let times: Vec<u64> = inside.map(|it| it.expected_ns).collect();
        let load = (times.len() as u32, times.iter().sum());
        assert_eq!(worker.load(&range), load);
        let present: Vec<(&Entry, u32)> = worker.present(&range).collect();
        let some = |&(_, within): &(&Entry, u32)| within > 0;
        assert!(range.is_empty() || present.iter().all(some));
        let time = |&(entry, within): &(&Entry, u32)| u64::from(within) * entry.expected_ns;
        let total = present.iter().map(|&(_, within)| within).sum();
        assert_eq!((total, present.iter().map(time).sum()), load);
    }
}

#[test]
fn together_they_are_what_they_are_one_by_one() {
    for seed in 0..60 {
        let mut both = Both::new(seed);
        for _ in 0..80 {
            both.change();
            both.compare();
        }
    }
}

#[test]
fn what_is_alike_is_kept_and_taken_together() {
    let mut worker = serving();
    worker.push(several(1, 10, 8, 5));
    let taken = worker.take(2..5).map(|it| (it.number, it.first, it.count));
    assert_eq!(taken, Some((2, 12, 3)));
    let left = |worker: &Worker| -> Vec<(u64, u32, u32)> {
        let entries = worker.entries.iter();
        entries.map(|it| (it.number, it.first, it.count)).collect()
    };
    assert_eq!(left(&worker), [(0, 10, 2), (5, 15, 3)]);
    worker.mark(6, Holds::Cancelled);
    assert_eq!(
        left(&worker),
        [(0, 10, 2), (5, 15, 1), (6, 16, 1), (7, 17, 1)]
    );
    worker.mark(3, Holds::Cancelled);
    worker.mark(8, Holds::Cancelled);
    assert_eq!(left(&worker).len(), 4, "there are no such entries");
    worker.begin(0, 0);
    let fates = worker.by_fate();
    let fates: Vec<(u64, u32)> = fates.iter().map(|it| (it.number, it.count)).collect();
    assert_eq!(fates, [(0, 1), (1, 1), (5, 1), (6, 1), (7, 1)]);
}

#[test]
fn what_counts_for_all_entries_starts_anew_with_the_first_of_them() {
    let mut worker = serving();
    let give = |worker: &mut Worker, sent_ns, priority, limit_ns| {
        worker.push(Entry {
            sent_ns,
            priority,
            limit_ns,
            ..several(1, 0, 1, 5)
        });
        (worker.progress_ns, worker.lowest, worker.limit_min_ns)
    };
    let (high, normal, low) = (Priority::High, Priority::Normal, Priority::Low);
    assert_eq!(give(&mut worker, 3, high, 70), (3, high, 70));
    assert_eq!(give(&mut worker, 4, low, 50), (3, low, 50));
    assert_eq!(give(&mut worker, 5, normal, 60), (3, low, 50));
    while worker.take(0..3).is_some() {}
    assert_eq!(give(&mut worker, 6, normal, 80), (6, normal, 80));
}

#[test]
fn what_becomes_known_of_entries_lets_them_be_recalled_again() {
    let known: [fn(&mut Worker); 3] = [
        |worker| _ = worker.push(several(1, 0, 1, 5)),
        |worker| worker.begin(1, 0),
        |worker| _ = worker.take(0..1),
    ];
    for known in known {
        let mut worker = serving();
        worker.push(several(1, 0, 4, 5));
        worker.fruitless = 2;
        known(&mut worker);
        assert_eq!(worker.fruitless, 0);
    }
}

#[test]
fn a_request_and_being_alone_end_with_the_entry() {
    let mut worker = serving();
    worker.push(several(1, 0, 3, 5));
    let (entry, since_ns, reason) = (1, 0, KillReason::Cancelled);
    worker.asked = Some(Asked {
        entry,
        since_ns,
        reason,
    });
    worker.exclusive = true;
    worker.take(0..1);
    worker.take(2..3);
    assert!(worker.asked.is_some() && worker.exclusive);
    worker.take(1..2);
    assert!(worker.asked.is_none() && !worker.exclusive);
}

#[test]
fn only_what_holds_tasks_is_a_piece() {
    let entry = several(3, 4, 5, 1);
    let piece = entry.piece().map(|it| (it.task, it.first, it.count));
    assert_eq!(piece, Some((id(3), 4, 5)));
    for holds in [Holds::Again(id(3)), Holds::Cancelled, Holds::Withdrawn] {
        assert_eq!(Entry { holds, ..entry }.piece(), None);
    }
}
