//! What a `sum` command line means: everything checked that can be before a process starts.

use super::source::{Source, default_field};
use super::transport::Handover;
use crate::cli::{Carrier, Format, SumArgs};
use crate::datasets;
use crate::exit::Failure;
use crate::programs;
use dataset::Dataset;
use pool::{MAX_WORKERS, Pool, StartMethod};
use report::Transport;
use std::time::Duration;
use worker::records::StudyField;

/// How long a worker that was started may take to be ready.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// What is to be done, and how.
pub(super) struct Plan {
    pub(super) source: Source,
    pub(super) field: Option<String>,
    pub(super) start_method: StartMethod,
    /// None for external workers.
    pub(super) start_word: Option<report::StartMethod>,
    /// How long a worker may take to be ready.
    pub(super) start_timeout: Duration,
    pub(super) workers: usize,
    pub(super) batches: u64,
    pub(super) repeat: u64,
    pub(super) timeout: Option<Duration>,
    pub(super) retries: u32,
    /// Whether workers are confined.
    pub(super) sandbox: bool,
    pub(super) carrier: Carrier,
    pub(super) format: Format,
}

impl Plan {
    /// Opens the dataset and checks that the rest can be done with it.
    pub(super) fn resolve(args: SumArgs) -> Result<Plan, Failure> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let start_word = args.start_method;
        if let (Some(path), Transport::Inherit) = (&args.listen, args.transport) {
            return Err(Failure::usage(format!(
                "--transport inherit needs workers that the coordinator forks itself: one that comes \
                 to {} does not have its memory; use mmap or shm instead",
                path.display()
            )));
        }
        if args.transport == Transport::Inherit && start_word != report::StartMethod::Fork {
            return Err(Failure::usage(format!(
                "--transport inherit needs --start-method fork: a worker started by {start_word} \
                 does not have the coordinator's memory; use mmap or shm instead"
            )));
        }
        let workers = args.workers.unwrap_or(cores as u64);
        if workers > MAX_WORKERS as u64 {
            return Err(Failure::usage(format!(
                "--workers {workers}: at most {MAX_WORKERS}; more batches than workers \
                 (--batches {workers}) may be what you want"
            )));
        }
        let start_method = match (&args.listen, start_word) {
            (Some(path), _) => StartMethod::Listen(path.clone()),
            (None, report::StartMethod::Fork) => StartMethod::Fork,
            (None, report::StartMethod::Spawn) => {
                StartMethod::Spawn(programs::worker(args.worker_bin.as_deref())?)
            }
            (None, report::StartMethod::ForkServer) => {
                StartMethod::ForkServer(programs::worker(args.worker_bin.as_deref())?)
            }
        };
        let mut dataset = datasets::open(&args.data)?;
        dataset.sample_content();
        let field = args.field.or_else(|| default_field(&dataset));
        let records = 0..dataset.records();
        let mut source = Source::new(dataset, field.as_deref(), records, args.transport)
            .map_err(Failure::usage)?;
        if args.transport == Transport::Serde {
            source.study_field = Some(study_field(&source.dataset, field.as_deref())?);
        }
        let batches = args.batches.unwrap_or(workers);
        let batches = dataset::batches(source.dataset.records(), batches).count();
        Ok(Plan {
            source,
            field,
            start_method,
            start_word: args.listen.is_none().then_some(start_word),
            start_timeout: if args.listen.is_some() {
                args.wait
            } else {
                START_TIMEOUT
            },
            workers: workers as usize,
            batches: batches as u64,
            repeat: args.repeat,
            timeout: args.timeout,
            retries: args.retries,
            sandbox: args.sandbox,
            carrier: args.carrier,
            format: args.format,
        })
    }
}

impl Plan {
    /// Checks that there is room for what the run will take, before any of it is taken.
    pub(super) fn reserve(&self) -> Result<(), Failure> {
        Pool::builder(self.start_method.clone())
            .workers(self.workers)
            .sandbox(self.sandbox)
            .check()?;
        Ok(Handover::reserve(&self.source)?)
    }
}

fn study_field(dataset: &Dataset, field: Option<&str>) -> Result<StudyField, Failure> {
    field
        .filter(|_| dataset.layout().is_study())
        .and_then(StudyField::named)
        .ok_or_else(|| {
            Failure::usage(format!(
                "--transport serde encodes records of one type, those that datagen writes \
             (index, timestamp, val); {} has others: use bytes instead",
                dataset.path().display()
            ))
        })
}
