//! A set of small numbers in which insertion, removal and "any of them" take constant time.

#[derive(Debug, Default)]
pub(crate) struct Set {
    members: Vec<u32>,
    /// Where each number is in `members`; `u32::MAX` for nowhere.
    positions: Vec<u32>,
}

const NOWHERE: u32 = u32::MAX;

impl Set {
    pub(crate) fn set(&mut self, number: u32, member: bool) {
        if member {
            self.insert(number);
        } else {
            self.remove(number);
        }
    }

    pub(crate) fn insert(&mut self, number: u32) {
        let index = number as usize;
        if index >= self.positions.len() {
            self.positions.resize(index + 1, NOWHERE);
        }
        if self.positions[index] == NOWHERE {
            self.positions[index] = self.members.len() as u32;
            self.members.push(number);
        }
    }

    pub(crate) fn remove(&mut self, number: u32) {
        let Some(position) = self.positions.get_mut(number as usize) else {
            return;
        };
        let at = std::mem::replace(position, NOWHERE);
        if at == NOWHERE {
            return;
        }
        self.members.swap_remove(at as usize);
        if let Some(&moved) = self.members.get(at as usize) {
            self.positions[moved as usize] = at;
        }
    }

    pub(crate) fn any(&self) -> Option<u32> {
        self.members.last().copied()
    }

    /// The first for which this holds. Looks at all before it.
    pub(crate) fn find(&self, mut holds: impl FnMut(u32) -> bool) -> Option<u32> {
        self.members.iter().copied().find(|&number| holds(number))
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn contains(&self, number: u32) -> bool {
        self.positions
            .get(number as usize)
            .is_some_and(|&at| at != NOWHERE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(set: &Set) -> Vec<u32> {
        (0..10).filter(|&number| set.contains(number)).collect()
    }

    #[test]
    fn a_number_is_a_member_from_its_insertion_to_its_removal() {
        let mut set = Set::default();
        assert_eq!((set.any(), set.len(), members(&set)), (None, 0, vec![]));
        for number in [5, 0, 3, 5] {
            set.insert(number);
        }
        assert_eq!((set.len(), members(&set)), (3, vec![0, 3, 5]));
        // One that was never there, twice the first, and the last.
        for (number, left) in [
            (9, vec![0, 3, 5]),
            (4, vec![0, 3, 5]),
            (5, vec![0, 3]),
            (5, vec![0, 3]),
            (3, vec![0]),
            (0, vec![]),
        ] {
            set.remove(number);
            assert_eq!((set.len(), members(&set)), (left.len(), left));
        }
    }

    #[test]
    fn setting_inserts_or_removes() {
        let mut set = Set::default();
        set.set(2, true);
        set.set(7, true);
        set.set(2, false);
        assert_eq!((members(&set), set.any()), (vec![7], Some(7)));
    }

    #[test]
    fn the_first_that_holds_is_found() {
        let mut set = Set::default();
        for number in [4, 6, 8] {
            set.insert(number);
        }
        assert_eq!(set.find(|number| number > 4), Some(6));
        assert_eq!(set.find(|number| number > 8), None);
    }
}
