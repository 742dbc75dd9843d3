//! MPI as the rest of this crate sees it: values that come up to rank 0 and go down from it.
//!
//! MPI's own waiting calls spin, and would take a core from the workers. Here a rank that waits
//! polls and sleeps alternately.

use crate::tree;
use coordinator::exit::{Failure, SIGNAL};
use coordinator::signals::Signals;
use mpi::Threading;
use mpi::environment::Universe;
use mpi::point_to_point::{Destination, Source};
use mpi::request::scope;
use mpi::topology::{Communicator, SimpleCommunicator};
use mpi::traits::{CommunicatorCollectives, Equivalence};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::io;
use std::thread;
use std::time::Duration;

/// The first sleep of a rank that waits; each is twice as long as the one before.
const SHORTEST_NAP: Duration = Duration::from_micros(20);
/// And the longest: what an answer may be late, and seldom enough to cost nothing.
const LONGEST_NAP: Duration = Duration::from_millis(1);

/// What a message is about. Messages of one kind between two ranks keep their order.
#[derive(Debug, Clone, Copy)]
#[repr(i32)]
pub(crate) enum Tag {
    /// A value on its way up or down.
    Tree = 1,
    /// What time it is.
    Clock = 3,
    /// Calls and their results.
    Pool = 4,
}

/// All ranks of the job, and this one among them.
pub(crate) struct Comm {
    world: SimpleCommunicator,
    rank: u32,
    size: u32,
    host: String,
    signals: Option<Signals>,
    /// MPI ends with it.
    universe: Cell<Option<Universe>>,
}

/// The job ends here on all ranks, with this exit code; why has been said.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) code: u8,
}

/// Why a rank cannot go on.
#[derive(Debug, Serialize, Deserialize)]
struct Trouble {
    rank: u32,
    host: String,
    code: u8,
    message: Option<String>,
}

impl Comm {
    /// Initialises MPI. Without `signals`, those that end a process end this one.
    pub(crate) fn join(signals: Option<Signals>) -> io::Result<Comm> {
        // One thread at a time calls MPI; those that help to fill a segment do not.
        let (universe, _) = mpi::initialize_with_threading(Threading::Serialized)
            .ok_or_else(|| io::Error::other("MPI is initialised already"))?;
        let world = universe.world();
        Ok(Comm {
            rank: world.rank() as u32,
            size: world.size() as u32,
            host: host()?,
            world,
            signals,
            universe: Cell::new(Some(universe)),
        })
    }

    /// Leaves the job; all ranks do, and nothing is sent any more.
    pub(crate) fn leave(&self) {
        drop(self.universe.take());
    }

    /// Leaves MPI unfinished, since not all ranks are there to leave it.
    pub(crate) fn abandon(&self) {
        std::mem::forget(self.universe.take());
    }

    /// This rank's number.
    pub(crate) fn rank(&self) -> u32 {
        self.rank
    }

    /// The number of ranks.
    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    /// The name of this rank's machine.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The signals that end the job.
    ///
    /// # Panics
    /// Where MPI was joined without.
    pub(crate) fn signals(&self) -> &Signals {
        self.signals.as_ref().expect("joined with signals")
    }

    /// Merges the values of all ranks on rank 0, which is given the result. Values of later ranks
    /// are merged into those of earlier ones. Calls `meanwhile` while it waits.
    pub(crate) fn up<T: Serialize + DeserializeOwned>(
        &self,
        mut value: T,
        mut merge: impl FnMut(&mut T, T),
        meanwhile: &mut dyn FnMut(),
    ) -> Option<T> {
        for child in tree::children(self.rank, self.size) {
            let theirs = self.receive(child, Tag::Tree, meanwhile);
            merge(&mut value, theirs);
        }
        match tree::parent(self.rank) {
            None => Some(value),
            Some(parent) => {
                self.send(parent, Tag::Tree, &value);
                None
            }
        }
    }

    /// Brings the values of all ranks, in order, to rank 0.
    pub(crate) fn gather<T: Serialize + DeserializeOwned>(&self, value: T) -> Option<Vec<T>> {
        self.up(vec![value], |all, more| all.extend(more), &mut || {})
    }

    /// Gives every rank its own of the values that rank 0 has, one for each rank in order.
    ///
    /// # Panics
    /// Where rank 0 has another number of values than there are ranks.
    pub(crate) fn scatter<T: Serialize + DeserializeOwned>(&self, values: Option<Vec<T>>) -> T {
        let mut mine = match tree::parent(self.rank) {
            None => values.expect("rank 0 has the values"),
            Some(parent) => self.receive(parent, Tag::Tree, &mut || {}),
        };
        let subtree = tree::subtree(self.rank, self.size);
        assert_eq!(mine.len(), subtree.len(), "one value for each rank");
        // From the far end, so that what is left is always a front part.
        for child in tree::children(self.rank, self.size).rev() {
            let theirs = mine.split_off((child - self.rank) as usize);
            self.send(child, Tag::Tree, &theirs);
        }
        mine.pop().expect("this rank's own is left")
    }

    /// Gives every rank the value that rank 0 has.
    pub(crate) fn broadcast<T: Serialize + DeserializeOwned>(&self, value: Option<T>) -> T {
        let value = match tree::parent(self.rank) {
            None => value.expect("rank 0 has the value"),
            Some(parent) => self.receive(parent, Tag::Tree, &mut || {}),
        };
        for child in tree::children(self.rank, self.size).rev() {
            self.send(child, Tag::Tree, &value);
        }
        value
    }

