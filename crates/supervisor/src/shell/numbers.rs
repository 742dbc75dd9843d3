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
        self.insert_all(number, 1, key);
    }

    /// Numbers that follow each other, of one batch. One that is there gets another key.
    pub(super) fn insert_all(&mut self, mut number: TaskId, count: u64, key: engine::TaskId) {
        let end = number + count;
        self.next = self.next.max(end);
        while number < end {
            let below = end.min((number / PAGE + 1) * PAGE);
            let page = self.page(number / PAGE);
            for place in &mut page.keys[within(number, below)] {
                page.used += u32::from(place.is_none());
                *place = Some(key);
            }
            number = below;
        }
    }

    fn page(&mut self, page: u64) -> &mut Page {
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
        self.pages[at].get_or_insert_with(|| Page {
            keys: vec![None; PAGE as usize].into(),
            used: 0,
        })
    }

    pub(super) fn get(&self, number: TaskId) -> Option<engine::TaskId> {
        let at = (number / PAGE).checked_sub(self.first)? as usize;
        let page = self.pages.get(at)?.as_ref()?;
        page.keys[(number % PAGE) as usize]
    }

    pub(super) fn remove(&mut self, number: TaskId) {
        if let Some(key) = self.get(number) {
            self.remove_all(number, 1, key);
        }
    }

    /// Forgets those of the numbers that have this key.
    pub(super) fn remove_all(&mut self, mut number: TaskId, count: u64, key: engine::TaskId) {
        let end = number + count;
        while number < end {
            let below = end.min((number / PAGE + 1) * PAGE);
            self.remove_within(number, below, key);
            number = below;
        }
    }

    fn remove_within(&mut self, number: TaskId, below: TaskId, key: engine::TaskId) {
        let Some(at) = (number / PAGE).checked_sub(self.first) else {
            return;
        };
        let Some(Some(page)) = self.pages.get_mut(at as usize) else {
            return;
        };
        for place in &mut page.keys[within(number, below)] {
            if *place == Some(key) {
                *place = None;
                page.used -= 1;
            }
        }
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

/// Where the numbers from `number` to below `below` are in their page.
fn within(number: u64, below: u64) -> std::ops::Range<usize> {
    let start = (number % PAGE) as usize;
    start..start + (below - number) as usize
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
    fn numbers_of_a_batch_are_over_page_ends() {
        let keys = keys(2);
        let mut numbers = Numbers::default();
        numbers.insert_all(PAGE - 10, 64, keys[0]);
        numbers.insert(PAGE, keys[1]);
        assert_eq!(numbers.next(), PAGE + 54);
        numbers.remove_all(PAGE - 10, 64, keys[0]);
        let left: Vec<u64> = (0..2 * PAGE)
            .filter(|&it| numbers.get(it).is_some())
            .collect();
        assert_eq!((left, numbers.used_pages()), (vec![PAGE], 1));
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
