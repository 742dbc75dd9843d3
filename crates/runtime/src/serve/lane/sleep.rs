//! How a worker waits for calls, and for room for a result.

use super::{LOOK_NS, Server};
use crate::channel::Channel;
use crate::now_ns;
use crate::serve::error::ServeError;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::AsFd;
use wire::lane::{Reason, Rest};

/// How often it looks for calls between two looks at the clock.
const SPINS: u32 = 64;
/// The first sleep after work ends after this time, in milliseconds: the coordinator may leave out wake
/// messages that follow each other closely.
const NAP_MS: u64 = 1;

impl Server<'_> {
    /// Looks for calls for a while. Whether there is one, or an end.
    pub(super) fn spin(&mut self) -> Result<bool, ServeError> {
        // What has just slept for nothing sleeps on.
        if self.spin_ns == 0 || self.rested {
            return Ok(false);
        }
        if self.lane.take_dry_wake() {
            self.frames.wake()?;
        }
        let began_ns = now_ns();
        loop {
            let found = self.lane.spin(Reason::Calls, SPINS);
            self.now_ns = now_ns();
            if found || self.now_ns - began_ns > self.spin_ns {
                return Ok(found);
            }
            if self.now_ns - self.looked_ns > LOOK_NS {
                self.look()?;
                if self.frames.ended || self.frames.leaving {
                    return Ok(true);
                }
            }
        }
    }

    /// Sleeps until there are calls, or room for the result, or something comes over the socket.
    pub(super) fn rest(&mut self, reason: Reason) -> Result<(), ServeError> {
        let read = self.sleep(reason)?;
        self.now_ns = now_ns();
        if read {
            self.looked_ns = self.now_ns;
        }
        Ok(())
    }

    /// Returns whether the socket was read.
    fn sleep(&mut self, reason: Reason) -> Result<bool, ServeError> {
        // What was read together with an earlier message is not in the socket any more.
        if self.frames.take_read(&mut self.channel)? {
            return Ok(false);
        }
        // After a wake message the coordinator may leave out others for a while.
        let woken = std::mem::take(&mut self.frames.woken);
        let mut deep = self.rested && !woken;
        let mut awaited = std::mem::take(&mut self.awaited);
        let alone = std::mem::take(&mut self.ran) == 1 && reason == Reason::Calls;
        loop {
            let reason = match reason {
                Reason::Calls if deep => Reason::Wake,
                reason => reason,
            };
            let Rest::Sleep { wake } = self.lane.rest(reason)? else {
                return Ok(false);
            };
            if wake {
                self.frames.wake()?;
                awaited = true;
            }
            // One that waits for the result of each call sends none meanwhile.
            if deep || !(alone && awaited) {
                break;
            }
            deep = true;
        }
        let timeout = match deep {
            // Until there is memory to give back, if there will be.
            true => task::arrays::worker::give_back().map(|due_ns| due_ns / 1_000_000 + 1),
            false => Some(NAP_MS),
        };
        if timeout.is_none() && reason == Reason::Calls {
            let woken = || self.lane.woken();
            self.frames.receive_blocking(&mut self.channel, woken)?;
            self.rested = false;
            return Ok(true);
        }
        let millis = |timeout| PollTimeout::from(u16::try_from(timeout).unwrap_or(u16::MAX));
        let timeout = timeout.map_or(PollTimeout::NONE, millis);
        let readable = wait_readable(&self.channel, timeout)?;
        self.lane.woken();
        // After a nap that ended by itself it sleeps until it is woken.
        self.rested = !readable;
        if readable {
            self.frames.receive(&mut self.channel)?;
        }
        Ok(readable)
    }
}

/// Whether the socket has something, once it has or `timeout` is over.
fn wait_readable(channel: &Channel, timeout: PollTimeout) -> io::Result<bool> {
    let mut fds = [PollFd::new(channel.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, timeout) {
        Ok(ready) => Ok(ready > 0),
        // Looked at once more than needed.
        Err(Errno::EINTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
