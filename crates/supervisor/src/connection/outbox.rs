//! What waits to be sent to one worker: frames, and streams that are cut into chunks on the way.

use super::outgoing::{Outgoing, Step};
use super::send;
use crate::ids::TaskId;
use crate::input::Stream;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use wire::EncodeError;

/// The most that one turn sends to one worker, so that the others are not kept waiting.
const TURN: u64 = 8 * 1024 * 1024;

/// Frames up to here are gathered before they are sent.
const GATHER: usize = 64 * 1024;

/// What waits to be sent to one worker.
#[derive(Default)]
pub(crate) struct Outbox {
    parts: VecDeque<Part>,
    /// All bytes of input ever sent.
    streamed: u64,
}

enum Part {
    Frames {
        bytes: Vec<u8>,
        sent: usize,
        descriptors: Vec<Arc<OwnedFd>>,
    },
    Stream(TaskId, Box<Outgoing>),
}

/// Where a turn of sending ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pumped {
    /// Everything is sent.
    Empty,
    /// The socket is full, or the turn is over.
    More,
    /// The source of the stream that was being sent failed. The worker knows that the
    /// stream was given up.
    SourceFailed {
        /// Whose input it was; not always the task that is due, since others are sent ahead.
        task: TaskId,
        /// What its source said.
        why: String,
    },
}

impl Outbox {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// All bytes of input ever streamed.
    pub(crate) fn streamed(&self) -> u64 {
        self.streamed
    }

    /// Adds a message.
    pub(crate) fn push(&mut self, message: &impl serde::Serialize) -> Result<(), EncodeError> {
        if let Some(Part::Frames { bytes, .. }) = self.parts.back_mut()
            && bytes.len() < GATHER
        {
            return wire::encode(message, bytes);
        }
        self.push_with(message, Vec::new())
    }

    /// Adds a message with descriptors.
    pub(crate) fn push_with(
        &mut self,
        message: &impl serde::Serialize,
        descriptors: Vec<Arc<OwnedFd>>,
    ) -> Result<(), EncodeError> {
        let mut bytes = Vec::new();
        wire::encode(message, &mut bytes)?;
        self.parts.push_back(Part::Frames {
            bytes,
            sent: 0,
            descriptors,
        });
        Ok(())
    }

    /// Adds the chunks of a task's stream, and its end.
    pub(crate) fn push_stream(&mut self, task: TaskId, stream: &Stream) {
        self.parts
            .push_back(Part::Stream(task, Box::new(Outgoing::new(stream))));
    }

    pub(super) fn pump(&mut self, socket: BorrowedFd<'_>) -> io::Result<Pumped> {
        let before = self.streamed;
        while let Some(part) = self.parts.front_mut() {
            match part {
                Part::Frames {
                    bytes,
                    sent,
                    descriptors,
                } => {
                    let raw: Vec<_> = match *sent {
                        0 => descriptors.iter().map(|fd| fd.as_raw_fd()).collect(),
                        _ => Vec::new(),
                    };
                    *sent += match send(socket, &bytes[*sent..], &raw)? {
                        0 => return Ok(Pumped::More),
                        count => count,
                    };
                    if *sent < bytes.len() {
                        continue;
                    }
                }
                Part::Stream(task, outgoing) => {
                    let left = TURN.saturating_sub(self.streamed - before);
                    match outgoing.pump(socket, left, &mut self.streamed)? {
                        Step::Blocked => return Ok(Pumped::More),
                        Step::Sent => {}
                        Step::GivenUp(why) => {
                            let task = *task;
                            self.parts.pop_front();
                            return Ok(Pumped::SourceFailed { task, why });
                        }
                    }
                }
            }
            self.parts.pop_front();
        }
        Ok(Pumped::Empty)
    }
}
