//! Starting workers, and taking them in when they are ready.

use super::Shell;
use super::reactor::Token;
use super::worker::Worker;
use crate::connection::Lane;
use crate::event::What;
use crate::failure::PoolError;
use crate::lines::Lines;
use crate::process::Process;
use crate::settings::Carrier;
use crate::start::StartMethod;
use crate::start::{StartError, Started, connected_ends};
use engine::{Capabilities, Event};
use runtime::now_ns;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wire::lane::Layout;
use wire::{Hello, KnownTask, Setup, ToWorker};

/// What a coordinator can do with a worker that it has started.
const OWN: Capabilities = Capabilities {
    signal: true,
    lane: false,
    replace: true,
    ask: true,
};

impl Shell {
    /// Starts the worker that the engine asks for.
    pub(super) fn start_worker(&mut self, key: engine::WorkerId) {
        if let Err(error) = self.try_start(key) {
            let permanent = error.is_permanent();
            self.start_failed(key, error, permanent);
        }
    }

    /// Starts one worker and sends it all it needs to get ready, without waiting for it.
    fn try_start(&mut self, key: engine::WorkerId) -> Result<(), StartError> {
        let (ours, ends) = connected_ends(self.settings.stdout)?;
        let id = self.crew.next;
        let name = format!("{}Process-{id}", self.starter.method.stem());
        let mut worker = Worker::new(id, name, ours.socket);
        worker.key = Some(key);
        let slot = self.crew.free_slots.pop();
        let taken = slot.ok_or_else(|| io::Error::other("more workers than places for them"))?;
        worker.slot = slot;
        worker.stderr = Some(Lines::new(ours.stderr));
        worker.stdout = ours.stdout.map(Lines::new);
        let started = self.launch(&mut worker, ends, taken);
        if let Err(error) = started {
            self.crew.free_slots.push(taken);
            self.forget_worker(&worker);
            return Err(error);
        }
        self.crew.next += 1;
        if self.crew.names.len() <= key.index() {
            self.crew.names.resize(key.index() + 1, 0);
        }
        self.crew.names[key.index()] = id;
        let limits = &self.settings.limits;
        let replaces = self.counters.started >= (limits.workers + limits.spare) as u64;
        self.counters.respawned += u64::from(replaces);
        self.counters.started += 1;
        self.crew.workers.insert(id, Box::new(worker));
        self.tell(id, now_ns(), What::Started);
        self.pump(id);
        Ok(())
    }

    fn launch(
        &mut self,
        worker: &mut Worker,
        ends: crate::start::WorkerEnds,
        slot: u32,
    ) -> Result<(), StartError> {
        let id = worker.id;
        if let Some(stderr) = &worker.stderr {
            self.reactor.watch(stderr, Token::Stderr(id))?;
        }
        if let Some(stdout) = &worker.stdout {
            self.reactor.watch(stdout, Token::Stdout(id))?;
        }
        self.reactor.watch(&worker.connection, Token::Socket(id))?;
        for index in [slot, slot + 1] {
            let word = self.crew.board.word(index as usize);
            word.store(0, Ordering::Release);
        }
        if !matches!(self.starter.method, StartMethod::ForkServer(_)) {
            self.set_up(worker)?;
        }
        let had_server = self.starter.server.is_some();
        let started = self.starter.start(ends, u64::from(id))?;
        if let (Some(server), false) = (&self.starter.server, had_server) {
            self.reactor.watch(server, Token::Server)?;
            self.reactor.watch(server.stderr(), Token::ServerStderr)?;
        }
        match started {
            Started::Now(process) => {
                self.reactor.watch(&process, Token::Process(id))?;
                worker.process = Some(process);
            }
            Started::Soon(group) => {
                worker.group = Some(group);
                self.pump_server();
            }
        }
        Ok(())
    }

