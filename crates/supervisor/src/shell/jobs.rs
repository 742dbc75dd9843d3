//! The payloads of unresolved tasks, by the engine's ids.

use super::job::Job;
use super::many::Many;
use super::numbers::Numbers;
use crate::batch::Batch;
use crate::call::Call;
use crate::ids::TaskId;
use crate::input::Input;
use crate::reply::Reply;
use engine::{Parted, TaskAt};
use std::collections::HashMap;
use std::sync::Arc;

/// The payloads of unresolved tasks.
#[derive(Default)]
pub(super) struct Jobs {
    slots: Vec<Option<Kept>>,
    numbers: Numbers,
    classes: HashMap<&'static str, u32>,
    /// The names that were looked up last, with their classes.
    recent: [(&'static str, u32); 4],
    oldest_recent: usize,
    /// The batch that tasks were last added to one by one.
    grows: Option<engine::TaskId>,
}

enum Kept {
    One(Job),
    Many(Box<Many>),
}

/// What is sent of a call.
pub(super) struct Sendable<'a> {
    pub number: TaskId,
    /// The number of its task's name.
    pub task: u32,
    pub name: &'static str,
    pub args: &'a [u8],
    pub input: &'a Input,
}

/// Who waits for a task, and the tag to name it by.
pub(super) struct Waiting {
    pub reply: Arc<dyn Reply>,
    pub tag: u64,
    /// The batch that it is of, if there is more of that.
    batch: Option<engine::TaskId>,
}

impl Kept {
    fn key(&self) -> engine::TaskId {
        match self {
            Kept::One(job) => job.key,
            Kept::Many(many) => many.key,
        }
    }
}

impl Jobs {
    #[inline]
    pub(super) fn insert(&mut self, key: engine::TaskId, number: TaskId, task: u32, call: Call) {
        self.numbers.insert(number, key);
        let job = Job {
            key,
            number,
            task,
            call,
        };
        self.keep(Kept::One(job));
    }

    /// Tasks of one batch, numbered from `number` on.
    pub(super) fn insert_batch(
        &mut self,
        key: engine::TaskId,
        number: TaskId,
        task: u32,
        batch: Batch,
        reply: Arc<dyn Reply>,
    ) {
        self.numbers.insert_all(number, batch.len() as u64, key);
        let many = Many::new(key, number, task, batch, reply);
        self.keep(Kept::Many(Box::new(many)));
    }

    /// A task that is the first of a batch, to which others may be added.
    pub(super) fn insert_first(&mut self, key: engine::TaskId, task: u32, call: Call) -> TaskId {
        let number = self.numbers.next();
        self.numbers.insert(number, key);
        let mut many = Many::growing(key, number, task, call.task());
        many.add(call);
        self.keep(Kept::Many(Box::new(many)));
        self.grows = Some(key);
        number
    }

    /// The batch that a task with the next number may be added to.
    #[inline]
    pub(super) fn grows(&mut self, task: u32) -> Option<engine::TaskId> {
        let (key, next) = (self.grows?, self.numbers.next());
        match self.kept(key)? {
            Kept::Many(many) if many.task == task && many.takes(next) => Some(key),
            _ => None,
        }
    }

    /// One more task of a batch.
    #[inline]
    pub(super) fn add(&mut self, batch: engine::TaskId, call: Call) -> TaskId {
        let number = self.numbers.next();
        self.numbers.insert(number, batch);
        if let Some(Kept::Many(many)) = self.kept(batch) {
            many.add(call);
        }
        number
    }

    #[inline]
    fn keep(&mut self, kept: Kept) {
        let index = kept.key().index();
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index] = Some(kept);
    }

    #[inline]
    fn kept(&mut self, key: engine::TaskId) -> Option<&mut Kept> {
        let kept = self.slots.get_mut(key.index())?.as_mut()?;
        (kept.key() == key).then_some(kept)
    }

    /// A task that is none of a batch.
    #[inline]
    pub(super) fn get(&mut self, key: engine::TaskId) -> Option<&mut Job> {
        match self.kept(key)? {
            Kept::One(job) => Some(job),
            Kept::Many(_) => None,
        }
    }

    /// The number of a task.
    pub(super) fn number(&mut self, TaskAt { task, at }: TaskAt) -> Option<TaskId> {
        Some(match self.kept(task)? {
            Kept::One(job) => job.number,
            Kept::Many(many) => many.number + u64::from(at),
        })
    }

