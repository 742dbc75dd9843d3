//! What comes over the socket beside a lane.

use crate::channel::{Channel, Frame, Incoming};
use crate::serve::answers::Answers;
use crate::serve::arrays;
use crate::serve::error::{ServeError, unexpected};
use crate::serve::reach::attach;
use crate::{Regions, memory_in_full};
use std::collections::VecDeque;
use std::io;
use wire::{CallInput, FromWorker, ToWorker};

/// What has come over the socket beside a lane, and what is to be answered there.
pub(super) struct Frames {
    pub(super) answers: Answers,
    pub(super) regions: Regions,
    /// How many regions and arenas were attached.
    pub(super) attached: u32,
    /// Calls of entries that say "by socket", oldest first.
    bodies: VecDeque<Kept>,
    /// The coordinator has asked the worker to exit once it has nothing to do.
    pub(super) leaving: bool,
    /// The coordinator has closed the socket.
    pub(super) ended: bool,
    /// A wake message has come.
    pub(super) woken: bool,
}

struct Kept {
    index: u64,
    frame: Vec<u8>,
    /// Chunks follow.
    stream: bool,
}

impl Frames {
    pub(super) fn new(answers: Answers, regions: Regions) -> Frames {
        Frames {
            answers,
            regions,
            attached: 0,
            bodies: VecDeque::new(),
            leaving: false,
            ended: false,
            woken: false,
        }
    }

    /// Wakes the coordinator.
    pub(super) fn wake(&mut self) -> io::Result<()> {
        self.answers.outbox().push(&FromWorker::Wake)?;
        self.answers.flush()
    }

    /// Takes what is there, without waiting.
    pub(super) fn receive(&mut self, channel: &mut Channel) -> Result<(), ServeError> {
        if self.stream_begins() {
            // What follows are its chunks.
            return Ok(());
        }
        let incoming = channel.receive_now()?;
        self.received(channel, incoming)
    }

    /// Takes what was read together with an earlier message. Whether there was something.
    pub(super) fn take_read(&mut self, channel: &mut Channel) -> Result<bool, ServeError> {
        let ready = !self.stream_begins() && channel.is_ready()?;
        if ready {
            self.take(channel)?;
        }
        Ok(ready)
    }

    /// Waits until something is there, or a signal came, and takes it once `woken` has been called: one system
    /// call, where waiting and taking are two.
    pub(super) fn receive_blocking(
        &mut self,
        channel: &mut Channel,
        woken: impl FnOnce(),
    ) -> Result<(), ServeError> {
        let incoming = channel.receive()?;
        woken();
        self.received(channel, incoming)
    }

    fn received(&mut self, channel: &mut Channel, incoming: Incoming) -> Result<(), ServeError> {
        self.take(channel)?;
        if incoming == Incoming::End {
            channel.finish()?;
            self.ended = true;
        }
        Ok(())
    }

    /// Takes the next message, waiting for it.
    pub(super) fn wait(&mut self, channel: &mut Channel) -> Result<(), ServeError> {
        match channel.wait_frame()? {
            Some(frame) => self.on_frame(frame),
            None => {
                self.ended = true;
                Ok(())
            }
        }
    }

    /// The call of entry `index`. `None` where the coordinator is gone.
    pub(super) fn body(
        &mut self,
        channel: &mut Channel,
        index: u64,
    ) -> Result<Option<Vec<u8>>, ServeError> {
        loop {
            self.skip(channel, index)?;
            if let Some(kept) = self.bodies.pop_front() {
                if kept.index == index {
                    return Ok(Some(kept.frame));
                }
                return Err(ServeError::Unexpected {
                    found: format!("the call of entry {}", kept.index),
                    expected: "that of an entry before",
                });
            }
            if self.ended {
                return Ok(None);
            }
            self.wait(channel)?;
        }
    }

    /// Forgets calls of entries below `index`, which were recalled.
    pub(super) fn skip(&mut self, channel: &mut Channel, index: u64) -> Result<(), ServeError> {
        while let Some(kept) = self.bodies.front().filter(|kept| kept.index < index) {
            let stream = kept.stream;
            self.bodies.pop_front();
            if stream {
                self.skip_stream(channel)?;
                self.take(channel)?;
            }
        }
        Ok(())
    }

    fn skip_stream(&mut self, channel: &mut Channel) -> Result<(), ServeError> {
        loop {
            let Some(frame) = channel.wait_frame()? else {
                self.ended = true;
                return Ok(());
            };
            match wire::decode(frame.body)? {
                ToWorker::Chunk(_) => {}
                ToWorker::ChunkEnd | ToWorker::ChunkAbort => return Ok(()),
                other => return Err(unexpected(&other, "a chunk")),
            }
        }
    }

    /// Whether what comes next are the chunks of a call that is kept.
    fn stream_begins(&self) -> bool {
        self.bodies.back().is_some_and(|kept| kept.stream)
    }

    /// Takes the messages that are whole, up to one that chunks follow.
    fn take(&mut self, channel: &mut Channel) -> Result<(), ServeError> {
        while !self.stream_begins() {
            match channel.next_frame()? {
                Some(frame) => self.on_frame(frame)?,
                None => break,
            }
        }
        Ok(())
    }

    fn on_frame(&mut self, mut frame: Frame<'_>) -> Result<(), ServeError> {
        match wire::decode(frame.body)? {
            ToWorker::Wake => self.woken = true,
            ToWorker::LaneCall { index, call } => self.bodies.push_back(Kept {
                index,
                stream: call.input == CallInput::Stream,
                frame: frame.body.to_vec(),
            }),
            ToWorker::Attach { region, source } => {
                attach(&mut self.regions, &mut frame, region, &source);
                self.attached = self.attached.wrapping_add(1);
            }
            ToWorker::Detach { region } => self.regions.detach(region),
            ToWorker::Arena { region, size, own } => {
                arrays::attach(&mut frame, region, size, own);
                self.attached = self.attached.wrapping_add(1);
            }
            ToWorker::ArrayNews(beside) => arrays::take_news(beside),
            ToWorker::ReportMemory => self.answers.memory(memory_in_full())?,
            ToWorker::Shutdown => self.leaving = true,
            other @ (ToWorker::Chunk(_)
            | ToWorker::ChunkEnd
            | ToWorker::ChunkAbort
            | ToWorker::Call(_)
            | ToWorker::Setup(_)) => return Err(unexpected(&other, "a message beside a lane")),
        }
        Ok(())
    }
}
