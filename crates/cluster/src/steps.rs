//! The steps of a sum, and which rank does them: the same schedule as that of a pool over all ranks.
//!
//! A step is records of one shard. Ranks are given the next when they have room, so that a slow one does fewer; what
//! a rank has not begun is recalled at the end. A cut costs nothing, since partials merge exactly.

use crate::checkpoint::Done;
use crate::comm::Comm;
use crate::link::{Link, Message};
use crate::progress::Progress;
use crate::protocol::{head, split};
use crate::rank::{Crew, Work};
use crate::schedule::{Action, Ask, Schedule};
use crate::shards::{Part, Shard};
use coordinator::exit::Failure;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A step is such a part of a rank's share of what remains, and at least such a part of its share of all.
const SHARES: u64 = 3;
const LAST: u64 = 24;
/// The shortest time between two looks for messages, and the longest.
const SHORTEST_NAP: Duration = Duration::from_micros(20);
const LONGEST_NAP: Duration = Duration::from_millis(1);

/// From rank 0.
#[derive(Serialize, Deserialize)]
enum Down {
    Steps(Vec<(u64, Part<Shard>)>),
    Recall(u32),
    Finish,
}

/// To rank 0.
#[derive(Serialize, Deserialize)]
enum Up {
    /// A step is done, and took this number of nanoseconds.
    Did(u64, u64),
    Returned(Vec<u64>),
}

/// The steps that are left: records of `shards` that are not done, at most `step` in each.
pub(crate) fn steps(shards: &[Shard], done: &Done, step: u64, ranks: u32) -> Vec<Part<usize>> {
    let left: Vec<Part<usize>> = shards
        .iter()
        .enumerate()
        .flat_map(|(shard, all)| {
            let done = done.ranges.get(shard).map_or(&[][..], Vec::as_slice);
            let gaps = gaps(all.records, done);
            gaps.into_iter().map(move |records| Part { shard, records })
        })
        .collect();
    guided(&left, step, u64::from(ranks))
}

/// Cuts what is left into ever smaller steps, at most `step` records each: large ones cost less, and small ones at
/// the end have all ranks end together.
fn guided(left: &[Part<usize>], step: u64, ranks: u64) -> Vec<Part<usize>> {
    let len = |part: &Part<usize>| part.records.end - part.records.start;
    let all: u64 = left.iter().map(len).sum();
    let least = all.div_ceil(LAST * ranks).max(1);
    let mut remaining = all;
    let mut steps = Vec::new();
    for part in left {
        let (shard, mut start) = (part.shard, part.records.start);
        while start < part.records.end {
            let wanted = (remaining / (SHARES * ranks)).max(least).min(step);
            let end = part.records.end.min(start + wanted);
            remaining -= end - start;
            let records = start..end;
            steps.push(Part { shard, records });
            start = end;
        }
    }
    steps
}

/// What `done`, in any order and without overlaps, leaves of `0..records`.
fn gaps(records: u64, done: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut done = done.to_vec();
    done.sort_by_key(|range| range.start);
    let mut at = 0;
    let mut gaps = Vec::new();
    for range in done.iter().chain([&(records..records)]) {
        if at < range.start {
            gaps.push(at..range.start);
        }
        at = range.end;
    }
    gaps
}

/// Rank 0: dispatches all steps, and does its own share of them.
pub(crate) fn dispatch(
    comm: &Rc<Comm>,
    shards: &[Shard],
    steps: &[Part<usize>],
    (work, crew): (&mut Work<'_>, &mut Crew),
    progress: &mut Progress,
) -> Result<(), Failure> {
    let ranks = comm.size() as usize;
    let mut schedule = Schedule::new(&vec![1; ranks]);
    for _ in steps {
        schedule.submit(Ask {
            calls: 1,
            task: 0,
            bytes: 256,
            priority: 1,
        });
    }
    let mut dispatch = Dispatch {
        link: Link::new(Rc::clone(comm)),
        schedule,
        shards,
        steps,
        own: VecDeque::new(),
        began: Instant::now(),
    };
    let mut nap = SHORTEST_NAP;
    while dispatch.schedule.open() > 0 {
        let heard = dispatch.hear(progress)?;
        dispatch.act();
        comm.heed_signals();
        if let Some(id) = dispatch.own.pop_front() {
            let ns = timed(work, &dispatch.whole(id), crew)?;
            dispatch.did(0, id, ns, progress);
        } else if !heard {
            std::thread::sleep(nap);
        }
        nap = match heard {
            true => SHORTEST_NAP,
            false => (2 * nap).min(LONGEST_NAP),
        };
    }
    for rank in 1..ranks {
        let finish = Message::of(head(&Down::Finish));
        dispatch.link.send(rank, finish);
    }
    // What a rank gives back now is done elsewhere already.
    dispatch.link.flush(|_, _| {});
    Ok(())
}

/// What rank 0 dispatches.
struct Dispatch<'a> {
    link: Link,
    schedule: Schedule,
    shards: &'a [Shard],
    steps: &'a [Part<usize>],
    /// Steps that rank 0 is to do itself.
    own: VecDeque<u64>,
    began: Instant,
}

