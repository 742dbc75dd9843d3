//! The schedule in memory: simulated ranks with queues, delays, deaths and calls of any length; a seed gives
//! one run.

use super::giving::PACK_CALLS;
use super::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// xorshift64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    Pack(usize, Vec<u64>),
    Recall(usize, u32),
    /// A call has ended; whether it was the last of its entry.
    Ended(usize, u64, bool),
    Done(usize, u64),
    Returned(usize, Vec<u64>),
}

/// One run of the job: all ranks, and messages on their way.
struct World {
    schedule: Schedule,
    random: Random,
    now: u64,
    news: BinaryHeap<Reverse<(u64, u64, News)>>,
    number: u64,
    /// Messages between two ranks keep their order.
    last: Vec<[u64; 2]>,
    waiting: Vec<VecDeque<u64>>,
    running: Vec<u64>,
    workers: Vec<u32>,
    task_ns: u64,
    /// Calls by entry, and those of them that have a result.
    calls: Vec<u32>,
    results: Vec<u32>,
    busy_ns: u64,
    /// While calls waited, time of workers that had none.
    idle_ns: u64,
    begun: Vec<u32>,
}

const CALL: Ask = Ask {
    calls: 1,
    task: 0,
    bytes: 8,
    priority: 1,
};

impl World {
    fn new(seed: u64, workers: Vec<u32>, task_ns: u64) -> World {
        World {
            schedule: Schedule::new(&workers),
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            now: 0,
            news: BinaryHeap::new(),
            number: 0,
            last: vec![[0; 2]; workers.len()],
            waiting: vec![VecDeque::new(); workers.len()],
            running: vec![0; workers.len()],
            workers,
            task_ns,
            calls: Vec::new(),
            results: Vec::new(),
            busy_ns: 0,
            idle_ns: 0,
            begun: Vec::new(),
        }
    }

    fn post(&mut self, at: u64, news: News) {
        self.number += 1;
        self.news.push(Reverse((at, self.number, news)));
    }

    /// When a message that is sent now arrives.
    fn arrival(&mut self, rank: usize, up: usize) -> u64 {
        let delay = if rank == 0 {
            0
        } else {
            20_000 + self.random.below(400_000)
        };
        let at = (self.now + delay).max(self.last[rank][up]);
        self.last[rank][up] = at;
        at
    }

    fn act(&mut self) {
        while let Some(action) = self.schedule.poll(self.now) {
            match action {
                Action::Pack { rank, entries } => {
                    let at = self.arrival(rank, 0);
                    self.post(at, News::Pack(rank, entries));
                }
                Action::Recall { rank, calls } => {
                    let at = self.arrival(rank, 0);
                    self.post(at, News::Recall(rank, calls));
                }
            }
        }
    }

    fn begin(&mut self, rank: usize) {
        while self.running[rank] < u64::from(self.workers[rank]) {
            let Some(id) = self.waiting[rank].pop_front() else {
                break;
            };
            self.running[rank] += 1;
            self.begun[id as usize] += 1;
            let mut end = self.now;
            // A worker runs the calls of a batch one after the other.
            for left in (0..self.calls[id as usize]).rev() {
                let ns = self.task_ns / 2 + self.random.below(self.task_ns);
                self.busy_ns += ns;
                end += ns;
                self.post(end, News::Ended(rank, id, left == 0));
            }
        }
    }

    fn submit(&mut self, ask: Ask) {
        self.schedule.submit(ask);
        self.calls.push(ask.calls);
        self.results.push(0);
        self.begun.push(0);
    }

    fn handle(&mut self, news: News) {
        match news {
            News::Pack(rank, entries) => self.waiting[rank].extend(entries),
            News::Recall(rank, calls) => {
                let (mut back, mut count) = (VecDeque::new(), 0);
                while count < calls
                    && let Some(id) = self.waiting[rank].pop_back()
                {
                    count += self.calls[id as usize];
                    back.push_front(id);
                }
                let at = self.arrival(rank, 1);
                self.post(at, News::Returned(rank, back.into()));
            }
            News::Ended(rank, id, is_last) => {
                self.running[rank] -= u64::from(is_last);
                let at = self.arrival(rank, 1);
                self.post(at, News::Done(rank, id));
            }
            News::Done(rank, id) => {
                assert!(self.schedule.done(rank, id, 1), "{id} from {rank}");
                self.results[id as usize] += 1;
                let all = self.results[id as usize] == self.calls[id as usize];
                assert_eq!(self.schedule.entry(id).is_none(), all, "{id}");
                self.schedule.measured(0, self.task_ns);
            }
            News::Returned(rank, calls) => self.schedule.returned(rank, &calls, self.now),
        }
        for rank in 0..self.workers.len() {
            self.begin(rank);
        }
    }

    /// Runs this number of calls, in batches of at most that number.
    fn run(&mut self, calls: u32, batch: u32) {
        let mut left = calls;
        while left > 0 {
            let calls = batch.min(left);
            self.submit(Ask { calls, ..CALL });
            left -= calls;
        }
        self.act();
        while let Some(Reverse((at, _, news))) = self.news.pop() {
            let elsewhere: usize = self.waiting.iter().map(VecDeque::len).sum();
            if self.schedule.queued() + elsewhere > 0 {
                let idle = self.workers.iter().zip(&self.running);
                let idle: u64 = idle.map(|(all, busy)| u64::from(*all) - busy).sum();
                self.idle_ns += idle * (at - self.now);
            }
            self.now = at;
            self.handle(news);
            self.act();
            for (rank, load) in self.schedule.loads().enumerate() {
                let most = load.open <= (PACK_CALLS * 4 + 64) as u64 * u64::from(load.workers);
                assert!(most, "{} in flight to rank {rank}", load.open);
            }
        }
    }
}

