//! Tiny tasks: the pool as a library beside other process pools, round by round.
//!
//! A round runs every program once, so each of ours meets each peer in the same state of the
//! machine. The programs check every answer themselves; one that fails makes its rows invalid.

use std::process::Command;

use report::{AloneLine, AloneRow, PoolLine, RateLine, RateRow, StartMethod};

use super::run::{Job, Trouble};
use crate::stats::spread;
use harness::interrupt::{Interrupt, Interrupted};
use harness::process::{self, RunError};

/// Tasks of one of our runs, all queued at once.
const OUR_TASKS: u64 = 1_000_000;

/// A peer that runs tiny tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TinyPeer {
    /// Its name.
    pub(crate) name: &'static str,
    /// What to run.
    program: Program,
    /// Tasks of one run: some seconds' worth.
    tasks: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    /// `tiny_tasks.py`.
    Python {
        executor: &'static str,
        /// Tasks that one message carries, where it is ours to say.
        chunk: u32,
        /// A package of `requirements.txt`.
        needs: &'static str,
    },
    /// The binary `peer-procspawn`.
    Procspawn,
}

/// Every peer that runs tiny tasks.
pub(crate) const PEERS: [TinyPeer; 5] = [
    TinyPeer {
        name: "tiny-executor",
        program: python("executor", 1, "numpy"),
        tasks: 20_000,
    },
    TinyPeer {
        name: "tiny-executor-chunks-of-256",
        program: python("executor", 256, "numpy"),
        tasks: 1_000_000,
    },
    TinyPeer {
        name: "tiny-loky",
        program: python("loky", 1, "joblib"),
        tasks: 20_000,
    },
    // It batches by itself.
    TinyPeer {
        name: "tiny-joblib",
        program: python("joblib", 1, "joblib"),
        tasks: 1_000_000,
    },
    TinyPeer {
        name: "tiny-procspawn",
        program: Program::Procspawn,
        tasks: 50_000,
    },
];

const fn python(executor: &'static str, chunk: u32, needs: &'static str) -> Program {
    Program::Python {
        executor,
        chunk,
        needs,
    }
}

impl TinyPeer {
    /// The package that it needs beside Python.
    pub(crate) fn needs(&self) -> Option<&'static str> {
        match self.program {
            Program::Python { needs, .. } => Some(needs),
            Program::Procspawn => None,
        }
    }

    fn command(&self, job: &Job<'_>, workers: u32) -> Command {
        let mut command = match self.program {
            Program::Python {
                executor, chunk, ..
            } => {
                let mut command = job.python.script("tiny_tasks.py");
                command.args(["--executor", executor, "--chunk", &chunk.to_string()]);
                command
            }
            Program::Procspawn => job.binaries.command("peer-procspawn"),
        };
        sized(&mut command, self.tasks, workers);
        command
    }
}

/// What the rounds so far have given.
#[derive(Debug)]
pub(crate) struct Rounds {
    workers: u32,
    ours: Vec<Runs<StartMethod, PoolLine>>,
    /// Tasks a second.
    theirs: Vec<Runs<TinyPeer, f64>>,
}

/// What one program has given, round by round.
#[derive(Debug)]
struct Runs<P, F> {
    program: P,
    figures: Vec<F>,
    void: Option<String>,
}

impl<P, F> Runs<P, F> {
    fn new(program: P) -> Runs<P, F> {
        Runs {
            program,
            figures: Vec::new(),
            void: None,
        }
    }

    /// Runs the program once more, unless it has failed before. A warm-up's figure is not kept.
    fn again(
        &mut self,
        warm_up: bool,
        run: impl FnOnce(&P) -> Result<F, Trouble>,
    ) -> Result<(), Interrupted> {
        if self.void.is_some() {
            return Ok(());
        }
        match run(&self.program) {
            Ok(_) if warm_up => {}
            Ok(figure) => self.figures.push(figure),
            Err(Trouble::Run(RunError::Interrupted(interrupted))) => return Err(interrupted),
            Err(trouble) => {
                self.figures.clear();
                self.void = Some(trouble.to_string());
            }
        }
        Ok(())
    }
}

