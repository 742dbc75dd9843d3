//! One turn: wait, drain, judge, execute, call out.

use super::Shell;
use super::reactor::Token;
use crate::call::Call;
use crate::failure::{PoolError, SubmitError, TaskFailure};
use crate::ids::TaskId;
use engine::Shutdown;
use nix::errno::Errno;
use nix::sys::epoll::{EpollEvent, EpollTimeout};
use runtime::{last_tick_ns, now_ns};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

/// Events taken from epoll at once.
const EVENTS: usize = 64;
/// Rounds of draining before what is due is judged all the same: a worker that floods its
/// coordinator holds up nobody for long.
const ROUNDS: usize = 256;

impl Shell {
    /// The engine's clock: it stands still while the whole program is stopped.
    pub(super) fn now(&self) -> u64 {
        now_ns().saturating_sub(self.health.paused_ns)
    }

    /// Advances the pool: waits up to `timeout`, or without bound, for something to happen, and
    /// handles it. A caller's function that panicked is for [`report_panic`](Self::report_panic).
    pub fn drive(&mut self, timeout: Option<Duration>) -> Result<(), PoolError> {
        self.check()?;
        let now = self.now();
        self.returned(now);
        let resolved = self.counters.done + self.counters.failed;
        self.collect_all();
        self.settle();
        self.check()?;
        self.send_wakes(now);
        // A worker that was woken may have run before this process went on, where they share a processor.
        if self.crew.has_results() {
            self.collect_all();
            self.settle();
        }
        // What the caller waits for may have come already.
        let mut come = self.counters.done + self.counters.failed > resolved;
        if !come && self.settings.spin_ns > 0 && self.spin(timeout) {
            self.collect_all();
            self.settle();
            come = self.counters.done + self.counters.failed > resolved;
        }
        self.arm_at(now);
        let at_once = come || self.engine.is_closed();
        self.drain(if at_once {
            Some(Duration::ZERO)
        } else {
            timeout
        });
        self.collect_all();
        let now = self.now();
        self.turn_away_late(now);
        self.give_back(now);
        self.engine.tick(now);
        self.retry_stuck(now);
        self.left(now);
        self.settle();
        self.beat();
        self.arm_at(now);
        self.check()
    }

    /// Handles what is there. Where a deadline has come, everything that is there is taken in before
    /// anything is judged.
    fn drain(&mut self, timeout: Option<Duration>) {
        let mut wait = epoll_timeout(timeout);
        let mut events = [EpollEvent::empty(); EVENTS];
        for _ in 0..ROUNDS {
            let count = match self.reactor.epoll.wait(&mut events, wait) {
                Ok(count) => count,
                Err(Errno::EINTR) => 0,
                Err(error) => return self.break_down(error.into()),
            };
            for event in &events[..count] {
                self.on_event(Token::decode(event.data()));
            }
            self.bury_gone();
            let now = self.now();
            let due = self.engine.next_deadline().is_some_and(|at| at <= now);
            if count == 0 || (count < EVENTS && !due) || self.health.broken.is_some() {
                return;
            }
            wait = EpollTimeout::ZERO;
        }
    }

    fn on_event(&mut self, token: Token) {
        match token {
            Token::Server => self.read_server(),
            Token::ServerStderr => self.read_server_stderr(),
            Token::Interrupt => self.health.interrupted = true,
            Token::Pause => self.pause(),
            Token::Listener => self.admit(),
            Token::Timer => self.reactor.expired(),
            Token::Bell => {
                if let Some(bell) = &self.reactor.bell {
                    let _ = bell.read();
                }
            }
            Token::Socket(id) => {
                if self.is_unforked(id) {
                    // It speaks already, and who it is is still on the way from the forkserver.
                    return self.read_server();
                }
                self.pump(id);
                self.read_worker(id);
            }
            Token::Stderr(id) => self.read_stderr(id),
            Token::Stdout(id) => self.read_stdout(id),
            Token::Process(id) => self.process_ended(id),
        }
    }

    /// Executes what the engine asks for until there is nothing more.
    pub(super) fn settle(&mut self) {
        self.run_effects();
        self.bury_gone();
        self.run_effects();
        if self.health.broken.is_some() {
            self.clear_away();
        }
    }