#[test]
fn every_call_is_run_once_and_no_rank_idles_while_calls_wait() {
    for seed in 1..200 {
        let mut random = Random(seed * 7919);
        let ranks = 1 + random.below(7) as usize;
        let workers = (0..ranks).map(|_| 1 + random.below(4) as u32).collect();
        let task_ns = [1_000, 50_000, 1_000_000, 30_000_000][random.below(4) as usize];
        let calls = 1 + random.below(if task_ns < 1_000_000 { 20_000 } else { 600 }) as u32;
        // As many as a map submits together, in half of all runs.
        let batch = match seed % 2 {
            0 => (50_000 / task_ns).clamp(1, 64) as u32,
            _ => 1,
        };
        let mut world = World::new(seed, workers, task_ns);
        world.run(calls, batch);
        assert_eq!(world.results, world.calls, "seed {seed}");
        assert!(world.begun.iter().all(|&times| times == 1), "seed {seed}");
        assert_eq!((world.schedule.open(), world.schedule.queued()), (0, 0));
        // What is idle while calls wait is the way there and back of first packs and of recalls.
        let all: u64 = world
            .workers
            .iter()
            .map(|&workers| u64::from(workers))
            .sum();
        let allowed = all * (6_000_000 + 2 * task_ns) + world.busy_ns / 10;
        assert!(
            world.idle_ns <= allowed,
            "seed {seed}: {} ms idle of {} ms busy, {ranks} ranks, {task_ns} ns",
            world.idle_ns / 1_000_000,
            world.busy_ns / 1_000_000
        );
    }
}

#[test]
fn long_tasks_end_together() {
    // 40 calls of about 100 ms on 4 ranks: 10 each.
    let mut world = World::new(5, vec![1; 4], 100_000_000);
    world.run(40, 1);
    assert!(world.now < 14 * 100_000_000, "{} ms", world.now / 1_000_000);
}

#[test]
fn calls_of_a_rank_that_is_lost_are_named_and_can_run_elsewhere() {
    for seed in 1..50 {
        let mut world = World::new(seed, vec![1, 2, 2], 1_000_000);
        for calls in [1, 5].into_iter().cycle().take(100) {
            world.submit(Ask { calls, ..CALL });
        }
        // All ranks are given what they have room for, and then the others have done it.
        loop {
            let mut packs = Vec::new();
            while let Some(Action::Pack { rank, entries }) = world.schedule.poll(0) {
                packs.push((rank, entries));
            }
            if packs.is_empty() {
                break;
            }
            for (rank, entries) in packs {
                for id in entries {
                    // Rank 2 has given a result of each batch when it is lost.
                    let calls = world.calls[id as usize];
                    let calls = if rank == 2 { calls / 5 } else { calls };
                    assert!(world.schedule.done(rank, id, calls));
                    world.results[id as usize] += calls;
                }
            }
        }
        let lost = world.schedule.lost(2);
        assert!(!lost.is_empty());
        for id in lost {
            assert_eq!(world.schedule.rank_of(id), Some(2));
            assert!(world.results[id as usize] < world.calls[id as usize]);
            world.schedule.requeue(id);
        }
        while let Some(action) = world.schedule.poll(0) {
            let Action::Pack { rank, entries } = action else {
                continue;
            };
            assert_ne!(rank, 2);
            for id in entries {
                let left = world.calls[id as usize] - world.results[id as usize];
                assert!(world.schedule.done(rank, id, left));
                world.results[id as usize] += left;
            }
        }
        assert_eq!(world.results, world.calls, "seed {seed}");
        assert_eq!((world.schedule.open(), world.schedule.queued()), (0, 0));
    }
}

#[test]
fn high_priority_first_and_none_waits_for_ever() {
    let mut schedule = Schedule::new(&[1]);
    for priority in [2, 1, 0] {
        for _ in 0..20 {
            schedule.submit(Ask { priority, ..CALL });
        }
    }
    let mut order = Vec::new();
    while let Some(Action::Pack { entries, .. }) = schedule.poll(0) {
        for id in entries {
            schedule.done(0, id, 1);
            order.push(id);
        }
    }
    assert_eq!(order.len(), 60);
    assert!(order[..8].iter().all(|&id| id >= 40), "{order:?}");
    assert!((20..40).contains(&order[8]), "{order:?}");
}

#[test]
fn what_was_given_up_is_not_sent() {
    let mut schedule = Schedule::new(&[1, 1]);
    let ids: Vec<u64> = (0..10)
        .map(|n| {
            let calls = if n % 2 == 0 { 1 } else { 3 };
            schedule.submit(Ask { calls, ..CALL })
        })
        .collect();
    schedule.close(ids[3], 3);
    // One call of a batch.
    schedule.close(ids[5], 1);
    assert_eq!((schedule.open(), schedule.queued()), (16, 16));
    let mut sent = Vec::new();
    while let Some(Action::Pack { rank, entries }) = schedule.poll(0) {
        for id in entries {
            schedule.done(rank, id, 3);
            sent.push(id);
        }
    }
    sent.sort_unstable();
    assert_eq!(sent, [0, 1, 2, 4, 5, 6, 7, 8, 9]);
    assert_eq!((schedule.open(), schedule.queued()), (0, 0));
}