impl Rounds {
    /// No round yet, of all our start methods and these peers.
    pub(crate) fn new(peers: &[TinyPeer], workers: u32) -> Rounds {
        Rounds {
            workers,
            ours: StartMethod::ALL.map(Runs::new).into(),
            theirs: peers.iter().copied().map(Runs::new).collect(),
        }
    }

    /// Runs every program once; round 0 is the warm-up.
    ///
    /// # Errors
    ///
    /// Only where a signal asked to stop; a run that fails makes its program's rows invalid.
    pub(crate) fn run(
        &mut self,
        round: u32,
        job: &Job<'_>,
        interrupt: &Interrupt,
    ) -> Result<(), Interrupted> {
        let (warm_up, workers) = (round == 0, self.workers);
        let programs = self.ours.len() + self.theirs.len();
        for program in order(round, programs) {
            match program.checked_sub(self.ours.len()) {
                None => self.ours[program].again(warm_up, |start_method| {
                    our_line(*start_method, workers, job, interrupt)
                })?,
                Some(peer) => self.theirs[peer]
                    .again(warm_up, |peer| their_rate(peer, workers, job, interrupt))?,
            }
        }
        Ok(())
    }

    /// Each peer beside each of our start methods.
    pub(crate) fn rates(&self) -> Vec<RateRow> {
        let row = |theirs: &Runs<TinyPeer, f64>, ours: &Runs<StartMethod, PoolLine>| {
            let our_rates = ours.figures.iter().map(|line| line.tasks_per_second);
            let ratios = our_rates.clone().zip(&theirs.figures);
            RateRow {
                peer: theirs.program.name.to_owned(),
                start_method: ours.program,
                our_tasks: OUR_TASKS,
                their_tasks: theirs.program.tasks,
                our_rate: spread(our_rates),
                their_rate: spread(theirs.figures.iter().copied()),
                ratio: spread(ratios.map(|(ours, theirs)| ours / theirs)),
                void: ours.void.clone().or_else(|| theirs.void.clone()),
            }
        };
        let beside = |theirs| self.ours.iter().map(move |ours| row(theirs, ours));
        self.theirs.iter().flat_map(beside).collect()
    }

    /// One task alone, beside the bare socket: on one processor, and on two where there are.
    pub(crate) fn alone(&self) -> Vec<AloneRow> {
        let row = |ours: &Runs<StartMethod, PoolLine>, cores: u32| {
            let lines = || ours.figures.iter().flat_map(|line| &line.alone);
            let of = |figure: fn(&AloneLine) -> f64| {
                spread(lines().filter(|line| line.cores == cores).map(figure))
            };
            AloneRow {
                start_method: ours.program,
                cores,
                one_task_us: of(|line| line.task_us),
                ping_pong_us: of(|line| line.ping_pong_us),
                ratio: of(|line| line.task_us / line.ping_pong_us),
                void: ours.void.clone(),
            }
        };
        let rows = self
            .ours
            .iter()
            .flat_map(|ours| [1, 2].map(|cores| row(ours, cores)));
        rows.filter(|row| row.void.is_some() || row.ratio.is_some())
            .collect()
    }
}

/// In which order a round runs its programs: each round another goes first, so that none always
/// finds what the same one left behind.
fn order(round: u32, programs: usize) -> impl Iterator<Item = usize> {
    let first = usize::try_from(round).unwrap_or(0);
    (first..first + programs).map(move |program| program % programs)
}

fn our_line(
    start_method: StartMethod,
    workers: u32,
    job: &Job<'_>,
    interrupt: &Interrupt,
) -> Result<PoolLine, Trouble> {
    let mut command = job.binaries.command("tiny_tasks");
    command.args(["--start-method", start_method.as_str()]);
    sized(&mut command, OUR_TASKS, workers);
    let finished = process::run(command, job.timeout, interrupt)?;
    let line: PoolLine = serde_json::from_str(&finished.stdout)?;
    ran_all(OUR_TASKS, line.tasks)?;
    Ok(line)
}

