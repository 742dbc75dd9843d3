//! A round: what is run and what is done to it, derived from the seed and the round's number alone.

use std::fmt;

use fastrand::Rng;
use report::StartMethod;

use super::fault::{Fault, Injection, Mark};
use super::surrounding::Surrounding;
use super::work::{LoadWork, SumWork, Work};

/// Lines on which faults wait, of `coordinator sum` and of `mixed-load`.
const SUM_MARKS: [Mark; 5] = [
    Mark::Begin,
    Mark::Line("Loaded "),
    Mark::Line("Started "),
    Mark::Line("Dispatches batches."),
    Mark::Line("Has all results."),
];
const LOAD_MARKS: [Mark; 5] = [
    Mark::Begin,
    Mark::Line("Started "),
    Mark::Line("mapped"),
    Mark::Line("mapped unordered"),
    Mark::Line("streamed"),
];
/// How a program says that all its workers are ready.
pub(crate) const STARTED: Mark = Mark::Line("Started ");

/// What keeps the numbers that choose surroundings apart from those that choose the rest.
const SURROUNDINGS: u64 = 0x5355_5252_4F55_4E44;

/// One round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Round {
    /// Its number, from 0.
    pub(crate) number: u64,
    /// What is run.
    pub(crate) work: Work,
    /// How its workers misbehave, if they do: the word in `HANDOFF_FAULTS`.
    pub(crate) dice: Option<Dice>,
    /// Which of its outputs nobody reads.
    pub(crate) closed: Option<Closed>,
    /// Room in `/dev/shm` in MB, where it is small.
    pub(crate) small_shm_mb: Option<u64>,
    /// What is unusual about how it is started.
    pub(crate) surroundings: Vec<Surrounding>,
    /// What is done to it.
    pub(crate) injections: Vec<Injection>,
}

/// How workers misbehave: what the package `faults` reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dice {
    seed: u64,
    per_mille: u16,
    /// The names of one or two faults.
    pub(crate) faults: Vec<&'static str>,
}

/// An output whose reader is gone from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    Stdout,
    Stderr,
}

