//! `cpu`: tasks that compute, and whose lengths differ.

use handoff::task;
use report::HandOver;

use super::kernels::steps;
use crate::job::{self, By, Job, Outputs, Way};

const TASKS: u64 = 256;
/// Steps of the shortest task: about 0.1 ms.
const SHORTEST: u64 = 50_000;

#[task]
fn compute(seed: u64, count: u64) -> u64 {
    steps(seed, count)
}

/// The job; it has no data, so that the number of bytes is ignored.
pub(super) fn job(_: u64) -> anyhow::Result<Job> {
    Ok(Job {
        tasks: TASKS.into(),
        plain: Box::new(Plain),
        ways: vec![
            (HandOver::Bytes, Box::new(Pooled)),
            (HandOver::Inherit, Box::new(Forked)),
        ],
    })
}

/// Each task with its length, from 1 to 16 times the shortest, in no order.
fn tasks() -> Vec<(u64, u64)> {
    let length = |seed: u64| SHORTEST * (1 + (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60));
    (0..TASKS).map(|seed| (seed, length(seed))).collect()
}

struct Plain;

impl Way for Plain {
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let tasks = tasks();
        let found = job::plain(by, tasks.len(), |index| {
            let (seed, count) = tasks[index];
            steps(seed, count)
        })?;
        Ok(job::numbers(found))
    }
}

struct Pooled;

impl Way for Pooled {
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let calls = tasks()
            .into_iter()
            .map(|(seed, count)| compute(seed, count));
        Ok(job::numbers(
            by.pool()?.map(calls).collect::<Result<_, _>>()?,
        ))
    }
}

struct Forked;

impl Way for Forked {
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let found = handoff::fork_map(by.forks()?, &tasks(), |&(seed, count)| steps(seed, count))?;
        Ok(job::numbers(found))
    }
}