    /// Greets a worker and sends its set-up.
    pub(super) fn set_up(&mut self, worker: &mut Worker) -> Result<(), StartError> {
        self.give_arena(worker)?;
        let lane = self.offer_lane(worker);
        let settings = &self.settings;
        let initializer = settings.initializer.as_ref();
        let setup = ToWorker::Setup(Setup {
            name: &worker.name,
            events: settings.timeline,
            log_level: settings.log_level,
            board: worker.slot,
            lane: lane.as_ref().map(|(code, _)| *code),
            initializer: initializer.map(|(task, args)| (*task, &args[..])),
            sandbox: settings.sandbox,
            bounds: settings.bounds_of(worker.slot),
            spin_us: (settings.spin_ns / 1000).try_into().unwrap_or(u32::MAX),
        });
        let board = worker.slot.map(|_| Arc::clone(&self.crew.board_fd));
        let lane = lane.map(|(_, descriptor)| Arc::new(descriptor));
        let descriptors: Vec<_> = board.into_iter().chain(lane).collect();
        let outbox = &mut worker.connection.outbox;
        outbox
            .push(&Hello::ours())
            .and_then(|()| match &descriptors[..] {
                [] => outbox.push(&setup),
                _ => outbox.push_with(&setup, descriptors),
            })
            .map_err(|error| StartError::Resources(io::Error::other(error)))?;
        Shell::send_arena(worker)
    }

    /// Makes a lane for a worker: the code of its layout and its descriptor. Where there is no memory for
    /// one, the worker has its calls over its socket.
    fn offer_lane(&mut self, worker: &mut Worker) -> Option<(u32, OwnedFd)> {
        let settings = &self.settings;
        if settings.carrier == Carrier::Socket || settings.timeline || worker.external.is_some() {
            return None;
        }
        match Lane::create(Layout::for_workers(settings.limits.workers)) {
            Ok((lane, code, descriptor)) => {
                worker.lane = Some(Box::new(lane));
                Some((code, descriptor))
            }
            Err(error) => {
                let why = format!("its calls come over its socket, one at a time: {error}");
                self.tell_of(worker, What::Stderr(&why));
                None
            }
        }
    }

    /// The forkserver has forked the worker that was asked for.
    pub(super) fn forked(&mut self, request: u64, mut process: Process) {
        let id = request as crate::ids::WorkerId;
        let Some(mut worker) = self.crew.workers.remove(&id) else {
            return;
        };
        // Only now, so that a lane's descriptor does not wait for the forkserver.
        let _ = self.set_up(&mut worker);
        let worker = self.crew.workers.entry(id).or_insert(worker);
        if let Some(group) = worker.group.take() {
            process.guard(group);
        }
        if worker.reason.is_some() {
            // It was to be ended before there was anything to signal.
            process.signal(libc::SIGTERM);
        }
        let watched = self.reactor.watch(&process, Token::Process(id));
        worker.process = Some(process);
        if let Err(error) = watched {
            self.break_down(error);
        }
        self.pump(id);
    }

    /// Refuses a worker of another build: tasks of one name that take or give other types, or another
    /// image where it is to be this program's own.
    pub(super) fn check_build(
        &mut self,
        id: crate::ids::WorkerId,
        tasks: &[KnownTask<'_>],
        build: u64,
    ) -> Result<(), String> {
        let ours = runtime::image_id();
        let other_image =
            self.starter.method.is_own_program() && build != ours && build != 0 && ours != 0;
        let differs = |task: &&KnownTask<'_>| {
            let known = self.starter.registry.fingerprint(task.name);
            known.is_some_and(|known| known != task.fingerprint && known != 0)
                && task.fingerprint != 0
        };
        let why = match tasks.iter().find(differs) {
            Some(task) => format!("its task {} has other arguments or results", task.name),
            None if other_image => "its image is not this program's".to_owned(),
            None => return Ok(()),
        };
        let worker = self.crew.workers.get_mut(&id);
        if let Some(worker) = worker.filter(|worker| worker.external.is_none()) {
            worker.explained = true;
            let (worker, why) = (worker.name.clone(), why.clone());
            self.health.why = Some(PoolError::OtherBuild { worker, why });
        }
        Err(why)
    }

    /// A worker has finished its set-up.
    pub(super) fn became_ready(&mut self, id: crate::ids::WorkerId, tasks: &[KnownTask<'_>]) {
        let Some(worker) = self.crew.workers.get_mut(&id) else {
            return;
        };
        worker.ready = true;
        worker.deadline_ns = None;
        let known = worker.key;
        let external = worker.external.is_some();
        let lane = worker.lane.is_some();
        if lane {
            self.crew.laned.push(id);
            self.crew.full = false;
        }
        if let Some(lane) = &mut worker.lane {
            lane.open(tasks.iter().map(|task| task.name.to_owned()).collect());
        }
        let now = self.now();
        match known {
            Some(worker) => {
                let capabilities = Capabilities { lane, ..OWN };
                let event = Event::Ready {
                    worker,
                    capabilities,
                };
                self.handle(now, event);
            }
            None if external => self.join(id),
            None => {}
        }
        self.tell(id, now_ns(), What::Ready);
    }
}
