//! Workers that come by themselves: let in at the door, taken in when ready, never waited for
//! beyond a deadline.

use super::starts::Token;
use super::*;
use crate::builder::MAX_WORKERS;
use crate::start::{Door, StartError};
use std::path::Path;

/// Peers that may be connected and have not greeted. One more, and the oldest of them has to go:
/// those that say nothing hold nobody up.
const MAX_SILENT: usize = 64;
/// By when a peer has to have greeted.
const GREETING: Duration = Duration::from_secs(5);

/// A pool's door, and whom it waits for.
pub(super) struct Lobby {
    door: Door,
    /// Workers without which the pool does not go on.
    wanted: usize,
    /// By when they have to be there; none while they are.
    pub(super) deadline_ns: Option<u64>,
    /// Why the last one was turned away.
    turned_away: Option<String>,
}

impl Pool {
    /// Opens the door and waits until as many workers are ready as the pool is to have.
    pub(super) fn receive_guests(&mut self, path: &Path) -> Result<(), PoolError> {
        let start = |error: StartError| PoolError::Start(Arc::new(error));
        let door = Door::open(path).map_err(|error| start(error.into()))?;
        self.watch_fd(&door, Token::Door)
            .map_err(|error| start(error.into()))?;
        self.lobby = Some(Lobby {
            door,
            wanted: self.limits.workers,
            deadline_ns: None,
            turned_away: None,
        });
        while self.serving().count() < self.limits.workers {
            self.drive(None)?;
        }
        // From now on one is enough to go on.
        self.lobby.as_mut().expect("opened above").wanted = 1;
        Ok(())
    }

    /// Lets in whoever waits at the door and may come.
    pub(super) fn let_in(&mut self) {
        while let Some(lobby) = &self.lobby {
            let result = match lobby.door.admit() {
                Ok(None) => return,
                Ok(Some(Err(_stranger))) => {
                    self.counters.refused += 1;
                    continue;
                }
                Ok(Some(Ok((socket, guest)))) => self.receive(socket, guest),
                Err(error) => Err(error.into()),
            };
            if let Err(error) = result {
                return self.break_down(PoolError::Start(Arc::new(error)));
            }
        }
    }

    /// A peer that may come is a worker that has yet to greet.
    fn receive(&mut self, socket: OwnedFd, guest: crate::start::Guest) -> Result<(), StartError> {
        let silent = |worker: &Worker| worker.guest.is_some() && !worker.greeted;
        let mut waiting = self.workers.values().filter(|worker| silent(worker));
        let oldest = waiting.next().map(|worker| worker.id);
        if let (Some(oldest), true) = (oldest, waiting.count() + 1 >= MAX_SILENT) {
            self.workers.remove(&oldest);
            self.counters.refused += 1;
        }
        if self.workers.len() >= MAX_WORKERS {
            self.counters.refused += 1;
            return Ok(());
        }
        let id = self.next_worker;
        self.next_worker += 1;
        let name = format!("{}Process-{id}", self.starter.method.stem());
        let mut worker = Worker::new(id, name, socket);
        self.set_up(&mut worker)?;
        self.watch_fd(&worker.link, Token::Socket(id))?;
        if let Some(pidfd) = &guest.pidfd {
            self.watch_fd(pidfd, Token::Process(id))?;
        }
        worker.guest = Some(guest);
        worker.deadline_ns = Some(after(now_ns(), GREETING.min(self.limits.start_timeout)));
        self.workers.insert(id, Box::new(worker));
        self.pump(id);
        Ok(())
    }

    /// A worker has greeted; a guest has its time to get ready from now on.
    pub(super) fn greeted(&mut self, worker: &mut Worker) {
        if worker.guest.is_some() {
            let now = now_ns();
            worker.deadline_ns = Some(after(now, self.limits.start_timeout));
            self.counters.started += 1;
            self.tell(worker, now, What::Started);
        }
    }

    /// A guest is gone, or has to go, before it was ready: that is its own affair.
    pub(super) fn turn_away(&mut self, worker: &Worker) {
        self.counters.refused += 1;
        if worker.greeted {
            self.tell(worker, now_ns(), What::Ended(crate::Ending::Left));
        }
        if let (Some(lobby), Some(doom)) = (&mut self.lobby, &worker.doom) {
            lobby.turned_away = Some(format!("process {}: {}", worker.pid(), doom.reason()));
        }
    }

    /// Buries guests whose sockets have ended.
    pub(super) fn bury_guests(&mut self) {
        while let Some(id) = self.gone.pop() {
            self.died(id);
        }
    }

    /// Sets the deadline for workers that are missed, if any are.
    pub(super) fn expect_guests(&mut self) {
        let there = match &self.lobby {
            Some(_) => self.serving().count(),
            None => return,
        };
        let Some(lobby) = &mut self.lobby else {
            return;
        };
        // A pool that has its workers and no work may wait for ever.
        let needed = lobby.wanted > 1 || !self.jobs.is_empty() || !self.ever_ready;
        lobby.deadline_ns = match lobby.deadline_ns {
            _ if there >= lobby.wanted || !needed => None,
            Some(deadline) => Some(deadline),
            None => Some(after(now_ns(), self.limits.start_timeout)),
        };
    }

    /// Nobody came in time.
    pub(super) fn give_up_on_guests(&mut self, now: u64) {
        let there = self.serving().count();
        let Some(lobby) = &self.lobby else {
            return;
        };
        if lobby.deadline_ns.is_none_or(|deadline| deadline > now) {
            return;
        }
        let path = lobby.door.path().display();
        let mut why = format!(
            "{there} of {} workers are connected to {path} after {:?}; start them with `worker \
             --connect {path}`",
            lobby.wanted, self.limits.start_timeout
        );
        if let Some(last) = &lobby.turned_away {
            why += &format!("; the last that was turned away: {last}");
        }
        self.break_down(PoolError::NotReady(why));
    }

    /// Nobody is let in any more, and who is not ready has to go.
    pub(super) fn close_door(&mut self) {
        if self.lobby.take().is_some() {
            self.workers.retain(|_, worker| !worker.is_strange());
        }
    }
}