fn their_rate(
    peer: &TinyPeer,
    workers: u32,
    job: &Job<'_>,
    interrupt: &Interrupt,
) -> Result<f64, Trouble> {
    let finished = process::run(peer.command(job, workers), job.timeout, interrupt)?;
    let line: RateLine = serde_json::from_str(&finished.stdout)?;
    ran_all(peer.tasks, line.tasks)?;
    Ok(rate(line.tasks, line.seconds))
}

fn sized(command: &mut Command, tasks: u64, workers: u32) {
    command.args(["--tasks", &tasks.to_string()]);
    command.args(["--workers", &workers.to_string()]);
}

fn ran_all(asked: u64, ran: u64) -> Result<(), Trouble> {
    if ran == asked {
        Ok(())
    } else {
        Err(Trouble::Wrong(format!(
            "ran {ran} tasks instead of {asked}"
        )))
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody runs 2^53 tasks")]
fn rate(tasks: u64, seconds: f64) -> f64 {
    tasks as f64 / seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(tasks_per_second: f64, task_us: f64) -> PoolLine {
        let one = AloneLine {
            cores: 1,
            task_us,
            ping_pong_us: 4.0,
        };
        let two = AloneLine {
            cores: 2,
            task_us: 10.0 * task_us,
            ..one
        };
        PoolLine {
            tasks: OUR_TASKS,
            workers: 2,
            tasks_per_second,
            alone: vec![one, two],
        }
    }

    #[test]
    fn every_round_runs_every_program_and_another_first() {
        let orders: Vec<Vec<usize>> = (0..3).map(|round| order(round, 3).collect()).collect();
        assert_eq!(orders, [[0, 1, 2], [1, 2, 0], [2, 0, 1]]);
        assert_eq!(order(7, 3).next(), Some(1));
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let mut rounds = Rounds::new(&PEERS[..2], 2);
        rounds.ours[0].figures = vec![line(300.0, 5.0), line(400.0, 6.0)];
        rounds.theirs[1].figures = vec![100.0, 400.0];
        let rates = rounds.rates();
        assert_eq!(rates.len(), 6);
        let row = &rates[3];
        assert_eq!(row.peer, PEERS[1].name);
        assert_eq!(row.start_method, StartMethod::ALL[0]);
        let ratio = row.ratio.unwrap();
        assert_eq!((ratio.min, ratio.max), (1.0, 3.0));
        assert_eq!(rates[0].ratio, None);
        let alone = rounds.alone();
        assert_eq!(alone.len(), 2, "only one start method ran");
        assert_eq!((alone[0].cores, alone[0].ratio.unwrap().max), (1, 1.5));
        assert_eq!((alone[1].cores, alone[1].ratio.unwrap().max), (2, 15.0));
    }

    #[test]
    fn a_failure_voids_what_was_measured_and_is_not_run_again() {
        let mut rounds = Rounds::new(&PEERS[..1], 2);
        let theirs = &mut rounds.theirs[0];
        theirs.again(true, |_| Ok(1.0)).unwrap();
        assert!(theirs.figures.is_empty());
        theirs.again(false, |_| Ok(2.0)).unwrap();
        let wrong = |_: &TinyPeer| Err(ran_all(2, 1).unwrap_err());
        theirs.again(false, wrong).unwrap();
        theirs.again(false, |_| panic!("run again")).unwrap();
        assert!(theirs.figures.is_empty());
        let rates = rounds.rates();
        assert_eq!(rates[0].void.as_deref(), Some("ran 1 tasks instead of 2"));
        assert_eq!(rates[0].ratio, None);
    }

    #[test]
    fn the_line_of_the_example_is_read() {
        let printed = r#"{"name":"pool-fork","tasks":10,"workers":2,"seconds":0.5,
            "tasks_per_second":20,"alone":[{"cores":1,"task_us":5.61,"ping_pong_us":3.84}]}"#;
        let line: PoolLine = serde_json::from_str(printed).unwrap();
        assert_eq!((line.tasks_per_second, line.alone[0].task_us), (20.0, 5.61));
    }
}
