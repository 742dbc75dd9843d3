//! The loop of a worker: greet, set up, then answer calls until the socket closes.

mod answers;
mod arrays;
mod error;
mod lane;
mod outbox;
mod reach;
mod stream;

use crate::channel::{Channel, Frame};
use crate::sandbox;
use crate::{Inherited, Regions, attempt, bounds, image_id, logging, memory_in_full, panic, soft};
use answers::Answers;
pub use error::ServeError;
use error::unexpected;
pub(crate) use outbox::Outbox;
use reach::{attach, run_in_reach};
use shmem::{Board, Words};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use stream::StreamedInput;
use task::Input;
use task::Registry;
use wire::{Call, CallInput, FromWorker, Hello, KnownTask, Setup, SetupStep, ToWorker};

/// Serves calls of the registry's tasks on a connected socket until the coordinator closes it or
/// says to shut down. Regions that calls refer to as inherited are looked up in `inherited`.
///
/// # Errors
/// [`ServeError`]; what a task does wrong is an answer, not an error of this loop.
pub fn serve(socket: OwnedFd, registry: &Registry, inherited: Inherited) -> Result<(), ServeError> {
    let socket = Arc::new(socket);
    let mut channel = Channel::new(Arc::clone(&socket));
    let outbox = Arc::new(Outbox::new(socket));
    outbox.push(&Hello::ours())?;
    outbox.flush()?;
    match channel.wait_frame()? {
        None => return Ok(()),
        Some(frame) => drop(Hello::accept(frame.body)?),
    }
    panic::capture();
    let Some(mut frame) = channel.wait_frame()? else {
        return Ok(());
    };
    let Some(mut place) = set_up(&mut frame, &outbox, registry)? else {
        return Ok(());
    };
    let answers = Answers::new(outbox, place.events);
    let regions = Regions::new(inherited);
    match place.lane.take() {
        Some(lane) => lane::serve((lane, place.spin_ns), channel, answers, registry, regions),
        None => answer_calls(channel, answers, registry, regions, &place),
    }
}

/// The longest reason that an initializer's failure is given, in bytes.
const MAX_REASON: usize = 64 * 1024;

/// What the set-up leaves for the loop.
struct Place {
    board: Option<(&'static Board, usize)>,
    lane: Option<wire::lane::WorkerLane<Words>>,
    spin_ns: u64,
    events: bool,
    /// Held while calls are served.
    _forwarding: Option<logging::Guard>,
    _connected: soft::Connected,
}

impl Place {
    /// Says, to the coordinator and to our own log records, which call is running.
    fn mark(&self, call: Option<u64>) {
        logging::running(call);
        match call {
            Some(id) => soft::begin(id, id),
            None => {
                soft::end();
            }
        }
        if let Some((board, index)) = &self.board {
            board
                .word(*index)
                .store(call.map_or(0, |id| id.wrapping_add(1)), Ordering::Release);
        }
    }
}

/// Does what the set-up says; `None` where the coordinator is done with us already.
fn set_up(
    frame: &mut Frame<'_>,
    outbox: &Arc<Outbox>,
    registry: &Registry,
) -> Result<Option<Place>, ServeError> {
    let setup: Setup<'_> = match wire::decode(frame.body)? {
        ToWorker::Setup(setup) => setup,
        ToWorker::Shutdown => return Ok(None),
        other => return Err(unexpected(&other, "the set-up")),
    };
    let board = match setup.board {
        None => None,
        Some(index) => {
            let descriptor = frame.take_descriptor();
            let descriptor = descriptor.ok_or(ServeError::NoDescriptor("board"))?;
            // The second word is the coordinator's. Both are needed as long as this process serves.
            let board = Board::open(descriptor, index as usize + 2)?;
            Some((&*Box::leak(Box::new(board)), index as usize))
        }
    };
    let connected = soft::connect(outbox, board.map(|(board, index)| (board, index + 1)));
    let lane = match setup.lane {
        None => None,
        Some(code) => {
            let descriptor = frame.take_descriptor();
            let descriptor = descriptor.ok_or(ServeError::NoDescriptor("lane"))?;
            // Events are reported over the socket, call by call.
            (!setup.events)
                .then(|| lane::open(&descriptor, code))
                .transpose()?
        }
    };
    if let Some(limits) = &setup.bounds
        && let Err(reason) = bounds::apply(limits)
    {
        let reason = refuse(outbox, SetupStep::Bounds, reason)?;
        return Err(ServeError::Bounds(reason));
    }
    // Asked for before the sandbox closes /proc.
    let build = image_id();
    let forwarding = logging::forward(outbox, setup.log_level);
    registry.named(setup.name);
    if let Some((task, args)) = setup.initializer {
        let ran = panic::catch(|| registry.run(task, args, Input::none(), Vec::new()));
        if let Err(failure) = ran {
            let reason = format!("{task}: {}", failure.message);
            let reason = refuse(outbox, SetupStep::Initializer, reason)?;
            return Err(ServeError::Initializer(reason));
        }
    }
    // After the initializer, which opens what its program needs; before anything that came from
    // elsewhere is looked at.
    if setup.sandbox
        && let Err(error) = sandbox::confine()
    {
        refuse(outbox, SetupStep::Sandbox, error.to_string())?;
        return Err(error.into());
    }
    let tasks = registry.fingerprints();
    let tasks = tasks.map(|(name, fingerprint)| KnownTask { name, fingerprint });
    outbox.push(&FromWorker::Ready {
        tasks: tasks.collect(),
        build,
        lane: lane.is_some(),
    })?;
    outbox.flush()?;
    Ok(Some(Place {
        board,
        lane,
        spin_ns: u64::from(setup.spin_us) * 1000,
        events: setup.events,
        _forwarding: forwarding,
        _connected: connected,
    }))
}

