//! Rank 0: takes the program's calls, has its own pool and those of other ranks run them, and gives results.
//!
//! It decides nothing itself: [`Schedule`] says which rank gets which calls, and [`Regions`] what memory has to
//! go there first.

mod arrays;
mod ending;
mod held;
mod own;
mod results;
mod sending;
mod shared;
mod taking;

use crate::feed::Feed;
use crate::fold::Fold;
use crate::ids::entry_of;
use crate::link::{Link, Message};
use crate::memory::Memories;
use crate::protocol::{Ready, Seen, head};
use crate::regions::Regions;
use crate::schedule::Schedule;
use handoff::{Counters, Error, Pool};
use held::{Closed, Held, Table};
use own::Ended;
use pool::TaskFailure;
use serde::Serialize;
use shared::Shared;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The shortest time between two looks for messages; the longest while results are due, and at all.
const SHORTEST_NAP: Duration = Duration::from_micros(20);
const DUE_NAP: Duration = Duration::from_micros(50);
const LONGEST_NAP: Duration = Duration::from_millis(1);

/// Another rank, or this one.
struct Rank {
    /// As in messages: `rank 2 on node2`.
    place: String,
    host: String,
    seen: Seen,
    lives: bool,
    heard: Instant,
    /// Memory of results, as far as it has come.
    memories: Memories,
}

/// Rank 0 of a pool over all ranks.
pub(crate) struct Root {
    link: Rc<RefCell<Link>>,
    pool: Pool,
    schedule: Schedule,
    regions: Regions,
    shared: Shared,
    ranks: Vec<Rank>,
    held: Table,
    names: HashMap<&'static str, u32>,
    ended: Arc<Mutex<Ended>>,
    feed: Feed,
    own_open: usize,
    /// When calls expire, and when failed ones are run again.
    expiring: BTreeSet<(Instant, u64)>,
    again: BTreeSet<(Instant, u64)>,
    began: Instant,
    done: u64,
    failed: u64,
    /// Calls that had ended when the pool was last driven.
    told: u64,
    bound: usize,
    fold: Option<Fold>,
    merges: u64,
    round: u64,
    merged: Option<Result<Option<Vec<u8>>, TaskFailure>>,
    stopped: usize,
    /// Of the call that ended last: the one that a rank's time is said of.
    last_task: Option<u32>,
    /// How long a rank may be silent, and when this one last looked.
    rank_timeout: Duration,
    looked: Instant,
}

impl Root {
    /// Over this rank's own pool and those of the others.
    pub(crate) fn new(
        link: Rc<RefCell<Link>>,
        pool: Pool,
        others: Vec<Ready>,
        bound: usize,
        (arena_bytes, rank_timeout): (u64, Duration),
    ) -> Root {
        let own = Ready {
            host: link.borrow().comm().host().to_owned(),
            workers: pool.workers(),
            fingerprint: 0,
            version: String::new(),
        };
        let all: Vec<Ready> = [own].into_iter().chain(others).collect();
        let workers: Vec<u32> = all.iter().map(|ready| ready.workers as u32).collect();
        let rank = |(number, ready): (usize, Ready)| Rank {
            place: format!("rank {number} on {}", ready.host),
            host: ready.host,
            seen: Seen::default(),
            lives: true,
            heard: Instant::now(),
            memories: Memories::default(),
        };
        let feed = Feed::new(pool.workers());
        Root {
            link,
            pool,
            schedule: Schedule::new(&workers),
            regions: Regions::new(arena_bytes),
            shared: Shared::default(),
            ranks: all.into_iter().enumerate().map(rank).collect(),
            held: Table::default(),
            names: HashMap::new(),
            ended: Arc::default(),
            feed,
            own_open: 0,
            expiring: BTreeSet::new(),
            again: BTreeSet::new(),
            began: Instant::now(),
            done: 0,
            failed: 0,
            told: 0,
            bound,
            fold: None,
            merges: 0,
            round: 0,
            merged: None,
            stopped: 0,
            last_task: None,
            rank_timeout,
            looked: Instant::now(),
        }
    }

