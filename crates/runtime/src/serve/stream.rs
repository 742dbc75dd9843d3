//! The chunks of a streamed input, taken from the socket as the task asks for them.

use super::error::{ServeError, unexpected};
use super::outbox::Outbox;
use crate::channel::Channel;
use task::Chunks;
use task::InputError;
use wire::ToWorker;

pub(super) struct StreamedInput<'a> {
    channel: &'a mut Channel,
    outbox: &'a Outbox,
    id: u64,
    ended: bool,
    /// What makes the whole connection useless, reported once the task has returned.
    broken: Option<ServeError>,
}

impl<'a> StreamedInput<'a> {
    pub(super) fn new(channel: &'a mut Channel, outbox: &'a Outbox, id: u64) -> Self {
        StreamedInput {
            channel,
            outbox,
            id,
            ended: false,
            broken: None,
        }
    }

    /// Takes up the chunks that the task did not want.
    pub(super) fn finish(mut self) -> Result<(), ServeError> {
        while !self.ended && self.broken.is_none() {
            // What the chunks are does not matter any more, nor that the stream was given up.
            let _ = self.next_chunk();
        }
        self.broken.map_or(Ok(()), Err)
    }
}

impl Chunks for StreamedInput<'_> {
    fn next_chunk(&mut self) -> Result<Option<&[u8]>, InputError> {
        if self.ended {
            return Ok(None);
        }
        if self.broken.is_some() {
            return Err(InputError::Incomplete);
        }
        let StreamedInput {
            channel,
            outbox,
            id,
            ended,
            broken,
        } = self;
        let error = match channel.wait_frame() {
            Ok(Some(frame)) => match wire::decode(frame.body) {
                Ok(ToWorker::Chunk(chunk)) => return Ok(Some(chunk)),
                Ok(ToWorker::ChunkEnd) => {
                    *ended = true;
                    return match outbox.received(*id) {
                        Ok(()) => Ok(None),
                        Err(error) => break_off(broken, error.into()),
                    };
                }
                Ok(ToWorker::ChunkAbort) => {
                    *ended = true;
                    return Err(InputError::Incomplete);
                }
                Ok(other) => unexpected(&other, "a chunk"),
                Err(error) => error.into(),
            },
            Ok(None) => ServeError::Unexpected {
                found: "the end of the stream".into(),
                expected: "a chunk",
            },
            Err(error) => error.into(),
        };
        break_off(broken, error)
    }
}

fn break_off<T>(broken: &mut Option<ServeError>, error: ServeError) -> Result<T, InputError> {
    let told = InputError::Stream(error.to_string());
    *broken = Some(error);
    Err(told)
}
