//! A rank that serves: takes calls from rank 0, has its own pool run them, and sends results back.
//!
//! MPI gives no descriptor to wait for. So a rank waits for its workers, and looks for messages in between:
//! at once while there is much to do, once a millisecond where nothing comes.

mod arrays;
mod slot;
mod waiting;
mod work;

use crate::fold::Fold;
use crate::link::{Link, Message};
use crate::protocol::{Down, Ready, Settings, Trouble, Up, head, split};
use crate::start::start_pool;
use crate::tree;
use handoff::Shutdown;
use std::time::{Duration, Instant};
use work::Work;

/// The shortest time between two looks for messages; the longest while they come often, and at all.
const SHORTEST_NAP: Duration = Duration::from_micros(20);
const AWAKE_NAP: Duration = Duration::from_micros(50);
const LONGEST_NAP: Duration = Duration::from_millis(1);
/// Messages that are taken in before anything else is done.
const MESSAGES: usize = 64;
/// How often a rank says that it is there; and no more seldom than this part of the time after which it counts
/// as lost.
const ALIVE: Duration = Duration::from_secs(2);
const ALIVE_PART: u32 = 4;
/// For so long after a message others are expected soon.
const AWAKE: Duration = Duration::from_millis(10);

/// A rank other than 0.
pub(crate) struct Server {
    link: Link,
    /// Its share of its machine's processors.
    cores: usize,
    names: Vec<&'static str>,
    work: Option<Work>,
    /// What ranks below have sent before rank 0's word came.
    early: Vec<(Option<Vec<u8>>, Option<Trouble>)>,
    /// When and how often it says that it is there.
    said: Instant,
    alive: Duration,
    ended: bool,
}

impl Server {
    pub(crate) fn new(link: Link, cores: usize) -> Server {
        Server {
            link,
            cores,
            names: Vec::new(),
            work: None,
            said: Instant::now(),
            alive: ALIVE,
            early: Vec::new(),
            ended: false,
        }
    }

    /// Serves until the job ends.
    pub(crate) fn run(mut self) {
        let mut nap = SHORTEST_NAP;
        let mut heard = Instant::now();
        while !self.ended {
            // Not for as long as messages come: there are workers, and rank 0 waits for a word.
            for _ in 0..MESSAGES {
                let Some((from, message)) = self.link.receive() else {
                    break;
                };
                self.handle(from, &message);
                self.link.dealt_with(message);
                heard = Instant::now();
                nap = SHORTEST_NAP;
            }
            if self.work.is_some() && self.said.elapsed() >= self.alive {
                self.said = Instant::now();
                self.link.send(0, Message::of(head(&Up::Alive)));
            }
            let mut busy = !self.link.pump();
            if self.link.take_lost().contains(&0) {
                // Nobody is left to serve.
                std::process::exit(1);
            }
            if let Some(work) = &mut self.work {
                busy |= work.advance(&mut self.link, &self.names);
                self.link.pump();
                let wait = if busy { Duration::ZERO } else { nap };
                if let Err(error) = work.drive(wait) {
                    self.give_up(&error);
                }
            } else if !busy {
                std::thread::sleep(nap);
            }
            let longest = match heard.elapsed() < AWAKE {
                true => AWAKE_NAP,
                false => LONGEST_NAP,
            };
            nap = match busy {
                true => SHORTEST_NAP,
                false => (2 * nap).min(longest),
            };
        }
        self.work = None;
        self.link.flush(|_, _| {});
    }

    fn handle(&mut self, from: usize, message: &[u8]) {
        if from > 0 {
            let Some((up, body)) = split::<Up>(message) else {
                return self.unreadable(from);
            };
            if let Up::Merged { value, trouble, .. } = up {
                let value = value.map(|_| body.to_vec());
                match self.work.as_mut().and_then(Work::fold) {
                    Some(fold) => fold.take_below(value, trouble),
                    None => self.early.push((value, trouble)),
                }
            }
            return;
        }
        let Some((down, body)) = split::<Down>(message) else {
            return self.unreadable(from);
        };
        match (down, &mut self.work) {
            (Down::Start(settings), _) => self.start(&settings),
            (Down::Names(names), _) => {
                // For as long as the program runs; a program has a fixed number of tasks.
                let names = names
                    .into_iter()
                    .map(|name| &*Box::leak(name.into_boxed_str()));
                self.names.extend(names);
            }
            (Down::End { whole }, _) => {
                self.ended = true;
                if !whole {
                    // Nobody would come to leave it together.
                    self.link.comm().abandon();
                }
            }
            (Down::Stop { drain }, work) => {
                let how = if drain {
                    Shutdown::Drain
                } else {
                    Shutdown::Now
                };
                if let Some(work) = work.take() {
                    work.shutdown(how);
                }
                self.link.send(0, Message::of(head(&Up::Stopped)));
            }
            (Down::Fold { merge, from }, Some(work)) => {
                let comm = self.link.comm();
                let below = tree::children(comm.rank(), comm.size()).count();
                work.fold_by(Fold::new(merge, from, below));
                for (value, trouble) in self.early.drain(..) {
                    if let Some(fold) = work.fold() {
                        fold.take_below(value, trouble);
                    }
                }
            }
            (down, Some(work)) => work.take(down, body, &self.names, &mut self.link),
            (_, None) => {}
        }
    }

    fn start(&mut self, settings: &Settings) {
        self.alive = ALIVE.min(settings.rank_timeout / ALIVE_PART);
        let up = match start_pool(settings, self.cores) {
            Ok(pool) => {
                let workers = pool.workers();
                let comm = self.link.comm();
                let place = format!("rank {} on {}", comm.rank(), comm.host());
                let ready = Ready {
                    host: comm.host().to_owned(),
                    workers,
                    fingerprint: handoff::elsewhere::fingerprint(),
                    version: pool::VERSION.to_owned(),
                };
                self.work = Some(Work::new(pool, place));
                Up::Ready(ready)
            }
            Err(error) => Up::Refused(error.to_string()),
        };
        self.link.send(0, Message::of(head(&up)));
    }

    /// The pool cannot go on: all its calls have failed, and rank 0 hears of each.
    fn give_up(&mut self, error: &handoff::Error) {
        if let Some(work) = &mut self.work {
            work.fail_all(error);
        }
    }

    fn unreadable(&self, from: usize) {
        let why = format!(
            "rank {from} sent what this program cannot read: run the same program on all machines"
        );
        self.link
            .comm()
            .abort(&coordinator::exit::Failure::Failed(anyhow::anyhow!(why)));
    }
}
