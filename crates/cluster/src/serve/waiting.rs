//! Calls that a rank has and its pool does not.

use crate::ids::{Group, rank_in};
use crate::protocol::Terms;
use pool::Batch;
use std::collections::{HashMap, VecDeque};
use task::arrays::raw::Part;

/// What was submitted as one.
pub(super) enum Waiting {
    One(Call),
    /// Calls with nothing but short arguments, and who they are.
    Batch(Group, Batch),
}

pub(super) struct Call {
    pub(super) id: u64,
    pub(super) task: u32,
    pub(super) args: Vec<u8>,
    pub(super) input: bool,
    pub(super) parts: Result<Vec<Part>, String>,
    pub(super) terms: Option<Terms>,
}

impl Waiting {
    pub(super) fn group(&self) -> Group {
        match self {
            Waiting::One(call) => Group::of(call.id),
            Waiting::Batch(group, _) => *group,
        }
    }

    /// Leaves those calls out; `false` where none is left.
    fn leave_out(&mut self, which: u64) -> bool {
        let group = self.group();
        let left = group.which & !which;
        if let Waiting::Batch(group, batch) = self
            && left != 0
            && left != group.which
        {
            let mut rest = Batch::new(batch.task());
            for id in (Group {
                which: left,
                ..*group
            })
            .ids()
            {
                let at = rank_in(group.which, id).unwrap_or_default();
                rest.push(batch.args(at as usize));
            }
            (group.which, *batch) = (left, rest);
        }
        left != 0
    }
}

/// All that waits, in order.
#[derive(Default)]
pub(super) struct Queue(pub(super) VecDeque<Waiting>);

impl Queue {
    /// Takes this number of calls back, and the others of the last one's batch; the first of each batch.
    pub(super) fn take_back(&mut self, calls: u32) -> Vec<u64> {
        let (mut taken, mut count) = (Vec::new(), 0);
        while count < calls as usize
            && let Some(last) = self.0.pop_back()
        {
            let group = last.group();
            count += group.calls();
            taken.extend(group.ids().next());
        }
        taken.reverse();
        taken
    }

    /// Leaves out calls that nobody wants.
    pub(super) fn leave_out(&mut self, groups: &[Group]) {
        let mut unwanted: HashMap<u64, u64> = HashMap::new();
        for group in groups {
            *unwanted.entry(group.first).or_default() |= group.which;
        }
        self.0.retain_mut(|waiting| {
            let which = unwanted.get(&waiting.group().first);
            which.is_none_or(|which| waiting.leave_out(*which))
        });
    }
}

/// The calls that the pool has.
#[derive(Default)]
pub(super) struct Open {
    /// By the first of what was submitted as one.
    entries: HashMap<u64, Given>,
    calls: usize,
}

/// What the pool was given as one.
struct Given {
    /// The pool's number of the first; those of the others follow.
    number: u64,
    which: u64,
    left: u64,
}

impl Open {
    /// Calls.
    pub(super) fn len(&self) -> usize {
        self.calls
    }

    pub(super) fn insert(&mut self, group: Group, number: u64) {
        let which = group.which;
        let given = Given {
            number,
            which,
            left: which,
        };
        self.calls += group.calls();
        self.entries.insert(group.first, given);
    }

    /// The pool's number of a call.
    pub(super) fn number_of(&self, id: u64) -> Option<u64> {
        let one = Group::of(id);
        let given = self.entries.get(&one.first)?;
        let at = rank_in(given.which, id)?;
        (given.left & one.which != 0).then_some(given.number + at)
    }

    /// The pool's numbers of those calls that it has.
    pub(super) fn numbers_of(&self, groups: &[Group]) -> Vec<u64> {
        let ids = groups.iter().flat_map(|group| group.ids());
        ids.filter_map(|id| self.number_of(id)).collect()
    }

    /// Those calls have ended.
    pub(super) fn end(&mut self, group: Group) {
        if let Some(given) = self.entries.get_mut(&group.first) {
            self.calls -= (given.left & group.which).count_ones() as usize;
            given.left &= !group.which;
            if given.left == 0 {
                self.entries.remove(&group.first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::each;

    fn batch(first: u64, which: u64) -> Waiting {
        let mut batch = Batch::new("task");
        for at in each(which) {
            batch.push(&[at as u8]);
        }
        Waiting::Batch(Group { first, which }, batch)
    }

    #[test]
    fn a_call_that_nobody_wants_leaves_its_batch() {
        let mut queue = Queue::default();
        queue
            .0
            .extend([batch(0, 0b111), batch(64, 0b1011), batch(128, 1)]);
        let group = |first, which| Group { first, which };
        // Newest first, as they come.
        queue.leave_out(&[
            group(128, 1),
            group(64, 0b1000),
            group(64, 0b0001),
            group(0, 0b10),
        ]);
        let left = |waiting: &Waiting| match waiting {
            Waiting::Batch(group, batch) => {
                let args = (0..batch.len()).map(|at| batch.args(at)[0]);
                (group.first, group.which, args.collect::<Vec<_>>())
            }
            Waiting::One(_) => unreachable!("there are batches only"),
        };
        let left: Vec<_> = queue.0.iter().map(left).collect();
        assert_eq!(left, [(0, 0b101, vec![0, 2]), (64, 0b10, vec![1])]);
        assert_eq!(queue.take_back(1), [65]);
        assert_eq!(queue.take_back(9), [0]);
        assert!(queue.0.is_empty());
    }

    #[test]
    fn a_call_of_a_batch_has_the_pools_number_while_it_is_open() {
        let mut open = Open::default();
        open.insert(
            Group {
                first: 64,
                which: 0b1101,
            },
            20,
        );
        assert_eq!(open.len(), 3);
        let numbers = |open: &Open| (64..68).map(|id| open.number_of(id)).collect::<Vec<_>>();
        assert_eq!(numbers(&open), [Some(20), None, Some(21), Some(22)]);
        for _ in 0..2 {
            open.end(Group::of(66));
        }
        assert_eq!(numbers(&open), [Some(20), None, None, Some(22)]);
        open.end(Group {
            first: 64,
            which: 0b1001,
        });
        assert_eq!((open.len(), open.entries.len()), (0, 0));
    }
}
