//! How entries that finished together shared the time that they ran: only its sum is measured.

use crate::config::AHEAD_NS;
use crate::worker::Entry;

/// What each of them took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    /// How many there are.
    pub(crate) open: u64,
    /// What one took of which nothing was known when it was sent.
    unknown_ns: u64,
    /// By what the expected time of the others is multiplied.
    factor: f64,
    /// What each took where all are of one class.
    alike_ns: Option<u64>,
}

impl Shares {
    /// Where the entries are of several classes, they share by expected time, so that long and short ones
    /// keep their means apart; what is left is the time of those that were unknown.
    pub(crate) fn of<'a>(entries: impl Iterator<Item = (&'a Entry, u32)>, ran_ns: u64) -> Shares {
        let (mut open, mut unknown, mut known_ns) = (0, 0, 0);
        let mut class = None;
        let mut alike = true;
        for (entry, count) in entries {
            let count = u64::from(count);
            open += count;
            alike &= *class.get_or_insert(entry.class) == entry.class;
            if entry.expected_ns == AHEAD_NS {
                unknown += count;
            } else {
                known_ns += count * entry.expected_ns;
            }
        }
        let each_ns = ran_ns / open.max(1);
        let left_ns = ran_ns.saturating_sub(known_ns);
        let (unknown_ns, known_ran_ns) = match (unknown, left_ns) {
            (0, _) => (0, ran_ns),
            (_, 0) => (each_ns, each_ns * (open - unknown)),
            _ => (left_ns / unknown, known_ns),
        };
        Shares {
            open,
            unknown_ns,
            factor: known_ran_ns as f64 / known_ns.max(1) as f64,
            alike_ns: alike.then_some(each_ns),
        }
    }

    pub(crate) fn share_ns(&self, entry: &Entry) -> u64 {
        self.alike_ns.unwrap_or(match entry.expected_ns {
            AHEAD_NS => self.unknown_ns,
            expected_ns => (self.factor * expected_ns as f64) as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::Holds;

    fn entry(class: u32, expected_ns: u64) -> Entry {
        Entry {
            expected_ns,
            class,
            ..Entry::of(Holds::Withdrawn)
        }
    }

    fn shares(entries: &[Entry], ran_ns: u64) -> Vec<u64> {
        let shares = Shares::of(entries.iter().map(|entry| (entry, 1)), ran_ns);
        entries.iter().map(|it| shares.share_ns(it)).collect()
    }

    #[test]
    fn entries_of_one_class_share_alike_whatever_was_known_of_them() {
        let entries = [entry(0, AHEAD_NS), entry(0, AHEAD_NS), entry(0, 5_000)];
        assert_eq!(shares(&entries, 15_000), [5_000; 3]);
        assert_eq!(shares(&entries, 30_000), [10_000; 3]);
    }

    #[test]
    fn entries_of_known_classes_share_by_expected_time() {
        let entries = [entry(0, 1_000), entry(1, 4_000)];
        assert_eq!(shares(&entries, 10_000), [2_000, 8_000]);
    }

    #[test]
    fn what_is_left_is_the_time_of_those_that_were_unknown() {
        let entries = [entry(0, 5_000), entry(1, AHEAD_NS), entry(1, AHEAD_NS)];
        assert_eq!(shares(&entries, 105_000), [5_000, 50_000, 50_000]);
        assert_eq!(shares(&entries, 3_000), [1_000; 3], "less than expected");
        // Those that were known share what is theirs.
        let entries = [
            entry(0, 2_000),
            entry(1, 6_000),
            entry(2, AHEAD_NS),
            entry(2, AHEAD_NS),
        ];
        assert_eq!(shares(&entries, 4_000), [500, 1_500, 1_000, 1_000]);
        assert_eq!(shares(&entries, 9_000), [2_000, 6_000, 500, 500]);
        assert_eq!(shares(&entries, 8_000), [1_000, 3_000, 2_000, 2_000]);
    }

    #[test]
    fn each_of_a_batch_has_its_share() {
        let (batch, single) = (entry(0, 1_000), entry(1, 3_000));
        let shares = |ran_ns| Shares::of([(&batch, 4), (&single, 2)].into_iter(), ran_ns);
        assert_eq!(shares(20_000).open, 6);
        assert_eq!(shares(20_000).share_ns(&batch), 2_000);
        assert_eq!(shares(20_000).share_ns(&single), 6_000);
        let unknown = entry(1, AHEAD_NS);
        let shares = Shares::of([(&batch, 4), (&unknown, 2)].into_iter(), 10_000);
        assert_eq!(
            (shares.share_ns(&batch), shares.share_ns(&unknown)),
            (1_000, 3_000)
        );
        let none = Shares::of(std::iter::empty(), 10);
        assert_eq!(none.open, 0);
    }
}
