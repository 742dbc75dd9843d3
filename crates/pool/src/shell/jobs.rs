//! The payloads of unresolved tasks, by the engine's ids.

use super::numbers::Numbers;
use crate::call::Call;
use crate::ids::TaskId;
use crate::reply::Reply;
use std::collections::HashMap;
use std::sync::Arc;

/// An unresolved task.
pub(super) struct Job {
    pub key: engine::TaskId,
    pub number: TaskId,
    /// The number of its task's name.
    pub task: u32,
    pub call: Call,
}

/// The payloads of unresolved tasks.
#[derive(Default)]
pub(super) struct Jobs {
    slots: Vec<Option<Job>>,
    numbers: Numbers,
    classes: HashMap<&'static str, u32>,
    /// The names that were looked up last, with their classes.
    recent: [(&'static str, u32); 4],
    oldest_recent: usize,
}

impl Jobs {
    #[inline]
    pub(super) fn insert(&mut self, key: engine::TaskId, number: TaskId, task: u32, call: Call) {
        if self.slots.len() <= key.index() {
            self.slots.resize_with(key.index() + 1, || None);
        }
        self.numbers.insert(number, key);
        let job = Job {
            key,
            number,
            task,
            call,
        };
        self.slots[key.index()] = Some(job);
    }

    #[inline]
    pub(super) fn get(&mut self, key: engine::TaskId) -> Option<&mut Job> {
        let job = self.slots.get_mut(key.index())?.as_mut()?;
        (job.key == key).then_some(job)
    }

    #[inline]
    pub(super) fn take(&mut self, key: engine::TaskId) -> Option<Job> {
        let slot = self.slots.get_mut(key.index())?;
        let job = slot.take_if(|job| job.key == key)?;
        self.numbers.remove(job.number);
        Some(job)
    }

    /// As [`take`](Self::take), of a task that has its output: only who waits for it is left of it.
    #[inline]
    pub(super) fn take_reply(&mut self, key: engine::TaskId) -> Option<(Arc<dyn Reply>, u64)> {
        let slot = self.slots.get_mut(key.index())?;
        let job = slot.as_mut().filter(|job| job.key == key)?;
        let reply = job.call.take_reply();
        self.numbers.remove(job.number);
        *slot = None;
        reply
    }

    /// The engine's id of a task, if that is unresolved.
    pub(super) fn key(&self, number: TaskId) -> Option<engine::TaskId> {
        self.numbers.get(number)
    }

    /// The number that the next task gets.
    pub(super) fn next(&self) -> TaskId {
        self.numbers.next()
    }

    /// Takes all, oldest first.
    pub(super) fn drain(&mut self) -> Vec<Job> {
        let mut jobs: Vec<Job> = self.slots.drain(..).flatten().collect();
        for job in &jobs {
            self.numbers.remove(job.number);
        }
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
