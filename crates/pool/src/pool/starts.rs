//! Starting workers, all at once, and taking them in when they are ready.

use super::*;
use crate::failure::PoolError;
use crate::start::{StartError, Started, wire_up};
use crate::stderr::Stderr;
use guardian::Guardian;
use wire::{Hello, KnownTask, Setup, ToWorker};

/// Starts that may fail in a row before the pool gives up.
const MAX_FAILED_STARTS: u32 = 10;

/// What an epoll event is about: a worker's socket, process or stderr, or the forkserver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Socket(WorkerId),
    Process(WorkerId),
    Stderr(WorkerId),
    Server,
    Interrupt,
    Bell,
    Pause,
    Door,
}

impl Token {
    pub(super) fn encode(self) -> u64 {
        match self {
            Token::Socket(id) => u64::from(id) << 2,
            Token::Process(id) => u64::from(id) << 2 | 1,
            Token::Stderr(id) => u64::from(id) << 2 | 2,
            Token::Server => 3,
            Token::Interrupt => 7,
            Token::Bell => 11,
            Token::Door => 15,
            Token::Pause => 19,
        }
    }

    pub(super) fn decode(data: u64) -> Token {
        let id = (data >> 2) as WorkerId;
        match data & 3 {
            0 => Token::Socket(id),
            1 => Token::Process(id),
            2 => Token::Stderr(id),
            _ if id == 0 => Token::Server,
            _ if id == 1 => Token::Interrupt,
            _ if id == 2 => Token::Bell,
            _ if id == 3 => Token::Door,
            _ => Token::Pause,
        }
    }
}

impl Pool {
    pub(crate) fn start(builder: Builder) -> Result<Pool, PoolError> {
        let wait = |error: io::Error| PoolError::Wait(Arc::new(error));
        let start = |error: StartError| PoolError::Start(Arc::new(error));
        builder.check()?;
        let regions: HashMap<RegionId, Region> = (1..).zip(builder.regions).collect();
        let inherited = regions
            .iter()
            .filter_map(|(&id, region)| match region {
                Region::Inherited(memory) => Some((id, Arc::clone(memory))),
                _ => None,
            })
            .collect();
        let workers = builder.limits.workers;
        let board = Board::create(workers).map_err(|error| wait(io::Error::other(error)))?;
        let board_fd = Arc::new(board.fd().try_clone_to_owned().map_err(wait)?);
        let mut pool = Pool {
            starter: Starter {
                method: builder.method,
                registry: builder.registry,
                inherited,
                threads_allowed: builder.threads_allowed,
                guardian: Guardian::join().map_err(|error| start(error.into()))?,
                server: None,
            },
            scheduler: Scheduler::new(),
            limits: builder.limits,
            jobs: HashMap::new(),
            workers: BTreeMap::new(),
            next_region: regions.len() as RegionId + 1,
            regions,
            next_task: 0,
            next_worker: 1,
            epoll: new_epoll().map_err(wait)?,
            board,
            board_fd,
            free_slots: (0..workers as u32).rev().collect(),
            initializer: builder.initializer,
            sandbox: builder.sandbox,
            watcher: builder.watcher,
            echo: builder.echo,
            heartbeat: builder.heartbeat,
            timeline: builder.timeline,
            log_level: builder.log_level,
            counters: Counters::default(),
            failed_starts: 0,
            ever_ready: false,
            closing: false,
            broken: None,
            bell: None,
            interrupt: None,
            interrupted: false,
            pause: None,
            paused_ns: 0,
            refused: None,
            to_pump: Vec::new(),
            has_timeouts: false,
            oom_kills: super::deaths::oom_kills(),
            lobby: None,
            gone: Vec::new(),
            _not_send: std::marker::PhantomData,
        };
        pool.timeline |= pool.limits.recycle_bytes.is_some();
        if let Some(interrupt) = builder.interrupt {
            pool.watch_fd(&interrupt, Token::Interrupt).map_err(wait)?;
            pool.interrupt = Some(interrupt);
        }
        if let Some(pause) = builder.pause {
            pool.watch_fd(&pause.asked, Token::Pause).map_err(wait)?;
            pool.pause = Some(pause);
        }
        if let crate::StartMethod::Listen(path) = &pool.starter.method {
            let path = path.clone();
            pool.receive_guests(&path)?;
            return Ok(pool);
        }
        for _ in 0..workers {
            pool.start_worker().map_err(start)?;
        }
        // A forkserver's worker may be ready before the forkserver has told of its process.
        let is_up = |worker: &Worker| worker.phase == Phase::Serving && worker.process.is_some();
        while !pool.workers.values().all(|worker| is_up(worker)) {
            pool.drive(None)?;
        }
        Ok(pool)
    }