    /// A call that is to be sent.
    #[inline]
    pub(super) fn sendable(&mut self, TaskAt { task, at }: TaskAt) -> Option<Sendable<'_>> {
        Some(match self.kept(task)? {
            Kept::One(job) => Sendable {
                number: job.number,
                task: job.task,
                name: job.call.task(),
                args: job.call.args(),
                input: job.call.input(),
            },
            Kept::Many(many) => Sendable {
                number: many.number + u64::from(at),
                task: many.task,
                name: many.batch.task(),
                args: many.batch.args(at as usize),
                input: &Input::None,
            },
        })
    }

    /// As [`sendable`](Self::sendable), of a call that has nothing but arguments.
    #[inline]
    pub(super) fn plain(&mut self, at: TaskAt) -> Option<Sendable<'_>> {
        if let Kept::One(job) = self.kept(at.task)?
            && !job.call.is_plain()
        {
            return None;
        }
        self.sendable(at)
    }

    /// A task has left its batch.
    pub(super) fn part(&mut self, parted: Parted) {
        if let Some(Kept::Many(many)) = self.kept(parted.batch)
            && let Some(job) = many.take(parted.task, parted.at)
        {
            if many.left() == 0 {
                self.forget(parted.batch);
            }
            self.numbers.insert(job.number, parted.task);
            self.keep(Kept::One(job));
        }
    }

    /// Takes a task, or all that is left of a batch.
    pub(super) fn take(&mut self, key: engine::TaskId) -> Vec<Job> {
        let slot = self.slots.get_mut(key.index());
        let Some(kept) = slot.and_then(|slot| slot.take_if(|kept| kept.key() == key)) else {
            return Vec::new();
        };
        match kept {
            Kept::One(job) => {
                self.numbers.remove(job.number);
                vec![job]
            }
            Kept::Many(many) => {
                self.forget_numbers(&many);
                many.take_all()
            }
        }
    }

    /// Nothing is left of a batch.
    fn forget(&mut self, batch: engine::TaskId) {
        if let Some(Kept::Many(many)) = self.slots[batch.index()].take() {
            self.forget_numbers(&many);
        }
    }

    fn forget_numbers(&mut self, many: &Many) {
        let count = many.batch.len() as u64;
        self.numbers.remove_all(many.number, count, many.key);
    }

    /// Takes one task.
    pub(super) fn take_one(&mut self, at: TaskAt) -> Option<Job> {
        let Kept::Many(many) = self.kept(at.task)? else {
            return self.take(at.task).pop();
        };
        let job = many.take(at.task, at.at)?;
        if many.left() == 0 {
            self.forget(at.task);
        }
        Some(job)
    }

    /// Takes a task that has its output: only who waits for it is left of it. To be
    /// [given back](Self::give_back).
    #[inline]
    pub(super) fn take_waiting(&mut self, TaskAt { task, at }: TaskAt) -> Option<Waiting> {
        match self.kept(task)? {
            Kept::One(job) => {
                let (number, (reply, tag)) = (job.number, job.call.take_reply()?);
                self.slots[task.index()] = None;
                self.numbers.remove(number);
                let batch = None;
                Some(Waiting { reply, tag, batch })
            }
            Kept::Many(many) => {
                let (reply, tag) = many.take_waiting(at)?;
                let batch = (many.left() != 0).then_some(task);
                if batch.is_none() {
                    self.forget(task);
                }
                Some(Waiting { reply, tag, batch })
            }
        }
    }

    /// Who waits for a task has its result, and may wait for others of its batch.
    #[inline]
    pub(super) fn give_back(&mut self, waiting: Waiting) {
        if let Some(batch) = waiting.batch
            && let Some(Kept::Many(many)) = self.kept(batch)
        {
            many.give_back(waiting.reply);
        }
    }

    /// Who waits for an unresolved task, and its tag.
    pub(super) fn reply(&mut self, number: TaskId) -> Option<(&dyn Reply, u64)> {
        let key = self.key(number)?;
        match self.kept(key)? {
            Kept::One(job) => job.call.reply(),
            Kept::Many(many) => {
                let at = (number - many.number) as u32;
                many.reply(at)
            }
        }
    }

    /// Why a call was not sent, which is none of a batch.
    pub(super) fn set_unsendable(&mut self, number: TaskId, why: String) {
        let key = self.key(number);
        if let Some(job) = key.and_then(|key| self.get(key)) {
            job.call.extras_mut().unsendable = Some(why);
        }
    }

    /// The engine's id of a task, or of its batch, if it is unresolved.
    pub(super) fn key(&self, number: TaskId) -> Option<engine::TaskId> {
        self.numbers.get(number)
    }

    /// As [`key`](Self::key), with the task's place in its batch.
    pub(super) fn task_at(&mut self, number: TaskId) -> Option<TaskAt> {
        let task = self.key(number)?;
        let at = match self.kept(task)? {
            Kept::One(_) => 0,
            Kept::Many(many) => {
                let at = (number - many.number) as u32;
                many.has(at).then_some(at)?
            }
        };
        Some(TaskAt { task, at })
    }

    /// How many tasks have this id of the engine.
    pub(super) fn left(&mut self, task: engine::TaskId) -> usize {
        match self.kept(task) {
            Some(Kept::Many(many)) => many.left(),
            Some(Kept::One(_)) => 1,
            None => 0,
        }
    }

    /// The number that the next task gets.
    pub(super) fn next(&self) -> TaskId {
        self.numbers.next()
    }

    /// Takes all, oldest first.
    pub(super) fn drain(&mut self) -> Vec<Job> {
        let (mut jobs, mut batches) = (Vec::new(), Vec::new());
        for kept in self.slots.drain(..).flatten() {
            match kept {
                Kept::One(job) => jobs.push(job),
                Kept::Many(many) => batches.push(many),
            }
        }
        for job in &jobs {
            self.numbers.remove(job.number);
        }
        for many in batches {
            self.forget_numbers(&many);
            jobs.extend(many.take_all());
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
