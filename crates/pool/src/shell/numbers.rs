//! Which unresolved task has which number. Numbers are given one after another, so the table is an array in
//! pages; a page without an unresolved task takes no memory.

use crate::ids::TaskId;
use std::collections::VecDeque;

/// Numbers of a page.
const PAGE: u64 = 1024;

struct Page {
    keys: Box<[Option<engine::TaskId>]>,
    used: u32,
}

/// Tasks by number.
#[derive(Default)]
pub(super) struct Numbers {
    pages: VecDeque<Option<Page>>,
    /// The number of the first page.
    first: u64,
    /// The number after the one that was given last.
    next: TaskId,
}

impl Numbers {
    pub(super) fn insert(&mut self, number: TaskId, key: engine::TaskId) {
        self.next = self.next.max(number + 1);
        let page = number / PAGE;
        if self.pages.is_empty() {
            self.first = page;
        }
        while page < self.first {
            self.pages.push_front(None);
            self.first -= 1;
        }
        let at = (page - self.first) as usize;
        while self.pages.len() <= at {
            self.pages.push_back(None);
        }
        let page = self.pages[at].get_or_insert_with(|| Page {
            keys: vec![None; PAGE as usize].into(),
            used: 0,
        });
        let before = page.keys[(number % PAGE) as usize].replace(key);
        page.used += u32::from(before.is_none());
    }

    /// Numbers that follow each other, of one batch.
    pub(super) fn insert_all(&mut self, number: TaskId, count: u64, key: engine::TaskId) {
        for number in number..number + count {
            self.insert(number, key);
        }
    }

    /// Forgets those of the numbers that are still of this batch.
    pub(super) fn remove_all(&mut self, number: TaskId, count: u64, key: engine::TaskId) {
        for number in number..number + count {
            if self.get(number) == Some(key) {
                self.remove(number);
            }
        }
    }

    pub(super) fn get(&self, number: TaskId) -> Option<engine::TaskId> {
        let at = (number / PAGE).checked_sub(self.first)? as usize;
        let page = self.pages.get(at)?.as_ref()?;
        page.keys[(number % PAGE) as usize]
    }

    pub(super) fn remove(&mut self, number: TaskId) {
        let Some(at) = (number / PAGE).checked_sub(self.first) else {
            return;
        };
        let Some(Some(page)) = self.pages.get_mut(at as usize) else {
            return;
        };
        if page.keys[(number % PAGE) as usize].take().is_none() {
            return;
        }
        page.used -= 1;
        // The page that is being filled is kept.
        if page.used == 0 && number / PAGE != self.next / PAGE {
            self.pages[at as usize] = None;
            while let Some(None) = self.pages.front() {
                self.pages.pop_front();
                self.first += 1;
            }
        }
    }

    /// The number that the next task gets.
    pub(super) fn next(&self) -> TaskId {
        self.next
    }

    /// Pages that take memory.
    #[cfg(test)]
    fn used_pages(&self) -> usize {
        self.pages.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Engine ids that differ.
    fn keys(count: usize) -> Vec<engine::TaskId> {
        let mut engine = engine::Engine::new(0, engine::Config::default());
        let submitted = (0..count).map(|_| engine.submit(0, engine::TaskSpec::new()));
        submitted.map(Result::unwrap).collect()
    }

    #[test]
    fn it_is_a_map_from_numbers() {
        let keys = keys(1000);
        let (mut numbers, mut expected) = (Numbers::default(), HashMap::new());
        let mut state = 1_u64;
        for (step, &key) in keys.iter().cycle().take(200_000).enumerate() {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            // Nearly in their order, as from several threads.
            let number = (step as u64 + (state >> 60)) ^ 1;
            if state >> 33 & 1 == 0 && !expected.contains_key(&number) {
                numbers.insert(number, key);
                expected.insert(number, key);
            }
            let old = (step as u64).saturating_sub(state >> 50);
            numbers.remove(old);
            expected.remove(&old);
            assert_eq!(numbers.get(old), None);
            assert_eq!(numbers.get(number), expected.get(&number).copied());
        }
        for (&number, &key) in &expected {
            assert_eq!(numbers.get(number), Some(key));
        }
    }

    #[test]
    fn a_task_that_stays_keeps_one_page() {
        let key = keys(1)[0];
        let mut numbers = Numbers::default();
        numbers.insert(5, key);
        for number in 6..100 * PAGE {
            numbers.insert(number, key);
            numbers.remove(number);
        }
        assert_eq!(numbers.get(5), Some(key));
        assert!(numbers.used_pages() <= 2, "{} pages", numbers.used_pages());
    }
}
