//! External workers: let in, joined when ready, never waited for beyond a deadline.

use super::Shell;
use super::listening::Listening;
use super::reactor::Token;
use super::worker::Worker;
use crate::event::What;
use crate::failure::PoolError;
use crate::ids::WorkerId;
use crate::process::Ending;
use crate::settings::{MAX_WORKERS, nanoseconds};
use crate::start::{External, Listener, StartError};
use engine::Capabilities;
use runtime::now_ns;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Peers that may be connected and have not greeted. One more, and the oldest of them has to go:
/// those that say nothing hold nobody up.
const MAX_SILENT: usize = 64;
/// By when a peer has to have greeted.
const GREETING: Duration = Duration::from_secs(5);
/// What a coordinator can do with an external worker.
const EXTERNAL: Capabilities = Capabilities {
    signal: false,
    lane: false,
    replace: false,
    ask: false,
};

impl Shell {
    /// Opens the socket for external workers.
    pub(super) fn open_door(&mut self, path: &Path) -> Result<(), PoolError> {
        let start = |error: StartError| PoolError::Start(Arc::new(error));
        let listener = Listener::open(path).map_err(|error| start(error.into()))?;
        let watched = self.reactor.watch(&listener, Token::Listener);
        watched.map_err(|error| start(error.into()))?;
        self.listening = Some(Listening {
            listener,
            unready: Vec::new(),
            wanted: self.settings.limits.workers,
            turned_away: None,
        });
        Ok(())
    }

    /// Accepts the authorized peers that wait. One that cannot be accepted for want of descriptors waits on.
    pub(super) fn admit(&mut self) {
        while let Some(listening) = &self.listening {
            match listening.listener.admit() {
                Ok(None) => return,
                Ok(Some(Err(_unauthorized))) => self.counters.refused += 1,
                Ok(Some(Ok((socket, external)))) => {
                    if self.receive(socket, external).is_err() {
                        self.counters.refused += 1;
                    }
                }
                Err(error) => {
                    if let Some(listening) = &mut self.listening {
                        listening.turned_away = Some(error.to_string());
                    }
                    return;
                }
            }
        }
    }

    /// A peer that may come is a worker that has yet to greet.
    fn receive(&mut self, socket: OwnedFd, external: External) -> Result<(), StartError> {
        let Some(listening) = &self.listening else {
            return Ok(());
        };
        let silent = |id: &&WorkerId| {
            let worker = self.crew.workers.get(id);
            worker.is_some_and(|worker| !worker.greeted)
        };
        let mut waiting = listening.unready.iter().filter(silent);
        let oldest = waiting.next().copied();
        if let (Some(oldest), true) = (oldest, waiting.count() + 1 >= MAX_SILENT) {
            self.finish(oldest, Ending::Left);
        }
        if self.crew.workers.len() >= MAX_WORKERS {
            self.counters.refused += 1;
            return Ok(());
        }
        let id = self.crew.next;
        self.crew.next += 1;
        let name = format!("{}Process-{id}", self.starter.method.stem());
        let mut worker = Worker::new(id, name, socket);
        self.set_up(&mut worker)?;
        self.reactor.watch(&worker.connection, Token::Socket(id))?;
        if let Some(pidfd) = &external.pidfd {
            self.reactor.watch(pidfd, Token::Process(id))?;
        }
        worker.external = Some(external);
        let patience = GREETING.min(self.settings.limits.start_timeout);
        worker.deadline_ns = Some(self.now().saturating_add(nanoseconds(patience)));
        self.crew.workers.insert(id, Box::new(worker));
        if let Some(listening) = &mut self.listening {
            listening.unready.push(id);
        }
        self.pump(id);
        Ok(())
    }

    /// A worker has greeted; an external one has its time to get ready from now on.
    pub(super) fn greeted(&mut self, id: WorkerId) {
        let timeout_ns = nanoseconds(self.settings.limits.start_timeout);
        let at_ns = self.now().saturating_add(timeout_ns);
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return;
        };
        if worker.external.is_some() {
            worker.deadline_ns = Some(at_ns);
            self.counters.started += 1;
            self.tell(id, now_ns(), What::Started);
        }
    }

    /// An external worker is ready.
    pub(super) fn join(&mut self, id: WorkerId) {
        let now = self.now();
        let Some(key) = self.engine.join(now, EXTERNAL) else {
            return;
        };
        if let Some(listening) = &mut self.listening {
            listening.unready.retain(|&unready| unready != id);
            if self.engine.serving() >= listening.wanted {
                listening.wanted = 1;
            }
        }
        if self.crew.names.len() <= key.index() {
            self.crew.names.resize(key.index() + 1, 0);
        }
        self.crew.names[key.index()] = id;
        if let Some(worker) = self.crew.workers.get_mut(&id) {
            worker.key = Some(key);
        }
    }

    /// An external worker is gone, or has to go, before it was ready: it costs nobody anything.
    pub(super) fn turn_away(&mut self, worker: &Worker) {
        self.counters.refused += 1;
        if worker.greeted {
            self.tell_of(worker, What::Ended(Ending::Left));
        }
        if let Some(listening) = &mut self.listening {
            listening.unready.retain(|&id| id != worker.id);
            if let Some(reason) = &worker.reason {
                listening.turned_away = Some(format!("process {}: {reason}", worker.pid()));
            }
        }
    }

    /// The earliest time by which an external worker has to be ready.
    pub(super) fn external_deadline(&self) -> Option<u64> {
        let unready = &self.listening.as_ref()?.unready;
        let deadline = |id: &WorkerId| self.crew.workers.get(id)?.deadline_ns;
        unready.iter().filter_map(deadline).min()
    }

    /// Turns away who is not ready in time.
    pub(super) fn turn_away_late(&mut self, now: u64) {
        if self.external_deadline().is_none_or(|at_ns| at_ns > now) {
            return;
        }
        let unready = self
            .listening
            .as_ref()
            .map_or(Vec::new(), |it| it.unready.clone());
        for id in unready {
            let Some(worker) = self.crew.workers.get_mut(&id) else {
                continue;
            };
            if worker.deadline_ns.is_some_and(|at_ns| at_ns <= now) {
                let late = "it was not ready in time".to_owned();
                worker.reason.get_or_insert(late);
                self.finish(id, Ending::Left);
            }
        }
    }

    /// Why a pool of external workers cannot go on.
    pub(super) fn nobody_came(&self) -> String {
        let Some(listening) = &self.listening else {
            return String::new();
        };
        let path = listening.listener.path().display();
        let mut why = format!(
            "{} of {} workers are connected to {path} after {:?}; start them with `worker \
             --connect {path}`",
            self.engine.serving(),
            listening.wanted,
            self.settings.limits.start_timeout
        );
        if let Some(last) = &listening.turned_away {
            why += &format!("; the last that was turned away: {last}");
        }
        why
    }

    /// Nobody is let in any more, and who is not ready has to go.
    pub(super) fn stop_listening(&mut self) {
        if let Some(listening) = self.listening.take() {
            self.reactor.forget(&listening.listener);
            for id in listening.unready {
                if let Some(worker) = self.crew.workers.remove(&id) {
                    self.forget_worker(&worker);
                }
            }
        }
    }
}