/// Reports to the coordinator why this worker cannot serve; returns the reason.
fn refuse(outbox: &Outbox, step: SetupStep, mut reason: String) -> io::Result<String> {
    crate::text::cut(&mut reason, MAX_REASON);
    outbox.push(&FromWorker::Refused {
        step,
        reason: &reason,
    })?;
    outbox.flush()?;
    Ok(reason)
}

fn answer_calls(
    mut channel: Channel,
    mut answers: Answers,
    registry: &Registry,
    mut regions: Regions,
    place: &Place,
) -> Result<(), ServeError> {
    loop {
        if !channel.is_ready()? {
            answers.flush()?;
        }
        let Some(mut frame) = channel.wait_frame()? else {
            return Ok(());
        };
        match wire::decode(frame.body)? {
            ToWorker::Call(call) => {
                answers.before(call.task)?;
                attempt::set(call.attempt);
                place.mark(Some(call.id));
                if call.input == CallInput::Stream {
                    // The chunks will overwrite the frame that these borrow from.
                    let (id, task, args) = (call.id, call.task.to_owned(), call.args.to_vec());
                    let beside = call.arrays.to_vec();
                    let call = (id, &task[..], &args[..], &beside[..]);
                    answer_stream(&mut channel, &mut answers, registry, call)?;
                } else {
                    answer(&mut answers, registry, &regions, &call)?;
                }
                place.mark(None);
            }
            ToWorker::Attach { region, source } => {
                attach(&mut regions, &mut frame, region, &source);
            }
            ToWorker::Detach { region } => regions.detach(region),
            ToWorker::Arena { region, size, own } => {
                arrays::attach(&mut frame, region, size, own);
            }
            ToWorker::ArrayNews(beside) => arrays::take_news(beside),
            ToWorker::ReportMemory => answers.memory(memory_in_full())?,
            ToWorker::Shutdown => return Ok(answers.flush()?),
            other @ (ToWorker::Chunk(_)
            | ToWorker::ChunkEnd
            | ToWorker::ChunkAbort
            | ToWorker::LaneCall { .. }
            | ToWorker::Wake
            | ToWorker::Setup(_)) => return Err(unexpected(&other, "a call")),
        }
    }
}

/// Runs a call whose input is accessible.
fn answer(
    answers: &mut Answers,
    registry: &Registry,
    regions: &Regions,
    call: &Call<'_>,
) -> Result<(), ServeError> {
    answers.outbox().received(call.id)?;
    let buffer = answers.buffer();
    let (ran, said) = arrays::run(call.arrays, || {
        run_in_reach(regions, &call.input, |input| {
            registry.run(call.task, call.args, input, buffer)
        })
    });
    Ok(answers.after(call.id, call.task, ran, &said)?)
}

/// Runs a call whose input follows in chunks, and takes up those that its task did not want.
fn answer_stream(
    channel: &mut Channel,
    answers: &mut Answers,
    registry: &Registry,
    (id, task, args, beside): (u64, &str, &[u8], &[u8]),
) -> Result<(), ServeError> {
    let buffer = answers.buffer();
    let mut stream = StreamedInput::new(channel, answers.outbox(), id);
    let input = Input::from_stream(&mut stream);
    let run = || panic::catch(|| registry.run(task, args, input, buffer));
    let (ran, said) = arrays::run(beside, run);
    stream.finish()?;
    Ok(answers.after(id, task, ran, &said)?)
}

#[cfg(test)]
mod tests;
