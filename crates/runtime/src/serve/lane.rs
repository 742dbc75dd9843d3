//! The loop of a worker whose calls come in a lane: claim, run, publish, sleep. Over the socket come
//! regions, what does not fit in the lane, and wake messages.

mod frames;
mod sleep;

use super::answers::Answers;
use super::arrays;
use super::error::{ServeError, unexpected};
use super::reach::run_in_reach;
use super::stream::StreamedInput;
use crate::channel::Channel;
use crate::{Regions, attempt, logging, now_ns, panic, soft};
use frames::Frames;
use shmem::Words;
use std::io;
use std::os::fd::OwnedFd;
use task::{Failure, Input, Registry, Runner};
use wire::lane::{Body, Completion, Layout, Outcome, Reason, WorkerLane};
use wire::{
    Call, CallInput, LANE_DONE, LANE_FAILED, LaneEntry, LaneFailure, NO_TASK, PlainCall, ToWorker,
};

/// How often a worker that is never out of calls looks at its socket.
const LOOK_NS: u64 = 1_000_000;

/// Maps the lane behind a descriptor.
pub(super) fn open(descriptor: &OwnedFd, code: u32) -> Result<WorkerLane<Words>, ServeError> {
    let layout = Layout::from_code(code)?;
    let words = Words::open(descriptor, layout.words())?;
    // What a task forks has no part in it.
    words.keep_from_children()?;
    Ok(WorkerLane::new(words, layout)?)
}

/// Serves calls until the coordinator says to shut down, or closes the socket.
pub(super) fn serve(
    (lane, spin_ns): (WorkerLane<Words>, u64),
    channel: Channel,
    answers: Answers,
    registry: &Registry,
    regions: Regions,
) -> Result<(), ServeError> {
    let now_ns = now_ns();
    let mut server = Server {
        lane,
        channel,
        runners: registry.runners(),
        registry,
        frames: Frames::new(answers, regions),
        spin_ns,
        now_ns,
        looked_ns: now_ns,
        rested: false,
        ran: 0,
        awaited: false,
    };
    while !server.frames.ended {
        if server.now_ns - server.looked_ns > LOOK_NS {
            server.look()?;
        }
        if server.run_next()? {
            continue;
        }
        // Calls that came by the socket and are not in the lane were recalled.
        server.skip_bodies()?;
        if server.frames.leaving {
            return Ok(server.frames.answers.flush()?);
        }
        if server.spin()? {
            continue;
        }
        server.rest(Reason::Calls)?;
    }
    Ok(())
}

struct Server<'a> {
    lane: WorkerLane<Words>,
    channel: Channel,
    /// By the number of the task.
    runners: Vec<Runner>,
    registry: &'a Registry,
    frames: Frames,
    /// For how long it looks for calls before it sleeps.
    spin_ns: u64,
    /// The end of a call is the beginning of the next: one look at the clock for each.
    now_ns: u64,
    /// When the socket was last looked at.
    looked_ns: u64,
    /// The last sleep ended without anything to do.
    rested: bool,
    /// Calls run since the last sleep.
    ran: u32,
    /// The coordinator waited for the last result.
    awaited: bool,
}

