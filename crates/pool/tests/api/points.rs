//! Errors, panics, exits and crashes at every point of a task's way: where its arguments are
//! encoded and decoded, where it runs, where its output is encoded and decoded.

use crate::tasks::{Pass, Sum, registry};
use pool::{Ending, FailureKind, Input, Pool, StartMethod, SubmitError, TaskFailure};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use std::cell::Cell;

/// A point of a task's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Point {
    EncodeArgs,
    DecodeArgs,
    Run,
    EncodeOutput,
    DecodeOutput,
}

/// What happens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fault {
    Error,
    Panic,
    Exit,
    Crash,
}

/// A value that goes off at one point of its way to a worker and back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bomb {
    pub(crate) at: Point,
    pub(crate) fault: Fault,
}

thread_local! {
    /// Whether this process is a worker that has decoded the arguments: what it encodes then is
    /// the output, and what another process decodes.
    static RAN: Cell<bool> = const { Cell::new(false) };
}

impl Bomb {
    /// Goes off, if this is the point.
    pub(crate) fn passes(self, point: Point) -> Result<(), String> {
        if self.at != point {
            return Ok(());
        }
        match self.fault {
            Fault::Error => Err(format!("no luck at {point:?}")),
            Fault::Panic => panic!("no luck at {point:?}"),
            Fault::Exit => std::process::exit(9),
            Fault::Crash => std::process::abort(),
        }
    }
}

impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let output = RAN.get();
        let point = if output {
            Point::EncodeOutput
        } else {
            Point::EncodeArgs
        };
        self.passes(point).map_err(ser::Error::custom)?;
        (self.at, self.fault, output).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bomb, D::Error> {
        let (at, fault, output) = Deserialize::deserialize(deserializer)?;
        let bomb = Bomb { at, fault };
        let point = if output {
            Point::DecodeOutput
        } else {
            Point::DecodeArgs
        };
        bomb.passes(point).map_err(de::Error::custom)?;
        RAN.set(!output);
        Ok(bomb)
    }
}

fn start(method: StartMethod) -> Pool {
    let builder = Pool::builder(method).tasks(registry()).workers(2);
    builder.start().unwrap()
}

fn still_works(pool: &mut Pool) {
    let handle = pool
        .submit::<Sum>(&(), Input::of_elements(&[1u64, 2]))
        .unwrap();
    assert_eq!(pool.wait(handle).unwrap(), 3);
}

pub(crate) fn harm_at_every_point_is_one_tasks_failure(method: StartMethod) {
    let mut pool = start(method);
    let mut deaths = 0;
    for at in [Point::DecodeArgs, Point::Run, Point::EncodeOutput] {
        for fault in [Fault::Error, Fault::Panic, Fault::Exit, Fault::Crash] {
            let bomb = Bomb { at, fault };
            let handle = pool.call::<Pass>(&bomb).retries(0).submit().unwrap();
            let failure = pool.wait(handle).unwrap_err();
            match (fault, &failure) {
                (Fault::Error, TaskFailure::Failed(failed)) => {
                    assert_ne!(failed.kind, FailureKind::Panic, "{at:?}: {failed}");
                }
                (Fault::Panic, TaskFailure::Failed(failed)) => {
                    assert_eq!(failed.kind, FailureKind::Panic, "{at:?}: {failed}");
                    assert!(failed.location.contains("points.rs"), "{failed}");
                }
                (Fault::Exit, TaskFailure::Died(certificate)) => {
                    assert_eq!(certificate.ending, Ending::Exit(9), "{at:?}");
                    deaths += 1;
                }
                (Fault::Crash, TaskFailure::Died(certificate)) => {
                    assert_eq!(certificate.ending, Ending::Signal(libc::SIGABRT), "{at:?}");
                    deaths += 1;
                }
                _ => panic!("{fault:?} at {at:?}: {failure}"),
            }
            still_works(&mut pool);
        }
    }
    assert_eq!(pool.counters().died, deaths);

    // In the coordinator: the caller's own error, and a failure that the pool outlives.
    let bomb = |at, fault| Bomb { at, fault };
    let refused = pool.submit::<Pass>(&bomb(Point::EncodeArgs, Fault::Error), ());
    assert!(
        matches!(refused, Err(SubmitError::Args { .. })),
        "{refused:?}"
    );
    for fault in [Fault::Error, Fault::Panic] {
        let handle = pool.submit::<Pass>(&bomb(Point::DecodeOutput, fault), ());
        let handle = handle.unwrap();
        let failure = pool.wait(handle).unwrap_err();
        assert!(matches!(failure, TaskFailure::Undecodable(_)), "{failure}");
        still_works(&mut pool);
    }
}

/// More than a socket or a pipe holds is on its way to workers that die of it.
pub(crate) fn death_with_much_in_flight(method: StartMethod) {
    let mut pool = start(method);
    let handles: Vec<_> = (0..10)
        .map(|_| {
            let call = pool.call::<crate::tasks::Die>(&0).retries(0);
            call.input(vec![1; 5_000_000]).submit().unwrap()
        })
        .collect();
    for handle in handles {
        let failure = pool.wait(handle).unwrap_err();
        assert!(matches!(failure, TaskFailure::Died(_)), "{failure}");
    }
    still_works(&mut pool);
}