    pub(crate) fn drive(&mut self, timeout: Option<Duration>) -> Result<(), Error> {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        // What was taken in since the last time is something that has happened, too.
        let before = self.told;
        let mut nap = SHORTEST_NAP;
        loop {
            let busy = self.step();
            if self.resolved() != before || self.merged.is_some() {
                self.told = self.resolved();
                return Ok(());
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(());
            }
            nap = match busy {
                true => SHORTEST_NAP,
                false if self.schedule.is_due() => (2 * nap).min(DUE_NAP),
                false => (2 * nap).min(LONGEST_NAP),
            };
            let wait = if busy { Duration::ZERO } else { nap };
            self.pool
                .drive(Some(left.map_or(wait, |left| wait.min(left))))?;
        }
    }

    /// Does what can be done without waiting; whether there was anything.
    fn step(&mut self) -> bool {
        let mut busy = false;
        for _ in 0..64 {
            let received = self.link.borrow_mut().receive();
            let Some((from, message)) = received else {
                self.look_for_silent();
                break;
            };
            busy = true;
            self.ranks[from].heard = Instant::now();
            self.handle(from, &message);
            self.link.borrow_mut().dealt_with(message);
        }
        let lost = self.link.borrow_mut().take_lost();
        for rank in lost {
            self.lost(rank);
        }
        busy |= self.take_ended();
        self.run_timers();
        self.merge_own();
        busy |= self.dispatch();
        self.forget_gone();
        busy | !self.link.borrow_mut().pump()
    }

    fn resolved(&self) -> u64 {
        self.done + self.failed
    }

    pub(crate) fn workers(&self) -> usize {
        let loads = self.schedule.loads();
        loads.map(|load| load.workers as usize).sum()
    }

    fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn held(&mut self, entry: u64) -> Option<&mut Held> {
        self.held.get(entry)
    }

    /// Which rank has a call without a result; `None` where it waits, or has a result.
    fn rank_of(&mut self, id: u64) -> Option<usize> {
        self.held.with(id)?;
        self.schedule.rank_of(entry_of(id))
    }

    /// Takes a call out: it has its result, or nobody wants one.
    fn close(&mut self, id: u64) -> Option<Closed> {
        let closed = self.held.close(id)?;
        if let Some(expires) = closed.expires {
            self.expiring.remove(&(expires, id));
        }
        Some(closed)
    }

    fn send<T: Serialize>(&self, to: usize, value: &T) {
        let message = Message::of(head(value));
        self.link.borrow_mut().send(to, message);
    }

    /// The other ranks that are there.
    fn others(&self) -> impl Iterator<Item = usize> + use<> {
        let lives = self.ranks.iter().enumerate().skip(1);
        let lives: Vec<usize> = lives
            .filter(|(_, rank)| rank.lives)
            .map(|(n, _)| n)
            .collect();
        lives.into_iter()
    }

    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.pool.counters();
        let others = || self.ranks.iter().skip(1);
        counters.queued = self.schedule.queued() as u64;
        counters.running = self.schedule.loads().map(|load| load.open).sum();
        counters.done = self.done;
        counters.failed = self.failed;
        counters.workers = self.workers() as u64;
        counters.started += others().map(|rank| rank.seen.started).sum::<u64>();
        counters.died += others().map(|rank| rank.seen.died).sum::<u64>();
        counters.retried += others().map(|rank| rank.seen.retried).sum::<u64>();
        counters.rss += others().map(|rank| rank.seen.rss).sum::<u64>();
        counters
    }

    /// What each rank is and has done.
    pub(crate) fn rank_counters(&self) -> Vec<crate::counters::Rank> {
        let link = self.link.borrow();
        let ranks = self.ranks.iter().zip(self.schedule.loads()).enumerate();
        ranks
            .map(|(number, (rank, load))| crate::counters::Rank {
                rank: number,
                host: rank.host.clone(),
                workers: load.workers as usize,
                running: load.open,
                done: load.done,
                packs: load.packs,
                recalled: load.recalled,
                sent_bytes: link.sent_bytes(number),
                array_bytes: self.shared.sent_bytes(number),
            })
            .collect()
    }
}
