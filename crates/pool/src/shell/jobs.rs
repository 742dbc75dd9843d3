//! The payloads of unresolved tasks, by the engine's ids.

use crate::call::Call;
use crate::ids::TaskId;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// An unresolved task.
pub(super) struct Job {
    pub key: engine::TaskId,
    pub number: TaskId,
    /// The number of its task's name.
    pub task: u32,
    pub call: Call,
    /// Why it could not be sent.
    pub unsendable: Option<String>,
}

/// The payloads of unresolved tasks.
#[derive(Default)]
pub(super) struct Jobs {
    slots: Vec<Option<Job>>,
    keys: HashMap<TaskId, engine::TaskId, BuildHasherDefault<Consecutive>>,
    classes: HashMap<&'static str, u32>,
    /// The names that were looked up last, with their classes.
    recent: [(&'static str, u32); 4],
    oldest_recent: usize,
    next: TaskId,
}

impl Jobs {
    pub(super) fn insert(&mut self, key: engine::TaskId, number: TaskId, task: u32, call: Call) {
        if self.slots.len() <= key.index() {
            self.slots.resize_with(key.index() + 1, || None);
        }
        self.keys.insert(number, key);
        let job = Job {
            key,
            number,
            task,
            call,
            unsendable: None,
        };
        self.slots[key.index()] = Some(job);
        self.next = number + 1;
    }

    pub(super) fn get(&mut self, key: engine::TaskId) -> Option<&mut Job> {
        let job = self.slots.get_mut(key.index())?.as_mut()?;
        (job.key == key).then_some(job)
    }

    pub(super) fn take(&mut self, key: engine::TaskId) -> Option<Job> {
        self.get(key)?;
        let job = self.slots[key.index()].take()?;
        self.keys.remove(&job.number);
        Some(job)
    }

    /// The engine's id of a task, if that is unresolved.
    pub(super) fn key(&self, number: TaskId) -> Option<engine::TaskId> {
        self.keys.get(&number).copied()
    }

    /// The number that the next task gets.
    pub(super) fn next(&self) -> TaskId {
        self.next
    }

    /// Takes all, oldest first.
    pub(super) fn drain(&mut self) -> Vec<Job> {
        self.keys.clear();
        let mut jobs: Vec<Job> = self.slots.drain(..).flatten().collect();
        jobs.sort_unstable_by_key(|job| job.number);
        jobs
    }

    /// The class of a task's name: tasks of one name are expected to take about as long.
    pub(super) fn class(&mut self, name: &'static str) -> u32 {
        // Nearly always the same few names, at the same places in memory.
        let known = |(other, _): &&(&'static str, u32)| std::ptr::eq(*other, name);
        if let Some(&(_, class)) = self.recent.iter().find(known) {
            return class;
        }
        let next = self.classes.len() as u32;
        let class = *self.classes.entry(name).or_insert(next);
        self.recent[self.oldest_recent] = (name, class);
        self.oldest_recent = (self.oldest_recent + 1) % self.recent.len();
        class
    }
}

/// Hashes numbers that are given one after another by the pool itself.
#[derive(Default)]
pub(super) struct Consecutive(u64);

impl Hasher for Consecutive {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