impl Dispatch<'_> {
    fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// A step as other ranks understand it.
    fn whole(&self, id: u64) -> Part<Shard> {
        let part = &self.steps[id as usize];
        Part {
            shard: self.shards[part.shard].clone(),
            records: part.records.clone(),
        }
    }

    fn did(&mut self, rank: usize, id: u64, ns: u64, progress: &mut Progress) {
        self.schedule.measured(0, ns);
        if self.schedule.done(rank, id, 1) {
            let records = &self.steps[id as usize].records;
            progress.add(records.end - records.start);
        }
    }

    /// Takes in what other ranks say; whether there was anything.
    fn hear(&mut self, progress: &mut Progress) -> Result<bool, Failure> {
        let mut heard = false;
        while let Some((rank, message)) = self.link.receive() {
            heard = true;
            match split::<Up>(&message) {
                Some((Up::Did(id, ns), _)) => self.did(rank, id, ns, progress),
                Some((Up::Returned(ids), _)) => {
                    let now_ns = self.now_ns();
                    self.schedule.returned(rank, &ids, now_ns);
                }
                None => return Err(unreadable(rank)),
            }
        }
        Ok(heard)
    }

    /// Does what the schedule says.
    fn act(&mut self) {
        while let Some(action) = self.schedule.poll(self.now_ns()) {
            match action {
                Action::Pack { rank: 0, entries } => self.own.extend(entries),
                Action::Pack { rank, entries } => {
                    let steps = entries.into_iter().map(|id| (id, self.whole(id))).collect();
                    let message = Message::of(head(&Down::Steps(steps)));
                    self.link.send(rank, message);
                }
                Action::Recall { rank, calls } => {
                    let message = Message::of(head(&Down::Recall(calls)));
                    self.link.send(rank, message);
                }
            }
        }
        self.link.pump();
    }
}

/// Other ranks: do the steps that they are given.
pub(crate) fn serve(comm: &Rc<Comm>, work: &mut Work<'_>, crew: &mut Crew) -> Result<(), Failure> {
    let mut link = Link::new(Rc::clone(comm));
    let mut waiting: VecDeque<(u64, Part<Shard>)> = VecDeque::new();
    let mut nap = SHORTEST_NAP;
    loop {
        let mut heard = false;
        while let Some((from, message)) = link.receive() {
            heard = true;
            match split::<Down>(&message) {
                Some((Down::Steps(steps), _)) => waiting.extend(steps),
                Some((Down::Recall(count), _)) => {
                    let keep = waiting.len().saturating_sub(count as usize);
                    let back = waiting.split_off(keep).into_iter().map(|(id, _)| id);
                    link.send(0, Message::of(head(&Up::Returned(back.collect()))));
                }
                Some((Down::Finish, _)) => {
                    link.flush(|_, _| {});
                    return Ok(());
                }
                None => return Err(unreadable(from)),
            }
        }
        comm.heed_signals();
        if let Some((id, step)) = waiting.pop_front() {
            let ns = timed(work, &step, crew)?;
            link.send(0, Message::of(head(&Up::Did(id, ns))));
        } else if !heard {
            std::thread::sleep(nap);
        }
        link.pump();
        nap = if heard {
            SHORTEST_NAP
        } else {
            (2 * nap).min(LONGEST_NAP)
        };
    }
}

/// Does a step; gives the nanoseconds that it took.
fn timed(work: &mut Work<'_>, step: &Part<Shard>, crew: &mut Crew) -> Result<u64, Failure> {
    let began = Instant::now();
    work.do_step(step, crew)?;
    Ok(began.elapsed().as_nanos() as u64)
}

fn unreadable(rank: usize) -> Failure {
    Failure::Failed(anyhow::anyhow!(
        "rank {rank} sent what this program cannot read: run the same program on all machines"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_done_is_left_out() {
        let nothing: Vec<Range<u64>> = Vec::new();
        assert_eq!(gaps(0, &nothing), nothing);
        assert_eq!(gaps(10, &[6..8, 0..2]), [2..6, 8..10]);
        assert_eq!(gaps(10, &[0..4, 4..10]), []);
    }

    proptest! {
        #[test]
        fn steps_shrink_and_leave_nothing_out(lens in prop::collection::vec(0u64..2000, 0..6), step in 1u64..300, ranks in 1u64..9) {
            let left: Vec<_> = lens.iter().enumerate().map(|(shard, &len)| Part { shard, records: 7..7 + len }).collect();
            let steps = guided(&left, step, ranks);
            let all: u64 = lens.iter().sum();
            prop_assert!(steps.iter().all(|part| part.records.end - part.records.start <= step));
            let last = steps.last().map_or(0, |part| part.records.end - part.records.start);
            prop_assert!(last <= all.div_ceil(LAST * ranks).max(1));
            let mut joined: Vec<Part<usize>> = Vec::new();
            for part in steps {
                match joined.last_mut() {
                    Some(last) if last.shard == part.shard => {
                        prop_assert_eq!(last.records.end, part.records.start);
                        last.records.end = part.records.end;
                    }
                    _ => joined.push(part),
                }
            }
            let left: Vec<_> = left.into_iter().filter(|part| !part.records.is_empty()).collect();
            prop_assert_eq!(joined, left);
        }
    }
}