impl Round {
    /// The round of that number.
    pub(crate) fn derive(seed: u64, number: u64) -> Round {
        // The generator's own mixing keeps neighbouring seeds apart, once they differ in more than
        // their last bits.
        let mut random = Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number);
        random.u64(..);
        let work = if random.u8(0..4) == 0 {
            Work::Load(LoadWork::derive(&mut random))
        } else {
            Work::Sum(SumWork::derive(&mut random))
        };
        let mut round = Round {
            number,
            work,
            dice: None,
            closed: None,
            small_shm_mb: None,
            surroundings: Vec::new(),
            injections: Vec::new(),
        };
        // One round in ten is left alone: what goes wrong then was not done by us.
        let faults = [0, 1, 1, 1, 1, 1, 2, 2, 2, 3][random.usize(0..10)];
        for _ in 0..faults {
            round.add_fault(&mut random);
        }
        round.surround(seed, number);
        round
    }

    /// Adds what was thought of later, by numbers of its own: everything else of a round is what the
    /// same seed gave before.
    fn surround(&mut self, seed: u64, number: u64) {
        let mut random = Rng::with_seed(seed.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ SURROUNDINGS);
        random = Rng::with_seed(random.u64(..) ^ number);
        random.u64(..);
        // Helpers, which are not to be surprised, make a small /dev/shm. They execute the program later.
        if self.small_shm_mb.is_some() {
            return;
        }
        let is_sum = matches!(self.work, Work::Sum(_));
        self.surroundings = Surrounding::derive(&mut random, is_sum);
        match random.u8(0..48) {
            0 => self.inject(Fault::RemovePrograms, &mut random),
            1 => self.inject(Fault::ReplacePrograms, &mut random),
            _ => {}
        }
    }

    /// Everything that can be asked for with `--only`: what is run, and how, and what is done.
    pub(crate) fn tags(&self) -> Vec<&'static str> {
        let mut tags = match &self.work {
            Work::Sum(sum) => {
                let mut tags = vec!["sum", sum.start_method.as_str(), sum.transport.as_str()];
                tags.extend(sum.sandbox.then_some("sandbox"));
                tags
            }
            Work::Load(load) if load.background => {
                vec!["load", load.start_method.as_str(), "background"]
            }
            Work::Load(load) => vec!["load", load.start_method.as_str()],
        };
        let kinds = self.kinds();
        tags.extend(kinds.is_empty().then_some("calm"));
        tags.extend(kinds);
        tags
    }

    /// The kinds of its injections, one for each injection.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<_> = self.injections.iter().map(|one| one.fault.kind()).collect();
        kinds.extend(self.conditions());
        kinds
    }

    /// What is wrong from the start on.
    pub(crate) fn conditions(&self) -> Vec<&'static str> {
        let mut kinds = Vec::new();
        if let Some(dice) = &self.dice {
            kinds.extend(&dice.faults);
        }
        kinds.extend(self.closed.map(|closed| match closed {
            Closed::Stdout => "closed-stdout",
            Closed::Stderr => "closed-stderr",
        }));
        kinds.extend(self.small_shm_mb.map(|_| "small-shm"));
        kinds.extend(self.surroundings.iter().map(|one| one.kind()));
        kinds
    }

    /// Whether what is wrong from the start on may cost the answer.
    pub(crate) fn may_fail_from_the_start(&self) -> bool {
        self.dice.is_some()
            || self.closed == Some(Closed::Stdout)
            || self.small_shm_mb.is_some()
            || self
                .surroundings
                .iter()
                .any(|one| one.may_cost_the_answer())
    }

    /// Whether nobody can read this output, descriptor 1 or 2.
    pub(crate) fn is_unread(&self, descriptor: i32) -> bool {
        let closed = match self.closed {
            Some(Closed::Stdout) => descriptor == libc::STDOUT_FILENO,
            Some(Closed::Stderr) => descriptor == libc::STDERR_FILENO,
            None => false,
        };
        closed || self.surroundings.iter().any(|one| one.closes(descriptor))
    }

    /// Whether something is done to the programs' files.
    pub(crate) fn harms_programs(&self) -> bool {
        self.injections
            .iter()
            .any(|injection| injection.fault.is_to_programs())
    }

    /// Whether something is done to the dataset, which then has to be a copy.
    pub(crate) fn harms_data(&self) -> bool {
        self.injections
            .iter()
            .any(|injection| injection.fault.is_to_data())
    }

    /// The start method of its workers.
    pub(crate) fn start_method(&self) -> StartMethod {
        match &self.work {
            Work::Sum(sum) => sum.start_method,
            Work::Load(load) => load.start_method,
        }
    }

    /// Adds one fault of a kind that makes sense here; where chance offers none, nothing.
    fn add_fault(&mut self, random: &mut Rng) {
        let is_sum = matches!(self.work, Work::Sum(_));
        let method = self.start_method();
        let fault = match random.u8(0..100) {
            0..18 => Fault::SignalWorker {
                pick: random.u32(..),
                signal: [libc::SIGKILL, libc::SIGKILL, libc::SIGTERM, libc::SIGSEGV]
                    [random.usize(0..4)],
            },
            18..28 => Fault::StopWorker {
                pick: random.u32(..),
                millis: random.u64(1..300),
            },
            28..36 if method == StartMethod::ForkServer => {
                if random.bool() {
                    Fault::KillForkserver
                } else {
                    let millis = random.u64(1..300);
                    Fault::StopForkserver { millis }
                }
            }
            28..46 => Fault::SignalProgram {
                signal: [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGKILL]
                    [random.usize(0..4)],
            },
            46..49 => Fault::InterruptTwice,
            49..52 => Fault::KillGuardian,
            52..59 => Fault::StopProgram {
                signal: [libc::SIGSTOP, libc::SIGTSTP][random.usize(0..2)],
                millis: random.u64(1..300),
            },
            59..70 if is_sum => match random.u8(0..4) {
                0 => Fault::TruncateData {
                    per_mille: random.u64(0..1000),
                },
                1 => Fault::ReplaceData,
                2 => Fault::RemoveData,
                _ => Fault::TouchData,
            },
            70..76 => {
                let closed = [Closed::Stdout, Closed::Stderr][random.usize(0..2)];
                self.closed = Some(closed);
                return;
            }
            76..80 => {
                self.small_shm_mb = Some(random.u64(1..32));
                return;
            }
            _ => return self.make_faulty(random),
        };
        self.inject(fault, random);
    }

    fn inject(&mut self, fault: Fault, random: &mut Rng) {
        let marks = match self.work {
            Work::Sum(_) => SUM_MARKS,
            Work::Load(_) => LOAD_MARKS,
        };
        self.injections.push(Injection {
            mark: marks[random.usize(0..marks.len())],
            // Mostly at once, at times long after: most phases are short.
            delay_us: random.u64(0..200) << random.u64(0..11),
            fault,
        });
    }

    fn make_faulty(&mut self, random: &mut Rng) {
        const FAULTS: [&str; 6] = ["hang", "crash", "truncate", "lie", "flood", "slow"];
        let is_load = matches!(self.work, Work::Load(_));
        // The coordinator forks itself, and it has no faults to fork.
        if !is_load && self.start_method() == StartMethod::Fork {
            return;
        }
        let mut faults = vec![FAULTS[random.usize(0..FAULTS.len())]];
        if random.bool() {
            faults.push(FAULTS[random.usize(0..FAULTS.len())]);
            faults.sort_unstable();
            faults.dedup();
        }
        // A task that never ends is ended by its time limit, each of them: those must be few.
        let waits = faults
            .iter()
            .any(|fault| matches!(*fault, "hang" | "truncate"));
        let most = match (is_load, waits) {
            (true, true) => 8,
            (true, false) => 50,
            (false, _) => 300,
        };
        self.dice = Some(Dice {
            seed: random.u64(0..1_000_000),
            per_mille: random.u16(1..=most),
            faults,
        });
        match &mut self.work {
            Work::Sum(sum) if waits => sum.timeout_ms = Some(random.u64(300..1000)),
            Work::Load(load) if waits => load.tasks = load.tasks.min(400),
            _ => {}
        }
    }
}