    /// As [`arm`](Self::arm), where a lane has come into use or something is due before the timer.
    pub(super) fn arm_if_sooner(&mut self) {
        let next = self.engine.next_deadline();
        let at_ns = next.map_or(u64::MAX, |at_ns| {
            at_ns.saturating_add(self.health.paused_ns)
        });
        if self.crew.unarmed || at_ns < self.reactor.deadline_ns.unwrap_or(u64::MAX) {
            self.arm();
        }
    }

    /// Sets the timer for what comes next.
    pub(crate) fn arm(&mut self) {
        self.arm_at(self.now());
    }

    fn arm_at(&mut self, now: u64) {
        self.crew.unarmed = false;
        let paused_ns = self.health.paused_ns;
        let engine = self.engine.next_deadline();
        let externals = self.external_deadline();
        let look = self.ask_for_wakes(now);
        let given = self.reactor.give_back_ns;
        let own = [engine, externals, look, self.reactor.retry_ns, given];
        let own = own.into_iter().flatten().min();
        let beat = self.hooks.heartbeat.as_ref().map(|beat| beat.due_ns());
        let own = own.map(|at_ns| at_ns.saturating_add(paused_ns));
        self.reactor.deadline_ns = own.into_iter().chain(beat).min();
        if let Err(error) = self.reactor.arm() {
            self.break_down(error);
        }
    }

    /// When the pool has to be driven next even if nothing becomes readable.
    pub fn next_deadline(&self) -> Option<Duration> {
        let at_ns = self.reactor.deadline_ns?;
        Some(Duration::from_nanos(at_ns.saturating_sub(now_ns())))
    }

    #[inline]
    pub(crate) fn check(&self) -> Result<(), PoolError> {
        if self.health.interrupted {
            return Err(PoolError::Interrupted);
        }
        self.health.broken.clone().map_or(Ok(()), Err)
    }

    /// The pool cannot wait for its workers any more.
    pub(super) fn break_down(&mut self, error: io::Error) {
        if self.health.broken.is_none() {
            self.health.broken = Some(PoolError::Wait(Arc::new(error)));
        }
    }

    /// Takes a task in under a number, and starts it where a worker is free.
    pub fn submit(&mut self, number: Option<TaskId>, call: Call) -> Result<TaskId, SubmitError> {
        let class = self.jobs.class(call.task());
        let taken = match self.submit_small(number, class, call) {
            Ok(number) => Ok(number),
            Err(call) => self.submit_alone(number, class, call),
        };
        if std::mem::take(&mut self.crew.holds_wakes) {
            self.wake_held();
        }
        taken
    }

    #[inline(never)]
    fn submit_alone(
        &mut self,
        number: Option<TaskId>,
        class: u32,
        call: Call,
    ) -> Result<TaskId, SubmitError> {
        self.crew.holds_wakes = true;
        let taken = self.take_in(number, call);
        self.crew.waiting += 1;
        if taken.is_ok() && self.engine.is_small(class, self.crew.waiting) {
            let now = self.now();
            self.fill_lanes(now);
            self.arm_if_sooner();
        } else {
            self.start_queued();
        }
        taken
    }

    /// Starts what was taken in, for a caller that drives the pool soon.
    pub fn start_queued_lazily(&mut self) {
        self.crew.lazy = true;
        self.start_queued();
        self.crew.lazy = false;
    }

    /// Starts what was taken in, as far as there is room in workers.
    pub(crate) fn start_queued(&mut self) {
        self.crew.passed += self.crew.waiting;
        self.crew.waiting = 0;
        self.settle();
        self.collect_in_passing();
        if self.engine.queued() > 0 && !self.crew.full {
            let now = self.now();
            self.fill_lanes(now);
        }
        self.arm_if_sooner();
    }