    /// Goes on if all ranks can. Otherwise the first that cannot is heard, from rank 0, and all end
    /// with its code.
    pub(crate) fn agree<T>(&self, tried: Result<T, Failure>) -> Result<T, Stopped> {
        let trouble = tried.as_ref().err().map(|failure| self.trouble(failure));
        let first = self.up(
            trouble,
            |first, other| {
                if first.is_none() {
                    *first = other;
                }
            },
            &mut || {},
        );
        match (self.broadcast(first), tried) {
            (None, Ok(value)) => Ok(value),
            (None, Err(_)) => unreachable!("this rank's own trouble is among them"),
            (Some(trouble), _) => {
                if self.rank == 0 {
                    self.speak(&trouble);
                }
                Err(Stopped { code: trouble.code })
            }
        }
    }

    /// Waits until all ranks are here.
    pub(crate) fn barrier(&self) {
        let mut request = Some(self.world.immediate_barrier());
        self.wait(
            || {
                let pending = request.take().expect("put back below");
                pending
                    .test()
                    .map_err(|pending| request = Some(pending))
                    .ok()
            },
            &mut || {},
        );
    }

    /// Says why this rank cannot go on, and ends all ranks: for when they are busy with other
    /// things and cannot agree.
    pub(crate) fn abort(&self, failure: &Failure) -> ! {
        let trouble = self.trouble(failure);
        self.speak(&trouble);
        self.world.abort(i32::from(trouble.code))
    }

    /// Sends a value.
    pub(crate) fn send<T: Serialize>(&self, to: u32, tag: Tag, value: &T) {
        let bytes = postcard::to_stdvec(value).expect("plain values can be encoded");
        scope(|scope| {
            let to = self.world.process_at_rank(to as i32);
            let mut request = Some(to.immediate_send_with_tag(scope, &bytes[..], tag as i32));
            self.wait(
                || {
                    let pending = request.take().expect("put back below");
                    pending
                        .test()
                        .map_err(|pending| request = Some(pending))
                        .ok()
                },
                &mut || {},
            );
        });
    }

    /// Waits for a value, and calls `meanwhile` between looking for it.
    pub(crate) fn receive<T: DeserializeOwned>(
        &self,
        from: u32,
        tag: Tag,
        meanwhile: &mut dyn FnMut(),
    ) -> T {
        let process = self.world.process_at_rank(from as i32);
        let probe = || process.immediate_matched_probe_with_tag(tag as i32);
        let probed = self.wait(probe, meanwhile);
        self.take(from, probed)
    }

    /// As [`Comm::receive`] where the other rank is about to answer: for up to a millisecond it
    /// does not sleep.
    pub(crate) fn receive_at_once<T: DeserializeOwned>(&self, from: u32, tag: Tag) -> T {
        let process = self.world.process_at_rank(from as i32);
        let until = std::time::Instant::now() + LONGEST_NAP;
        while std::time::Instant::now() < until {
            if let Some(probed) = process.immediate_matched_probe_with_tag(tag as i32) {
                return self.take(from, probed);
            }
            thread::yield_now();
        }
        self.receive(from, tag, &mut || {})
    }

    fn take<T: DeserializeOwned>(
        &self,
        from: u32,
        (message, status): (mpi::point_to_point::Message, mpi::point_to_point::Status),
    ) -> T {
        let mut bytes = vec![0u8; status.count(u8::equivalent_datatype()) as usize];
        message.matched_receive_into(&mut bytes[..]);
        postcard::from_bytes(&bytes).unwrap_or_else(|error| {
            self.abort(&Failure::Failed(anyhow::anyhow!(
                "rank {from} sent what this program cannot read ({error}): run the same program on \
                 all machines"
            )))
        })
    }

    /// Ends the job where a signal has come that ends it.
    pub(crate) fn heed_signals(&self) {
        if let Some(signal) = self.signals.as_ref().and_then(Signals::came) {
            self.world.abort(i32::from(SIGNAL) + signal);
        }
    }

    /// Sleeps between looking, ever longer; a signal ends the job.
    fn wait<T>(&self, mut look: impl FnMut() -> Option<T>, meanwhile: &mut dyn FnMut()) -> T {
        let mut nap = SHORTEST_NAP;
        loop {
            if let Some(found) = look() {
                return found;
            }
            self.heed_signals();
            meanwhile();
            thread::sleep(nap);
            nap = (2 * nap).min(LONGEST_NAP);
        }
    }

    fn trouble(&self, failure: &Failure) -> Trouble {
        Trouble {
            rank: self.rank,
            host: self.host.clone(),
            code: failure.code(),
            message: failure.message(),
        }
    }

    fn speak(&self, trouble: &Trouble) {
        let Trouble {
            rank,
            host,
            message,
            ..
        } = trouble;
        let Some(message) = message else {
            return;
        };
        let line = match self.size {
            1 => format!("error: {message}"),
            _ => format!("error: rank {rank} on {host}: {message}"),
        };
        crate::say::line(&line);
    }
}

fn host() -> io::Result<String> {
    Ok(nix::unistd::gethostname()?.to_string_lossy().into_owned())
}
