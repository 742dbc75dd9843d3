//! What the forkserver says.

use super::Shell;
use super::reactor::Token;
use crate::ids::WorkerId;
use crate::process::Ending;
use crate::start::{ServerSaid, StartError};

impl Shell {
    /// Whether the forkserver has not answered for this worker yet.
    pub(super) fn is_unforked(&self, id: WorkerId) -> bool {
        let unforked = |worker: &super::worker::Worker| worker.process.is_none();
        self.starter.server.is_some() && self.crew.workers.get(&id).is_some_and(|it| unforked(it))
    }

    /// Sends requests as far as the forkserver's socket takes them.
    pub(super) fn pump_server(&mut self) {
        let Some(server) = &mut self.starter.server else {
            return;
        };
        if let Some(more) = server.pump() {
            let watched = self.reactor.watch_room(server, Token::Server, more);
            if let Err(error) = watched {
                self.break_down(error);
            }
        }
    }

    pub(super) fn read_server(&mut self) {
        self.pump_server();
        let Some(server) = &mut self.starter.server else {
            return;
        };
        for said in server.listen() {
            match said {
                ServerSaid::Forked { request, process } => self.forked(request, process),
                ServerSaid::Failed {
                    request,
                    reason,
                    permanent,
                } => self.not_forked(request as WorkerId, reason, permanent),
                ServerSaid::Ended {
                    pid,
                    ending,
                    rss_peak,
                } => {
                    let mut workers = self.crew.workers.values_mut();
                    if let Some(worker) = workers.find(|worker| worker.pid() == pid) {
                        let id = worker.id;
                        if let Some(process) = &mut worker.process {
                            process.ended(ending, Some(rss_peak));
                        }
                        self.process_ended(id);
                    }
                }
                ServerSaid::Gone { why } => self.server_gone(&why),
            }
        }
    }

    pub(super) fn read_server_stderr(&mut self) {
        if let Some(server) = &mut self.starter.server
            && !server.read_stderr()
        {
            // A closed pipe would stay readable; the end of its socket is what counts.
            self.reactor.forget(server.stderr());
        }
    }

    /// The forkserver could not start a worker.
    fn not_forked(&mut self, id: WorkerId, reason: String, permanent: bool) {
        let Some(worker) = self.crew.workers.remove(&id) else {
            return;
        };
        self.forget_worker(&worker);
        self.crew.free_slots.extend(worker.slot);
        if let Some(key) = worker.key {
            self.start_failed(key, StartError::Server(reason), permanent);
        }
    }

    /// The forkserver is gone, and its workers die with it. The next start starts another one.
    pub(super) fn server_gone(&mut self, why: &str) {
        let Some(server) = self.starter.server.take() else {
            return;
        };
        self.reactor.forget(&server);
        self.reactor.forget(server.stderr());
        // It is killed and reaped.
        drop(server);
        for id in self.crew.workers.keys().copied().collect::<Vec<_>>() {
            let Some(worker) = self.crew.workers.get_mut(&id) else {
                continue;
            };
            match &mut worker.process {
                Some(process) => {
                    process.ended(Ending::Signal(libc::SIGKILL), None);
                    self.process_ended(id);
                }
                // What ended the first forkserver will end the next.
                None => self.not_forked(id, why.to_owned(), true),
            }
        }
    }
}
