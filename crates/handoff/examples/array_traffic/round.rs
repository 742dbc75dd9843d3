//! One pool, and what is done with it.

use crate::Options;
use crate::census::{self, Census};
use crate::flights::{Flight, Live, explained};
use crate::pattern::Pattern;
use crate::random::Random;
use crate::tally::Tally;
use crate::tasks::{check, clear, crash, keep, keep_half, make, make_mut, pass, review, rewrite};
use handoff::{Array, ArrayMut, Call, Handle, Pool, Shutdown, StartMethod, What};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The most tasks that have no result.
const FLIGHTS: usize = 8;
/// How long a pool may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest array that a worker keeps.
const KEPT_BYTES: usize = 16 << 20;

pub(crate) struct Round<'a> {
    options: &'a Options,
    random: Random,
    pool: Pool,
    /// Workers that are ready.
    ready: Arc<Mutex<BTreeSet<u32>>>,
    workers: usize,
    forks: bool,
    /// The longest array of this round.
    max_bytes: u64,
    live: Vec<Live>,
    flights: Vec<Flight>,
}

impl<'a> Round<'a> {
    pub(crate) fn start(options: &'a Options, number: u64) -> Result<Round<'a>, String> {
        let mut random = Random::new(options.seed.wrapping_mul(1_000_003).wrapping_add(number));
        let methods = [
            StartMethod::Fork,
            StartMethod::Spawn,
            StartMethod::ForkServer,
        ];
        let method = methods[random.below(methods.len())].clone();
        let forks = method == StartMethod::Fork;
        let workers = 1 + random.below(4);
        // Short arrays are more in a hurry.
        let max_bytes = (options.max_bytes >> [0, 0, 4, 8][random.below(4)]).max(1);
        let ready = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = Arc::clone(&ready);
        let mut builder = Pool::builder().start_method(method).workers(workers);
        // A task may return several of the longest arrays.
        builder = builder.output_bound(8 << 30);
        if random.one_in(3) {
            // Little enough to be full now and then.
            builder = builder.arena_bytes(max_bytes.max(1 << 20));
        }
        let builder = builder.watch(move |event| {
            let mut ready = seen.lock().expect("nothing panics with it");
            match event.what {
                What::Ready => drop(ready.insert(event.pid)),
                What::Ended { .. } => drop(ready.remove(&event.pid)),
                _ => {}
            }
        });
        let pool = builder.start().map_err(|error| error.to_string())?;
        Ok(Round {
            options,
            random,
            pool,
            ready,
            workers,
            forks,
            max_bytes,
            live: Vec::new(),
            flights: Vec::new(),
        })
    }

    /// Acts at random, drops everything, and looks at what is left.
    pub(crate) fn play(mut self, tally: &mut Tally) -> Result<(), String> {
        let before = Census::of(&self.settled()?);
        for _ in 0..self.options.steps {
            self.act(tally)?;
            tally.most_bytes = tally.most_bytes.max(self.pool.counters().arrays);
        }
        while !self.flights.is_empty() {
            self.land(tally)?;
        }
        // Tasks whose results nobody wants go on, and some of them keep arrays.
        self.drive_until(|pool| {
            let counters = pool.counters();
            counters.queued + counters.running == 0
        })?;
        for result in self.pool.broadcast(clear()).map_err(|it| it.to_string())? {
            if let Err(error) = result {
                explained(&error, tally)?;
            }
        }
        // Else, what lives outlives the pool. A worker that was forked while arrays lived holds them to its end.
        if !self.forks && self.random.one_in(2) {
            self.live.clear();
            let workers = self.settled()?;
            before.wait(&mut self.pool, &workers, tally)?;
        }
        let counters = self.pool.counters();
        tally.died += counters.died;
        tally.retried += counters.retried;
        let ended = self.pool.shutdown(Shutdown::Drain);
        ended.map_err(|error| error.to_string())?;
        self.live.iter().try_for_each(|live| live.check(tally))?;
        self.live.clear();
        match census::held()? {
            0 => Ok(()),
            held => Err(format!("{held} bytes are held, and nothing lives")),
        }
    }

    /// Waits until all workers are ready; their processes.
    fn settled(&mut self) -> Result<Vec<u32>, String> {
        let (ready, workers) = (Arc::clone(&self.ready), self.workers);
        let ready = move || ready.lock().expect("nothing panics with it").clone();
        self.drive_until(|_| ready().len() == workers)?;
        Ok(ready().into_iter().collect())
    }

    fn drive_until(&mut self, holds: impl Fn(&Pool) -> bool) -> Result<(), String> {
        let began = Instant::now();
        while !holds(&self.pool) {
            if began.elapsed() > PATIENCE {
                return Err(format!(
                    "still waiting: {:?}, ready {:?}",
                    self.pool.counters(),
                    self.ready
                ));
            }
            let driven = self.pool.drive(Some(Duration::from_millis(50)));
            driven.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn act(&mut self, tally: &mut Tally) -> Result<(), String> {
        if self.flights.len() >= FLIGHTS {
            return self.land(tally);
        }
        match self.random.below(100) {
            0..=11 => self.make_here(tally),
            12..=23 => self.make_there(tally),
            24..=40 => self.check(tally),
            41..=52 => self.hand_over(tally),
            53..=58 => self.hand_over_parts(tally),
            59..=64 => self.pass(tally),
            65..=70 => self.keep(tally),
            71..=76 => {
                tally.act("review what is kept");
                let call = review(self.random.below(1000), self.random.one_in(2));
                let handle = self.submit(call)?;
                self.flights.push(Flight::Reviewed(handle));
                Ok(())
            }
            77..=82 => self.drop_some(tally),
            83 => self.kill(tally),
            84 => self.crash(tally),
            _ => self.land(tally),
        }
    }

    fn submit<R>(&mut self, call: Call<R>) -> Result<Handle<R>, String>
    where
        R: DeserializeOwned + Send + 'static,
    {
        self.pool.submit(call).map_err(|error| error.to_string())
    }

    fn length(&mut self, tally: &mut Tally) -> usize {
        let len = self.random.length(self.max_bytes);
        tally.longest = tally.longest.max(len);
        // What lives makes room.
        let mut bytes: u64 = self.live.iter().map(|live| live.len() as u64).sum();
        while bytes + len as u64 > self.options.live_bytes && !self.live.is_empty() {
            let place = self.random.below(self.live.len());
            bytes -= self.live.swap_remove(place).len() as u64;
        }
        len
    }

    fn pattern(&mut self) -> Pattern {
        Pattern::new(self.random.next())
    }

    fn make_here(&mut self, tally: &mut Tally) -> Result<(), String> {
        tally.act("make here");
        let (len, pattern) = (self.length(tally), self.pattern());
        let mut array = match ArrayMut::zeroed(len) {
            Ok(array) => array,
            Err(error) => return explained(&error.into(), tally),
        };
        pattern.fill(&mut array);
        self.live.push(match self.random.one_in(2) {
            true => Live::Own(array, pattern),
            false => Live::Frozen(array.freeze(), pattern),
        });
        Ok(())
    }

    fn make_there(&mut self, tally: &mut Tally) -> Result<(), String> {
        tally.act("make in a worker");
        let (len, pattern) = (self.length(tally), self.pattern());
        let flight = match self.random.one_in(3) {
            true => Flight::Own(self.submit(make_mut(len, pattern))?, len, pattern),
            false => Flight::Made(self.submit(make(len, pattern))?, len, pattern),
        };
        self.flights.push(flight);
        Ok(())
    }

    /// One of those that live and are frozen, or a slice of it.
    fn some_frozen(&mut self) -> Option<(Array<u8>, Pattern)> {
        let frozen: Vec<usize> = (0..self.live.len())
            .filter(|&place| matches!(self.live[place], Live::Frozen(..)))
            .collect();
        let place = *frozen.get(self.random.below(frozen.len().max(1)))?;
        let Live::Frozen(array, pattern) = &self.live[place] else {
            return None;
        };
        let (array, pattern) = (array.clone(), *pattern);
        if self.random.one_in(2) {
            return Some((array, pattern));
        }
        let start = self.random.below(array.len() + 1);
        let end = start + self.random.below(array.len() - start + 1);
        Some((array.slice(start..end), pattern.from(start)))
    }

    fn some_own(&mut self) -> Option<(ArrayMut<u8>, Pattern)> {
        let own: Vec<usize> = (0..self.live.len())
            .filter(|&place| matches!(self.live[place], Live::Own(..)))
            .collect();
        let place = *own.get(self.random.below(own.len().max(1)))?;
        match self.live.swap_remove(place) {
            Live::Own(array, pattern) => Some((array, pattern)),
            Live::Frozen(..) => None,
        }
    }

    fn check(&mut self, tally: &mut Tally) -> Result<(), String> {
        let Some((array, pattern)) = self.some_frozen() else {
            return Ok(());
        };
        tally.act("check in a worker");
        let len = array.len();
        let handle = self.submit(check(array, pattern))?;
        self.flights.push(Flight::Checked(handle, len));
        Ok(())
    }

    fn hand_over(&mut self, tally: &mut Tally) -> Result<(), String> {
        let Some((array, old)) = self.some_own() else {
            return Ok(());
        };
        tally.act("hand over");
        let (len, new) = (array.len(), self.pattern());
        let call = rewrite(array, old, new);
        let call = match self.random.one_in(2) {
            true => call.retries(3),
            false => call,
        };
        let handle = self.submit(call)?;
        self.flights.push(Flight::Own(handle, len, new));
        Ok(())
    }

    fn hand_over_parts(&mut self, tally: &mut Tally) -> Result<(), String> {
        let Some((array, old)) = self.some_own() else {
            return Ok(());
        };
        tally.act("hand over parts");
        let (len, new) = (array.len(), self.pattern());
        let each = len.div_ceil(1 + self.random.below(5)).max(1);
        let mut handles = Vec::new();
        for (n, part) in array.split(each).into_iter().enumerate() {
            let place = n * each;
            handles.push(self.submit(rewrite(part, old.from(place), new.from(place)))?);
        }
        self.flights.push(Flight::Parts(handles, len, new));
        Ok(())
    }

    fn pass(&mut self, tally: &mut Tally) -> Result<(), String> {
        tally.act("pass several");
        let count = self.random.below(5);
        let arrays: Vec<_> = (0..count).filter_map(|_| self.some_frozen()).collect();
        let len = self.random.length(self.max_bytes.min(1 << 20));
        let new = (len, self.pattern());
        let handle = self.submit(pass(arrays, new))?;
        self.flights.push(Flight::Passed(handle));
        Ok(())
    }

    fn keep(&mut self, tally: &mut Tally) -> Result<(), String> {
        if self.random.one_in(2) {
            let Some((array, pattern)) = self.some_own() else {
                return Ok(());
            };
            if array.len() > KEPT_BYTES {
                self.live.push(Live::Own(array, pattern));
                return Ok(());
            }
            tally.act("keep half");
            let len = array.len() / 2;
            let handle = self.submit(keep_half(array, pattern))?;
            self.flights.push(Flight::Own(handle, len, pattern));
            return Ok(());
        }
        let Some((array, pattern)) = self.some_frozen() else {
            return Ok(());
        };
        if array.len() <= KEPT_BYTES {
            tally.act("keep");
            let handle = self.submit(keep(array, pattern))?;
            self.flights.push(Flight::Kept(handle));
        }
        Ok(())
    }

    fn drop_some(&mut self, tally: &mut Tally) -> Result<(), String> {
        if self.random.one_in(2) && !self.live.is_empty() {
            tally.act("drop an array");
            let place = self.random.below(self.live.len());
            let live = self.live.swap_remove(place);
            return live.check(tally);
        }
        if self.flights.is_empty() {
            return Ok(());
        }
        let place = self.random.below(self.flights.len());
        let flight = self.flights.swap_remove(place);
        if self.random.one_in(2) {
            tally.act("cancel");
            flight.cancel(&mut self.pool);
        } else {
            tally.act("drop a result");
        }
        Ok(())
    }

    fn kill(&mut self, tally: &mut Tally) -> Result<(), String> {
        let ready: Vec<u32> = {
            let ready = self.ready.lock().expect("nothing panics with it");
            ready.iter().copied().collect()
        };
        if !ready.is_empty() {
            tally.act("kill a worker");
            tally.killed += 1;
            let pid = ready[self.random.below(ready.len())];
            // It may have ended.
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        }
        Ok(())
    }

    fn crash(&mut self, tally: &mut Tally) -> Result<(), String> {
        if let Some((array, _)) = self.some_own() {
            tally.act("abort with an array");
            let handle = self.submit(crash(array))?;
            self.flights.push(Flight::Crashed(handle));
        }
        Ok(())
    }

    fn land(&mut self, tally: &mut Tally) -> Result<(), String> {
        if self.flights.is_empty() {
            return Ok(());
        }
        let place = self.random.below(self.flights.len());
        let flight = self.flights.swap_remove(place);
        let landed = flight.land(&mut self.pool, tally)?;
        self.live.extend(landed);
        Ok(())
    }
}