impl Server<'_> {
    /// Claims and runs the next call. `false` where there is none.
    fn run_next(&mut self) -> Result<bool, ServeError> {
        let now_ns = self.now_ns;
        let Some(index) = self.lane.claim(|| now_ns)? else {
            return Ok(false);
        };
        self.rested = false;
        self.ran = self.ran.saturating_add(1);
        let call = self.lane.call()?;
        let Body::Inline { arrays, value } = call.body else {
            self.run_by_socket(index)?;
            return Ok(true);
        };
        if call.task == NO_TASK {
            self.finish(0, Ok(Vec::new()), &[])?;
            return Ok(true);
        }
        let number = call.task as usize;
        let Some(&runner) = self.runners.get(number) else {
            return Err(ServeError::Unexpected {
                found: format!("task {number} of {}", self.runners.len()),
                expected: "a task of this worker",
            });
        };
        let mut entry = match PlainCall::from_bytes(arrays) {
            Some(PlainCall { id, attached }) if attached <= self.frames.attached => {
                attempt::set(1);
                logging::running(Some(id));
                soft::begin(index, id);
                let buffer = self.frames.answers.buffer();
                let run = || runner(value, Input::from_bytes(&[]), buffer);
                let (ran, said) = arrays::run(&[], || panic::catch(run));
                self.finish(id, ran, &said)?;
                return Ok(true);
            }
            Some(PlainCall { id, attached }) => LaneEntry {
                id,
                attempt: 1,
                attached,
                input: CallInput::None,
                args: value,
                arrays: &[],
            },
            None => wire::decode(value)?,
        };
        let copy;
        if entry.attached > self.frames.attached {
            copy = wire::to_bytes(&entry);
            entry = wire::decode(&copy)?;
            let attached = entry.attached;
            while self.frames.attached < attached && !self.frames.ended {
                self.frames.wait(&mut self.channel)?;
            }
        }
        if entry.input == CallInput::Stream {
            return Err(unexpected(&ToWorker::ChunkEnd, "an input in memory"));
        }
        attempt::set(entry.attempt);
        logging::running(Some(entry.id));
        soft::begin(index, entry.id);
        let id = entry.id;
        let buffer = self.frames.answers.buffer();
        let (ran, said) = arrays::run(entry.arrays, || {
            run_in_reach(&self.frames.regions, &entry.input, |input| {
                runner(entry.args, input, buffer)
            })
        });
        self.finish(id, ran, &said)?;
        Ok(true)
    }

    /// Runs the claimed call, whose body comes over the socket.
    fn run_by_socket(&mut self, index: u64) -> Result<(), ServeError> {
        let Some(frame) = self.frames.body(&mut self.channel, index)? else {
            return Ok(());
        };
        let ToWorker::LaneCall { call, .. } = wire::decode(&frame)? else {
            unreachable!("only calls are kept");
        };
        let Call { id, task, args, .. } = call;
        attempt::set(call.attempt);
        logging::running(Some(id));
        soft::begin(index, id);
        let buffer = self.frames.answers.buffer();
        let (ran, said) = if call.input == CallInput::Stream {
            let mut stream =
                StreamedInput::new(&mut self.channel, self.frames.answers.outbox(), id);
            let input = Input::from_stream(&mut stream);
            let run = || panic::catch(|| self.registry.run(task, args, input, buffer));
            let ran = arrays::run(call.arrays, run);
            // The function has returned, and the rest of its input may take long.
            self.lane.returned();
            stream.finish()?;
            ran
        } else {
            arrays::run(call.arrays, || {
                run_in_reach(&self.frames.regions, &call.input, |input| {
                    self.registry.run(task, args, input, buffer)
                })
            })
        };
        self.finish(id, ran, &said)
    }

    /// Publishes the result of the claimed call, with what is said of arrays.
    fn finish(
        &mut self,
        id: u64,
        ran: Result<Vec<u8>, Failure>,
        said: &[u8],
    ) -> Result<(), ServeError> {
        self.lane.returned();
        logging::running(None);
        let spoke = soft::end();
        let began_ns = std::mem::replace(&mut self.now_ns, now_ns());
        let ran_ns = u32::try_from(self.now_ns.saturating_sub(began_ns)).unwrap_or(u32::MAX);
        let (status, failed);
        let value = match &ran {
            Ok(output) => {
                status = LANE_DONE;
                &output[..]
            }
            Err(failure) => {
                status = LANE_FAILED;
                failed = encode_failure(failure);
                &failed[..]
            }
        };
        let mut outcome = Outcome {
            status,
            ran_ns,
            body: Body::Inline {
                arrays: said,
                value,
            },
        };
        if spoke {
            // What it said comes before its result.
            self.send(id, began_ns, &ran, said)?;
            outcome.body = Body::Socket;
        }
        loop {
            match self.lane.complete(&outcome)? {
                Completion::Published { wake } => {
                    self.awaited = wake;
                    if wake {
                        self.frames.wake()?;
                    }
                    break;
                }
                Completion::NoRoom => {
                    self.rest(Reason::Room)?;
                    if self.frames.ended {
                        return Ok(());
                    }
                }
                Completion::TooLong => {
                    self.send(id, began_ns, &ran, said)?;
                    outcome.body = Body::Socket;
                }
            }
        }
        if let Ok(output) = ran {
            self.frames.answers.take_back(output);
        }
        Ok(())
    }

    /// Sends a result by the socket. Before its record is published: what is published is a result.
    fn send(
        &mut self,
        id: u64,
        began_ns: u64,
        ran: &Result<Vec<u8>, Failure>,
        said: &[u8],
    ) -> io::Result<()> {
        let answers = &mut self.frames.answers;
        answers.send(id, began_ns, self.now_ns, ran, said)?;
        // That may have taken long, and is no part of the next call.
        self.now_ns = now_ns();
        Ok(())
    }

    /// Takes what has come over the socket, without waiting.
    fn look(&mut self) -> Result<(), ServeError> {
        self.looked_ns = self.now_ns;
        self.frames.receive(&mut self.channel)
    }

    /// Forgets calls that came by the socket and were recalled.
    fn skip_bodies(&mut self) -> Result<(), ServeError> {
        self.frames.skip(&mut self.channel, u64::MAX)
    }
}

fn encode_failure(failure: &Failure) -> Vec<u8> {
    let failure = LaneFailure {
        kind: failure.kind,
        message: &failure.message,
        location: &failure.location,
        backtrace: &failure.backtrace,
    };
    wire::to_bytes(&failure)
}