    /// Starts one worker and sends it all it needs to get ready, without waiting for it.
    pub(super) fn start_worker(&mut self) -> Result<(), StartError> {
        let id = self.next_worker;
        self.next_worker += 1;
        let name = format!("{}Process-{id}", self.starter.method.stem());
        let (wiring, seat) = wire_up()?;
        let slot = self.free_slots.pop().expect("a slot for every worker");
        let mut worker = Worker::new(id, name, wiring.socket);
        worker.slot = Some(slot);
        let stderr = worker.stderr.insert(Stderr::new(wiring.stderr));
        self.watch_fd(stderr, Token::Stderr(id))?;
        self.board
            .word(slot as usize)
            .store(0, std::sync::atomic::Ordering::Release);
        self.set_up(&mut worker)?;

        let had_server = self.starter.server.is_some();
        let at_ns = now_ns();
        let started = self.starter.start(seat, u64::from(id)).inspect_err(|_| {
            self.free_slots.push(slot);
        })?;
        if let (Some(server), false) = (&self.starter.server, had_server) {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, Token::Server.encode());
            self.epoll.add(server, event).map_err(io::Error::from)?;
        }
        match started {
            Started::Now(process) => {
                self.watch_fd(&process, Token::Process(id))?;
                worker.process = Some(process);
            }
            Started::Soon(group) => worker.group = Some(group),
        }
        self.watch_fd(&worker.link, Token::Socket(id))?;
        worker.deadline_ns = Some(after(at_ns, self.limits.start_timeout));
        self.counters.started += 1;
        self.tell(&worker, at_ns, What::Started);
        self.workers.insert(id, Box::new(worker));
        self.pump(id);
        Ok(())
    }

    /// Greets a worker and tells it how to behave.
    pub(super) fn set_up(&self, worker: &mut Worker) -> Result<(), StartError> {
        let setup = ToWorker::Setup(Setup {
            name: &worker.name,
            events: self.timeline,
            log_level: self.log_level,
            board: worker.slot,
            initializer: self
                .initializer
                .as_ref()
                .map(|(task, args)| (*task, &args[..])),
            sandbox: self.sandbox,
        });
        let board = worker.slot.map(|_| Arc::clone(&self.board_fd));
        let outbox = &mut worker.link.outbox;
        outbox
            .push(&Hello::ours())
            .and_then(|()| match board {
                Some(board) => outbox.push_with(&setup, vec![board]),
                None => outbox.push(&setup),
            })
            .map_err(|error| StartError::Resources(io::Error::other(error)))
    }

    pub(super) fn watch_fd(&self, fd: &impl AsFd, token: Token) -> io::Result<()> {
        Ok(self
            .epoll
            .add(fd, EpollEvent::new(EpollFlags::EPOLLIN, token.encode()))?)
    }

    /// The forkserver has forked the worker that was asked for.
    pub(super) fn forked(&mut self, id: WorkerId, mut process: crate::process::Process) {
        let Some(mut worker) = self.workers.remove(&id) else {
            return;
        };
        let watched = self.watch_fd(&process, Token::Process(id));
        if worker.doom.is_some() {
            // It was to be ended before there was anything to be signalled.
            process.signal(libc::SIGTERM);
        }
        if let Some(group) = worker.group.take() {
            process.guard(group);
        }
        worker.process = Some(process);
        self.workers.insert(id, worker);
        self.pump(id);
        if let Err(error) = watched {
            self.break_down(PoolError::Wait(Arc::new(error)));
        }
    }

    /// A worker has shaken hands.
    pub(super) fn ready(&mut self, worker: &mut Worker) {
        if worker.doom.is_some() {
            // It is being ended, and its deadline holds.
            return;
        }
        worker.phase = Phase::Serving;
        worker.deadline_ns = None;
        self.failed_starts = 0;
        self.ever_ready = true;
        self.scheduler.join(worker.id);
        if let Some(tasks) = self.limits.recycle_tasks {
            self.scheduler.allow(worker.id, tasks);
        }
        self.tell(worker, now_ns(), What::Ready);
    }

    /// Refuses a worker of another build: tasks of one name that take or give other types, or another
    /// image where it is to be this program's own.
    pub(super) fn check_build(
        &mut self,
        worker: &Worker,
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
        if worker.guest.is_none() {
            let (worker, why) = (worker.name.clone(), why.clone());
            self.refused = Some(PoolError::OtherBuild { worker, why });
        }
        Err(why)
    }

    /// Starts as many workers as are missing.
    pub(super) fn replace_missing(&mut self) {
        if self.lobby.is_some() {
            // They come or they do not.
            return;
        }
        while !self.closing && self.workers.len() < self.limits.workers {
            match self.start_worker() {
                Ok(()) => self.counters.respawned += 1,
                Err(error) => self.break_down(PoolError::Start(Arc::new(error))),
            }
        }
    }

    /// A worker ended before it was ready.
    pub(super) fn start_failed(&mut self, how: String) {
        self.failed_starts += 1;
        // What goes wrong with the first goes wrong with all.
        if !self.ever_ready || self.failed_starts >= MAX_FAILED_STARTS {
            self.break_down(PoolError::NotReady(how));
        }
    }
}