    /// Takes a task in; [`start_queued_lazily`](Self::start_queued_lazily) has to follow, once for many.
    #[inline]
    pub fn take_in(&mut self, number: Option<TaskId>, call: Call) -> Result<TaskId, SubmitError> {
        let number = number.unwrap_or_else(|| self.jobs.next());
        let refused = match self.check() {
            Err(error) => Some(SubmitError::Pool(error)),
            Ok(()) => self.check_reach(call.input()).err(),
        };
        if let Some(error) = refused {
            call.resolve(Err(error.clone().into()));
            return Err(error);
        }
        let class = self.jobs.class(call.task());
        let spec = self.spec(class, &call);
        // Otherwise starts alone depend on it, and a tick more or less is nothing to them.
        let now = match self.crew.laned.len() > self.crew.processors {
            true => self.now(),
            false => last_tick_ns().saturating_sub(self.health.paused_ns),
        };
        match self.engine.submit(now, spec) {
            Ok(key) => self.jobs.insert(key, number, class, call),
            Err(engine::SubmitError::Full) => return Err(SubmitError::Full),
            Err(engine::SubmitError::Closed | engine::SubmitError::NoWorker) => {
                call.resolve(Err(TaskFailure::ShutDown));
                return Ok(number);
            }
        }
        Ok(number)
    }

    /// How many workers are ready for tasks.
    pub fn serving(&self) -> usize {
        self.engine.serving()
    }

    /// Whether the queue bound is reached.
    pub fn is_full(&self) -> bool {
        self.engine.is_full()
    }

    /// Whether this many tasks are no more than the queue bound allows.
    pub fn has_room(&self, tasks: usize) -> bool {
        !self.engine.has_no_room(tasks as u32)
    }

    /// The number that the next task gets.
    pub fn next_number(&self) -> TaskId {
        self.jobs.next()
    }

    /// Cancels a task: a queued one is never run, a running one is ended with its worker.
    pub fn cancel(&mut self, number: TaskId) -> bool {
        let Some(task) = self.jobs.task_at(number) else {
            return false;
        };
        let now = self.now();
        let cancelled = self.engine.cancel_one(now, task);
        self.part();
        self.settle();
        self.arm_if_sooner();
        cancelled
    }

    /// Gives up tasks whose results nobody wants: what has begun runs to its end.
    pub fn withdraw(&mut self, numbers: impl IntoIterator<Item = TaskId>) {
        let now = self.now();
        for (task, all) in self.newest_first(numbers) {
            match all {
                true => self.engine.withdraw(now, task.task),
                false => self.engine.withdraw_one(now, task),
            };
            self.part();
        }
        self.settle();
        self.arm();
    }

    /// Fails all tasks with an error, as where the pool was interrupted.
    pub fn fail_all(&mut self, error: &PoolError) {
        for job in self.jobs.drain() {
            let now = self.now();
            self.engine.withdraw(now, job.key);
            self.fail_job(job, TaskFailure::Pool(error.clone()));
        }
        self.settle();
        self.arm();
    }

    /// Ends the pool and waits until every worker has ended, by force once the grace period is
    /// over.
    pub fn shutdown(&mut self, how: Shutdown) -> Result<(), PoolError> {
        let now = self.now();
        self.stop_listening();
        self.engine.shutdown(now, how);
        let mut drained = Ok(());
        while !self.engine.is_closed() {
            match self.drive(None) {
                Ok(()) => {}
                Err(PoolError::Interrupted) => {
                    drained = drained.and(Err(PoolError::Interrupted));
                    self.ignore_interrupts();
                    let now = self.now();
                    self.engine.shutdown(now, Shutdown::Now);
                }
                Err(error) => return Err(error),
            }
            self.report_panic();
        }
        drained
    }

    /// From now on nothing interrupts.
    pub fn ignore_interrupts(&mut self) {
        if let Some(interrupt) = self.reactor.interrupt.take() {
            self.reactor.forget(&interrupt);
        }
        self.health.interrupted = false;
    }
}

impl AsFd for Shell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reactor.epoll.0.as_fd()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        for job in self.jobs.drain() {
            self.hooks
                .guard(|_| job.call.resolve(Err(TaskFailure::ShutDown)));
        }
        // All are killed before the first is waited for.
        for worker in self.crew.workers.values() {
            worker.signal(libc::SIGKILL);
        }
    }
}

/// Rounded up to the next millisecond, so that the time has passed when the wait is over.
fn epoll_timeout(wait: Option<Duration>) -> EpollTimeout {
    let Some(wait) = wait else {
        return EpollTimeout::NONE;
    };
    let millis = wait.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128);
    EpollTimeout::try_from(millis as i32).unwrap_or(EpollTimeout::ZERO)
}
