//! Who the peers are, and which of our own runs each is compared with.

use std::ffi::OsString;
use std::path::Path;

use report::{PeerSeconds, Seconds, StartMethod, Transport};

use harness::dataset::Job;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// From exec to exit: for programs that are compared as a whole.
    Wall,
    /// Start and run: where the data is in the peer's memory before the clock runs.
    Total,
    /// Everything from the file to the sum, the interpreter's own start left out.
    LoadShareTotal,
}

/// What a peer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// A script of `scripts/peers`, and the package that it needs beside numpy.
    Python {
        /// Its file name.
        script: &'static str,
        /// A package of `requirements.txt`.
        needs: &'static str,
    },
    /// The binary `peer-rayon`, and its `--kernel`.
    Rayon {
        /// `plain`, or `exact` for our own workers' arithmetic.
        kernel: &'static str,
    },
}

/// One peer beside one of our runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Its name.
    pub(crate) name: String,
    /// What to run.
    pub(crate) program: Program,
    /// Arguments that choose the variant.
    pub(crate) variant: Vec<String>,
    /// Our start method beside it.
    pub(crate) start_method: StartMethod,
    /// Our transport beside it.
    pub(crate) transport: Transport,
    /// What is compared.
    pub(crate) measure: Measure,
}

/// Pairs, at least, of a peer that is as fast as we are: what is small is lost in a few.
const CLOSE_PAIRS: u32 = 9;

impl Measure {
    /// As tables name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Measure::Wall => "wall",
            Measure::Total => "total",
            Measure::LoadShareTotal => "load + share + total",
        }
    }

    /// Of one of our runs.
    pub(crate) fn of_ours(self, seconds: &Seconds, wall: f64) -> f64 {
        match self {
            Measure::Wall => wall,
            Measure::Total => seconds.total,
            Measure::LoadShareTotal => seconds.load + seconds.share + seconds.total,
        }
    }

    /// Of one of theirs.
    pub(crate) fn of_theirs(self, seconds: &PeerSeconds, wall: f64) -> f64 {
        match self {
            Measure::Wall => wall,
            Measure::Total => seconds.total,
            Measure::LoadShareTotal => seconds.load + seconds.share + seconds.total,
        }
    }
}

impl Peer {
    /// Its arguments after the program's own name.
    pub(crate) fn arguments(&self, data: &Path, workers: u32, cores: u32) -> Vec<OsString> {
        let mut arguments = vec![data.as_os_str().to_owned()];
        match self.program {
            Program::Rayon { kernel } => {
                arguments.extend(["--threads".into(), cores.to_string().into()]);
                arguments.extend(["--kernel".into(), kernel.into()]);
            }
            Program::Python { .. } => {
                arguments.extend(["--workers".into(), workers.to_string().into()]);
            }
        }
        arguments.extend(self.variant.iter().map(OsString::from));
        arguments
    }

    /// Our own run beside it.
    pub(crate) fn ours(&self, workers: u32, cores: u32) -> Job {
        Job {
            start_method: self.start_method,
            transport: self.transport,
            // More threads than cores would only slow rayon down, so neither side has them.
            workers: match self.program {
                Program::Rayon { .. } => cores,
                Program::Python { .. } => workers,
            },
            batches: None,
        }
    }

    /// Pairs to run after the warm-up, where `runs` are asked for.
    pub(crate) fn pairs(&self, runs: u32) -> u32 {
        match self.program {
            Program::Rayon { .. } => runs.max(CLOSE_PAIRS),
            Program::Python { .. } => runs,
        }
    }

    /// Whether its sum has to have the bits of ours: it is the same arithmetic.
    pub(crate) fn exact(&self) -> bool {
        self.program == Program::Rayon { kernel: "exact" }
    }
}

