//! What ends early: calls that are cancelled or that nobody wants, ranks that are lost, the pool itself.

use super::Root;
use super::held::Content;
use crate::fold::Fold;
use crate::ids::{Group, add_to, entry_of, first_of, rank_in};
use crate::protocol::{Down, Trouble};
use crate::tree;
use handoff::elsewhere;
use handoff::{Error, Shutdown};
use pool::TaskFailure;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often a call is run again after its rank was lost, where its terms do not say.
const RETRIES: u32 = 2;
/// How often it is looked for ranks that are silent, at most.
const LOOK: Duration = Duration::from_millis(50);
/// How long other ranks may take to end their pools.
const STOPPING: Duration = Duration::from_secs(30);

impl Root {
    /// Fails a call; `false` where it has its result.
    pub(crate) fn cancel(&mut self, id: u64) -> bool {
        if self.held.with(id).is_none() {
            return false;
        }
        match self.rank_of(id) {
            Some(0) => {
                let number = self.own_number(id);
                return number.is_some_and(|number| elsewhere::cancel(&mut self.pool, number));
            }
            Some(rank) => {
                self.send(rank, &Down::Cancel(id));
                self.unuse(rank, id);
            }
            None => {}
        }
        self.schedule.close(entry_of(id), 1);
        if let Some(closed) = self.close(id) {
            self.failed += 1;
            closed
                .reply
                .resolve(closed.tag, Err(TaskFailure::Cancelled));
        }
        self.link.borrow_mut().pump();
        true
    }

    /// The number of a call in this rank's own pool.
    fn own_number(&mut self, id: u64) -> Option<u64> {
        let (number, which) = self.held.with(id)?.own?;
        Some(number + rank_in(which, id)?)
    }

    /// Gives up calls whose results nobody wants.
    pub(crate) fn withdraw(&mut self, ids: &mut dyn Iterator<Item = u64>) {
        let mut own = Vec::new();
        let mut others: BTreeMap<usize, Vec<Group>> = BTreeMap::new();
        for id in ids {
            match self.rank_of(id) {
                Some(0) => {
                    own.extend(self.own_number(id));
                    continue;
                }
                Some(rank) => {
                    self.unuse(rank, id);
                    add_to(others.entry(rank).or_default(), id);
                }
                None => {}
            }
            if self.close(id).is_some() {
                self.schedule.close(entry_of(id), 1);
            }
        }
        // Their ends are heard of as those of all others.
        elsewhere::withdraw(&mut self.pool, own);
        for (rank, groups) in others {
            self.send(rank, &Down::Withdraw(groups));
        }
        self.link.borrow_mut().pump();
    }

    /// Ranks that have been silent for too long are lost. All that has come has been heard.
    pub(super) fn look_for_silent(&mut self) {
        let (now, before) = (Instant::now(), self.looked);
        if now.duration_since(before) < LOOK {
            return;
        }
        self.looked = now;
        if now.duration_since(before) > self.rank_timeout / 4 {
            // This rank was away itself, as all may have been.
            self.ranks.iter_mut().for_each(|rank| rank.heard = now);
        }
        let silent = |rank: &usize| now.duration_since(self.ranks[*rank].heard) > self.rank_timeout;
        let silent: Vec<usize> = self.others().filter(silent).collect();
        for rank in silent {
            self.lost(rank);
        }
    }

    /// A rank is gone, and the job goes on: what it had is run elsewhere, or fails with its name.
    pub(super) fn lost(&mut self, rank: usize) {
        if !std::mem::replace(&mut self.ranks[rank].lives, false) {
            return;
        }
        let place = self.ranks[rank].place.clone();
        crate::say::line(&format!("error: {place} is gone"));
        for entry in self.schedule.lost(rank) {
            let Some(held) = self.held(entry) else {
                continue;
            };
            held.uses.clear();
            held.losses += 1;
            let losses = held.losses;
            let owns = held.parts.iter().any(|part| part.mutable);
            let terms = match &held.content {
                Content::Call(call) => call.extras().retries,
                Content::Batch(_) | Content::Gone => None,
            };
            let retries = terms.unwrap_or(if owns { 0 } else { RETRIES });
            if losses <= retries {
                self.schedule.requeue(entry);
                continue;
            }
            let (first, which) = (first_of(entry), held.left);
            let group = Group { first, which };
            self.schedule.close(entry, group.calls() as u32);
            for id in group.ids() {
                let failure = Trouble::lost(&place, losses).into_failure();
                if let Some(closed) = self.close(id) {
                    self.failed += 1;
                    closed.reply.resolve(closed.tag, Err(failure));
                }
            }
        }
        self.regions.lost(rank);
        self.link.borrow_mut().forget(rank);
        if self.fold.is_some() {
            // What it had merged is gone with it.
            let failure = Trouble::lost(&place, 1).into_failure();
            self.fold = None;
            self.merged = Some(Err(failure));
        }
    }

    /// From now on results stay where they are, and are merged by that task.
    pub(crate) fn fold_by(&mut self, merge: &'static str) {
        let merge = self.task_number(merge);
        let from = first_of(self.schedule.next());
        for rank in self.others() {
            self.send(rank, &Down::Fold { merge, from });
        }
        let ranks = self.ranks.len() as u32;
        self.fold = Some(Fold::new(merge, from, tree::children(0, ranks).count()));
    }

    /// All results, merged along the tree of ranks; none where there were none.
    pub(crate) fn gather(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.round += 1;
        let round = self.round;
        for rank in self.others() {
            self.send(rank, &Down::Gather { round });
        }
        if let Some(fold) = &mut self.fold {
            fold.gather(round);
        }
        loop {
            if let Some(merged) = self.merged.take() {
                return Ok(merged?);
            }
            self.drive(None)?;
        }
    }

    /// Ends the pools of all ranks.
    pub(crate) fn stop(mut self, how: Shutdown) -> Result<(), Error> {
        let drain = how == Shutdown::Drain;
        let mut result = Ok(());
        while drain && self.schedule.open() > 0 && result.is_ok() {
            result = self.drive(None);
        }
        self.stop_others(drain);
        self.pool.shutdown(how)?;
        result
    }

    /// Ends the pools of the other ranks, and waits until they have ended.
    pub(crate) fn stop_others(&mut self, drain: bool) {
        let others: Vec<usize> = self.others().collect();
        for &rank in &others {
            self.send(rank, &Down::Stop { drain });
        }
        let until = Instant::now() + STOPPING;
        while self.stopped < others.len() && Instant::now() < until {
            self.look_for_silent();
            let living = self.others().count();
            if self.stopped >= living {
                break;
            }
            self.link.borrow_mut().pump();
            let received = self.link.borrow_mut().receive();
            match received {
                Some((from, message)) => self.handle(from, &message),
                None => std::thread::sleep(Duration::from_micros(100)),
            }
        }
        self.stopped = others.len();
    }
}
