//! Results that stay where they were computed and are merged there, two at a time, by a task.
//!
//! The arguments of a task are the encodings of its arguments one after the other, so that two encoded results
//! are the arguments of a merge, and nobody here needs to know their type.

use crate::protocol::Trouble;

/// All results merged, if there were any; or why not.
pub(crate) type Merged = Result<Option<Vec<u8>>, Trouble>;

/// What a rank has merged so far.
#[derive(Debug)]
pub(crate) struct Fold {
    /// The task that merges, by its number.
    pub(crate) merge: u32,
    /// Results of calls from this number on are meant.
    from: u64,
    kept: Vec<Vec<u8>>,
    merging: usize,
    trouble: Option<Trouble>,
    /// Ranks below this one that have not sent theirs.
    awaited: usize,
    /// The round in which it is all to be sent up.
    round: Option<u64>,
}

impl Fold {
    /// With `below` ranks right below.
    pub(crate) fn new(merge: u32, from: u64, below: usize) -> Fold {
        Fold {
            merge,
            from,
            kept: Vec::new(),
            merging: 0,
            trouble: None,
            awaited: below,
            round: None,
        }
    }

    /// Whether the result of that call stays here.
    pub(crate) fn has(&self, id: u64) -> bool {
        id >= self.from
    }

    /// A result of this rank's.
    pub(crate) fn keep(&mut self, value: Vec<u8>) {
        self.kept.push(value);
    }

    /// The arguments of a merge, if there are two to merge.
    pub(crate) fn next_pair(&mut self) -> Option<Vec<u8>> {
        if self.kept.len() < 2 || self.trouble.is_some() {
            return None;
        }
        let second = self.kept.pop()?;
        let mut pair = self.kept.pop()?;
        pair.extend_from_slice(&second);
        self.merging += 1;
        Some(pair)
    }

    /// A merge has ended.
    pub(crate) fn merged(&mut self, result: Result<Vec<u8>, Trouble>) {
        self.merging -= 1;
        match result {
            Ok(value) => self.kept.push(value),
            Err(trouble) => {
                self.trouble.get_or_insert(trouble);
            }
        }
    }

    /// A rank below has sent all that it has.
    pub(crate) fn take_below(&mut self, value: Option<Vec<u8>>, trouble: Option<Trouble>) {
        self.awaited = self.awaited.saturating_sub(1);
        self.kept.extend(value);
        if self.trouble.is_none() {
            self.trouble = trouble;
        }
    }

    /// No more results of this rank's own will come.
    pub(crate) fn gather(&mut self, round: u64) {
        self.round = Some(round);
    }

    /// All that this rank and those below it have, once it is merged; with the round in which it is sent.
    pub(crate) fn take(&mut self) -> Option<(u64, Merged)> {
        let round = self.round?;
        let done = self.awaited == 0 && self.merging == 0;
        if !done || (self.trouble.is_none() && self.kept.len() > 1) {
            return None;
        }
        self.round = None;
        Some((
            round,
            match self.trouble.take() {
                Some(trouble) => Err(trouble),
                None => Ok(self.kept.pop()),
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_merged_once() {
        let mut fold = Fold::new(0, 0, 2);
        for value in 0..7u8 {
            fold.keep(vec![value]);
        }
        fold.gather(3);
        let mut below = 7..9u8;
        loop {
            if let Some(pair) = fold.next_pair() {
                // Concatenation stands for the merge.
                fold.merged(Ok(pair));
            } else if let Some((round, value)) = fold.take() {
                let mut value = value.unwrap().unwrap();
                value.sort_unstable();
                assert_eq!((round, value), (3, (0..9).collect::<Vec<u8>>()));
                break;
            } else {
                fold.take_below(Some(vec![below.next().unwrap()]), None);
            }
        }
    }
}
