//! Pools as the cases want them.

use crate::tasks::{self, GetPid};
use pool::{Builder, Certificate, Pool, Program, StartMethod, TaskFailure};
use std::time::Duration;

/// The start methods, by name.
pub(crate) const METHODS: &[&str] = &["fork", "spawn", "forkserver"];

/// Makes pools of one start method, whose workers are this program.
pub(crate) struct Pools {
    method: String,
}

impl Pools {
    pub(crate) fn new(method: &str) -> Pools {
        assert!(METHODS.contains(&method), "{method}");
        Pools {
            method: method.to_owned(),
        }
    }

    pub(crate) fn is_fork(&self) -> bool {
        self.method == "fork"
    }

    pub(crate) fn is_spawn(&self) -> bool {
        self.method == "spawn"
    }

    /// How the names of workers begin.
    pub(crate) fn stem(&self) -> &'static str {
        self.with_program(Program::new("any")).stem()
    }

    /// This start method with another program; fork has none.
    pub(crate) fn with_program(&self, program: Program) -> StartMethod {
        match &self.method[..] {
            "fork" => StartMethod::Fork,
            "spawn" => StartMethod::Spawn(program),
            _ => StartMethod::ForkServer(program),
        }
    }

    /// A pool to be, with little patience for the end of its workers.
    pub(crate) fn builder(&self, workers: usize) -> Builder {
        Pool::builder(self.with_program(Program::current().unwrap()))
            .tasks(tasks::registry())
            .workers(workers)
            .grace(Duration::from_secs(2))
    }

    pub(crate) fn start(&self, workers: usize) -> Pool {
        self.builder(workers).start().unwrap()
    }
}

/// The pid of a worker that is free.
pub(crate) fn a_pid(pool: &mut Pool) -> u32 {
    let handle = pool.submit::<GetPid>(&(), ()).unwrap();
    pool.wait(handle).unwrap()
}

/// Asserts that the pool still answers, right.
pub(crate) fn assert_works(pool: &mut Pool) {
    let handles: Vec<_> = (0..50u64)
        .map(|number| pool.submit::<tasks::Double>(&number, ()).unwrap())
        .collect();
    for (number, handle) in (0..).zip(handles) {
        assert_eq!(pool.wait(handle).unwrap(), 2 * number);
    }
}

/// The certificate of a task whose workers died.
pub(crate) fn died<T: std::fmt::Debug>(result: Result<T, TaskFailure>) -> Certificate {
    match result {
        Err(TaskFailure::Died(certificate)) => *certificate,
        other => panic!("not died, but {other:?}"),
    }
}