/// Every peer that sums.
pub(crate) fn all() -> Vec<Peer> {
    let mut peers = Vec::new();
    for transport in [
        Transport::Bytes,
        Transport::Shm,
        Transport::Mmap,
        Transport::Inherit,
    ] {
        for start_method in StartMethod::ALL {
            if transport != Transport::Inherit || start_method == StartMethod::Fork {
                peers.push(executor(start_method, transport));
            }
        }
    }
    // joblib starts its workers by exec, so spawn is the like of it.
    peers.push(library(
        "joblib",
        "array",
        StartMethod::Spawn,
        Transport::Shm,
    ));
    peers.push(library(
        "joblib",
        "mmap",
        StartMethod::Spawn,
        Transport::Mmap,
    ));
    peers.push(library(
        "numpy",
        "array",
        StartMethod::Fork,
        Transport::Mmap,
    ));
    peers.push(library("numpy", "mmap", StartMethod::Fork, Transport::Mmap));
    for (name, kernel) in [("rayon", "plain"), ("rayon-exact", "exact")] {
        peers.push(Peer {
            name: name.to_owned(),
            program: Program::Rayon { kernel },
            variant: Vec::new(),
            start_method: StartMethod::Fork,
            transport: Transport::Mmap,
            measure: Measure::Wall,
        });
    }
    peers
}

fn executor(start_method: StartMethod, transport: Transport) -> Peer {
    let measure = match transport {
        Transport::Bytes | Transport::Serde | Transport::Inherit => Measure::Total,
        Transport::Shm | Transport::Mmap => Measure::LoadShareTotal,
    };
    let variant = [
        "--start-method",
        start_method.as_str(),
        "--transport",
        transport.as_str(),
    ];
    Peer {
        name: format!("executor-{start_method}-{transport}"),
        program: Program::Python {
            script: "executor.py",
            needs: "numpy",
        },
        variant: variant.map(str::to_owned).to_vec(),
        start_method,
        transport,
        measure,
    }
}

fn library(
    package: &'static str,
    input: &str,
    start_method: StartMethod,
    transport: Transport,
) -> Peer {
    let script = if package == "joblib" {
        "joblib_sum.py"
    } else {
        "numpy_sum.py"
    };
    Peer {
        name: format!("{package}-{input}"),
        program: Program::Python {
            script,
            needs: package,
        },
        variant: vec!["--input".to_owned(), input.to_owned()],
        start_method,
        transport,
        measure: Measure::LoadShareTotal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_combination_of_the_executor_is_there() {
        let peers = all();
        let mut names: Vec<&str> = peers.iter().map(|peer| peer.name.as_str()).collect();
        assert_eq!(
            names
                .iter()
                .filter(|name| name.starts_with("executor-"))
                .count(),
            10
        );
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), peers.len());
    }

    #[test]
    fn what_is_shared_counts_as_work() {
        let theirs = PeerSeconds {
            load: 1.0,
            share: 2.0,
            start: 0.0,
            run: 4.0,
            total: 4.0,
        };
        let shm = executor(StartMethod::Fork, Transport::Shm);
        assert_eq!(shm.measure.of_theirs(&theirs, 9.0), 7.0);
        let bytes = executor(StartMethod::Fork, Transport::Bytes);
        assert_eq!(bytes.measure.of_theirs(&theirs, 9.0), 4.0);
    }

    #[test]
    fn threads_meet_as_many_workers_and_often_enough() {
        let peers = all();
        let (rayon, python): (Vec<&Peer>, Vec<&Peer>) = peers
            .iter()
            .partition(|peer| matches!(peer.program, Program::Rayon { .. }));
        assert_eq!(rayon.len(), 2);
        for peer in rayon {
            assert_eq!(peer.ours(8, 2).workers, 2);
            assert_eq!((peer.pairs(5), peer.pairs(20)), (CLOSE_PAIRS, 20));
            assert_eq!(peer.exact(), peer.name == "rayon-exact");
        }
        for peer in python {
            assert_eq!(peer.ours(8, 2).workers, 8);
            assert_eq!(peer.pairs(5), 5);
            assert!(!peer.exact());
        }
    }
}
