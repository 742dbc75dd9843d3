//! Waiting: epoll, a timer, and what wakes the pool beside its workers.

use crate::ids::WorkerId;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// What an epoll event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Socket(WorkerId),
    Process(WorkerId),
    Stderr(WorkerId),
    Stdout(WorkerId),
    Server,
    ServerStderr,
    Interrupt,
    Bell,
    Pause,
    Listener,
    Timer,
}

const ALONE: [Token; 7] = [
    Token::Server,
    Token::ServerStderr,
    Token::Interrupt,
    Token::Bell,
    Token::Pause,
    Token::Listener,
    Token::Timer,
];

impl Token {
    fn encode(self) -> u64 {
        match self {
            Token::Socket(id) => u64::from(id) << 3,
            Token::Process(id) => u64::from(id) << 3 | 1,
            Token::Stderr(id) => u64::from(id) << 3 | 2,
            Token::Stdout(id) => u64::from(id) << 3 | 3,
            other => {
                let place = ALONE.iter().position(|&token| token == other);
                (place.unwrap_or(0) as u64) << 3 | 4
            }
        }
    }

    pub(super) fn decode(data: u64) -> Token {
        let id = (data >> 3) as WorkerId;
        match data & 7 {
            0 => Token::Socket(id),
            1 => Token::Process(id),
            2 => Token::Stderr(id),
            3 => Token::Stdout(id),
            _ => ALONE[(id as usize).min(ALONE.len() - 1)],
        }
    }
}

/// What the pool waits on.
pub(super) struct Reactor {
    pub epoll: Epoll,
    timer: TimerFd,
    /// What the timer is set to, by the real clock.
    armed_ns: Option<u64>,
    /// When the pool wants to be driven next, by the real clock.
    pub deadline_ns: Option<u64>,
    /// When a send that was refused is tried again, by the engine's clock.
    pub retry_ns: Option<u64>,
    /// When memory of arrays is to be given back, by the engine's clock.
    pub give_back_ns: Option<u64>,
    /// When workers that have had no call since are sent what has happened to arrays, by the engine's clock.
    pub news_ns: Option<u64>,
    /// eventfd that `Background` signals after it has queued a command.
    pub bell: Option<Arc<EventFd>>,
    pub interrupt: Option<OwnedFd>,
}

impl Reactor {
    pub(super) fn new() -> io::Result<Reactor> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let reactor = Reactor {
            epoll,
            timer,
            armed_ns: None,
            deadline_ns: None,
            retry_ns: None,
            give_back_ns: None,
            news_ns: None,
            bell: None,
            interrupt: None,
        };
        reactor.watch(&reactor.timer, Token::Timer)?;
        Ok(reactor)
    }

    pub(super) fn watch(&self, fd: &impl AsFd, token: Token) -> io::Result<()> {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, token.encode());
        Ok(self.epoll.add(fd, event)?)
    }

    /// Changes whether room to write is waited for as well.
    pub(super) fn watch_room(&self, fd: &impl AsFd, token: Token, room: bool) -> io::Result<()> {
        let mut flags = EpollFlags::EPOLLIN;
        flags.set(EpollFlags::EPOLLOUT, room);
        match self
            .epoll
            .modify(fd, &mut EpollEvent::new(flags, token.encode()))
        {
            // A worker that is being ended is not listened to any more.
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Forgets a descriptor. Closing it would not do where another process has a copy.
    pub(super) fn forget(&self, fd: &impl AsFd) {
        let _ = self.epoll.delete(fd);
    }

    /// Sets the timer, so that the pool's own descriptor is readable at the deadline.
    pub(super) fn arm(&mut self) -> io::Result<()> {
        let Some(at_ns) = self.deadline_ns else {
            return Ok(());
        };
        if self.armed_ns.is_some_and(|armed_ns| armed_ns <= at_ns) {
            // It expires early once, also where nothing is due any more: that costs less than setting it
            // again and again.
            return Ok(());
        }
        let at = TimeSpec::from_duration(Duration::from_nanos(at_ns.max(1)));
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME;
        self.timer.set(Expiration::OneShot(at), flags)?;
        self.armed_ns = self.deadline_ns;
        Ok(())
    }

    /// Whether any descriptor is ready. Takes nothing.
    pub(super) fn has_events(&self) -> bool {
        let mut first = [EpollEvent::empty()];
        self.epoll.wait(&mut first, EpollTimeout::ZERO) != Ok(0)
    }

    /// The timer has expired.
    pub(super) fn expired(&mut self) {
        let mut count = [0; 8];
        let _ = nix::unistd::read(self.timer.as_fd(), &mut count);
        self.armed_ns = None;
    }
}