impl fmt::Display for Dice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seed, per_mille) = (self.seed, self.per_mille);
        write!(formatter, "{seed}:{per_mille}:{}", self.faults.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use report::Transport;
    use std::collections::BTreeSet;

    #[test]
    fn a_round_is_the_same_again_and_no_other() {
        for number in 0..200 {
            assert_eq!(Round::derive(7, number), Round::derive(7, number));
        }
        assert_ne!(Round::derive(7, 1).work, Round::derive(8, 1).work);
        assert_ne!(Round::derive(7, 1).work, Round::derive(7, 2).work);
    }

    #[test]
    fn only_what_can_work_is_run() {
        for number in 0..3000 {
            let round = Round::derive(1, number);
            match &round.work {
                Work::Sum(sum) => {
                    let fork = sum.start_method == StartMethod::Fork;
                    assert!(sum.transport != Transport::Inherit || fork, "{round:?}");
                    assert!(round.dice.is_none() || !fork, "{round:?}");
                    let helped = round.small_shm_mb.is_some();
                    assert!(!helped || round.surroundings.is_empty(), "{round:?}");
                    assert!(!helped || !round.harms_programs(), "{round:?}");
                }
                Work::Load(load) => {
                    let fork = load.start_method == StartMethod::Fork;
                    assert!(!load.background || !fork, "{round:?}");
                    assert!(!round.harms_data(), "{round:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_from_the_start_may_cost_the_answer_or_not() {
        let with = |surroundings: &[Surrounding]| {
            let mut round = Round::derive(1, 0);
            (round.dice, round.closed, round.small_shm_mb) = (None, None, None);
            round.surroundings = surroundings.to_vec();
            round
        };
        let free = with(&[Surrounding::IgnoredSigchld, Surrounding::Closed(&[0, 2])]);
        assert!(!free.may_fail_from_the_start());
        assert_eq!(free.conditions(), ["ignored-sigchld", "closed-descriptors"]);
        assert!(free.is_unread(2) && !free.is_unread(1));
        let costly = with(&[Surrounding::StrictUmask, Surrounding::FewFiles(40)]);
        assert!(costly.may_fail_from_the_start());
        let mut closed = with(&[]);
        assert!(!closed.may_fail_from_the_start());
        closed.closed = Some(Closed::Stdout);
        assert!(closed.may_fail_from_the_start() && closed.is_unread(1));
    }

    #[test]
    fn everything_comes_up_before_long() {
        let tags: BTreeSet<&str> = (0..1000)
            .flat_map(|number| Round::derive(3, number).tags())
            .collect();
        let expected = "sum load background fork spawn forkserver bytes serde shm mmap inherit \
            kill-worker terminate-worker crash-worker stop-worker kill-forkserver \
            kill-guardian stop-forkserver interrupt terminate hang-up kill-program \
            interrupt-twice suspend-program stop-program truncate-data replace-data \
            remove-data touch-data closed-stdout closed-stderr small-shm \
            ignored-sigchld blocked-signals closed-descriptors few-files small-files \
            strict-umask bare-environment remove-programs replace-programs sandbox \
            hang crash truncate lie flood slow";
        for tag in expected.split(' ') {
            assert!(tags.contains(tag), "{tag} never comes up");
        }
    }
}
