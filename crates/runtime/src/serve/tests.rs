//! The loop over a socketpair, with a scripted coordinator; no processes.

use super::*;
use crate::send_all;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;
use task::{Task, TaskError};
use wire::FailureKind;

struct Count;
impl Task for Count {
    const NAME: &'static str = "count";
    type Args = ();
    type Output = u64;
    fn run((): (), input: Input<'_>) -> Result<u64, TaskError> {
        let mut count = 0;
        input.for_each_block(3, |block| count += block.len() as u64)?;
        Ok(count)
    }
}

struct Panics;
impl Task for Panics {
    const NAME: &'static str = "panics";
    type Args = String;
    type Output = ();
    fn run(args: String, _: Input<'_>) -> Result<(), TaskError> {
        panic!("{args}")
    }
}

struct Large;
impl Task for Large {
    const NAME: &'static str = "large";
    type Args = usize;
    type Output = Vec<u8>;
    fn run(args: usize, _: Input<'_>) -> Result<Vec<u8>, TaskError> {
        Ok(vec![9; args])
    }
}

struct Talk {
    socket: UnixStream,
    channel: Channel,
}

impl Talk {
    fn say(&mut self, messages: &[ToWorker<'_>]) {
        let mut bytes = Vec::new();
        for message in messages {
            wire::encode(message, &mut bytes).unwrap();
        }
        send_all(self.socket.as_fd(), &bytes, &[]).unwrap();
    }

    fn hear(&mut self, check: impl FnOnce(FromWorker<'_>)) {
        let frame = self.channel.wait_frame().unwrap().expect("the worker left");
        check(wire::decode(frame.body).unwrap());
    }
}

fn setup() -> ToWorker<'static> {
    ToWorker::Setup(Setup {
        name: "W-1",
        events: false,
        log_level: 0,
        board: None,
        initializer: None,
        sandbox: false,
        lane: None,
        bounds: None,
        spin_us: 0,
    })
}

fn call<'a>(id: u64, task: &'a str, args: &'a [u8], input: CallInput<'a>) -> ToWorker<'a> {
    ToWorker::Call(Call {
        id,
        task,
        args,
        input,
        attempt: 1,
        arrays: &[],
    })
}

/// Runs a worker on one end of a socketpair and `script` on the other.
fn with_worker(script: impl FnOnce(&mut Talk)) -> Result<(), ServeError> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let worker = thread::spawn(move || {
        let registry = Registry::new()
            .with::<Count>()
            .with::<Panics>()
            .with::<Large>();
        serve(theirs.into(), &registry, Inherited::new())
    });
    let socket = ours.try_clone().unwrap();
    let mut talk = Talk {
        socket,
        channel: Channel::new(Arc::new(ours.into())),
    };
    Hello::accept(talk.channel.wait_frame().unwrap().unwrap().body).unwrap();
    let mut bytes = Vec::new();
    wire::encode(&Hello::ours(), &mut bytes).unwrap();
    send_all(talk.socket.as_fd(), &bytes, &[]).unwrap();
    script(&mut talk);
    talk.socket.shutdown(std::net::Shutdown::Write).unwrap();
    while let Ok(Some(_)) = talk.channel.wait_frame() {}
    worker.join().unwrap()
}

#[test]
fn calls_are_answered_in_order_whatever_their_input() {
    with_worker(|talk| {
        talk.say(&[
            setup(),
            call(1, "count", &[], CallInput::Inline(&[0; 6])),
            call(2, "count", &[], CallInput::Stream),
            ToWorker::Chunk(&[0; 4]),
            ToWorker::Chunk(&[]),
            ToWorker::Chunk(&[0; 5]),
            ToWorker::ChunkEnd,
            call(3, "count", &[], CallInput::None),
        ]);
        talk.hear(|said| {
            assert!(matches!(said, FromWorker::Ready { tasks, .. } if tasks.len() == 3))
        });
        for (expected, count) in [(1, 6), (2, 9), (3, 0)] {
            talk.hear(|said| {
                let FromWorker::Done { id, output, .. } = said else {
                    panic!("{said:?}")
                };
                assert_eq!((id, output), (expected, &[count][..]));
            });
        }
        talk.say(&[ToWorker::Shutdown]);
    })
    .unwrap();
}

#[test]
fn what_a_task_does_wrong_is_its_answer_and_the_worker_lives_on() {
    with_worker(|talk| {
        let why = postcard::to_stdvec("on purpose").unwrap();
        talk.say(&[
            setup(),
            call(1, "panics", &why, CallInput::Stream),
            ToWorker::Chunk(&[1; 100]),
            ToWorker::ChunkEnd,
            call(2, "count", &[], CallInput::Inline(&[0; 7])),
            call(
                3,
                "count",
                &[],
                CallInput::Slice {
                    region: 9,
                    offset: 0,
                    len: 1,
                },
            ),
            call(4, "nothing", &[], CallInput::None),
            call(5, "count", &[], CallInput::Stream),
            ToWorker::Chunk(&[1; 3]),
            ToWorker::ChunkAbort,
            call(6, "count", &[], CallInput::Inline(&[0; 3])),
        ]);
        talk.hear(|said| assert!(matches!(said, FromWorker::Ready { .. })));
        talk.hear(|said| {
            let FromWorker::Failed {
                id,
                kind,
                message,
                location,
                backtrace,
                ..
            } = said
            else {
                panic!("{said:?}")
            };
            assert_eq!((id, kind, message), (1, FailureKind::Panic, "on purpose"));
            assert!(location.contains("serve/tests.rs"), "{location}");
            assert!(!backtrace.is_empty());
        });
        let kinds = [
            FailureKind::BadInput,
            FailureKind::BadInput,
            FailureKind::UnknownTask,
            FailureKind::BadInput,
        ];
        for (expected, due) in (2..).zip(kinds) {
            talk.hear(|said| {
                let FromWorker::Failed { id, kind, .. } = said else {
                    panic!("{said:?}")
                };
                assert_eq!((id, kind), (expected, due));
            });
        }
        talk.hear(|said| assert!(matches!(said, FromWorker::Done { id: 6, .. })));
    })
    .unwrap();
}

#[test]
fn a_large_output_comes_in_parts() {
    with_worker(|talk| {
        let size = 3 * wire::MAX_CHUNK + 5;
        let args = postcard::to_stdvec(&size).unwrap();
        talk.say(&[setup(), call(1, "large", &args, CallInput::None)]);
        talk.hear(|said| assert!(matches!(said, FromWorker::Ready { .. })));
        let mut output = Vec::new();
        for _ in 0..3 {
            talk.hear(|said| {
                let FromWorker::OutputPart(part) = said else {
                    panic!("{said:?}")
                };
                output.extend_from_slice(part);
            });
        }
        talk.hear(|said| {
            let FromWorker::Done { output: rest, .. } = said else {
                panic!("{said:?}")
            };
            output.extend_from_slice(rest);
        });
        assert_eq!(
            postcard::from_bytes::<Vec<u8>>(&output).unwrap(),
            vec![9; size]
        );
    })
    .unwrap();
}

#[test]
fn a_coordinator_that_breaks_the_protocol_is_left() {
    let left = with_worker(|talk| talk.say(&[setup(), ToWorker::ChunkEnd]));
    assert!(
        matches!(left, Err(ServeError::Unexpected { .. })),
        "{left:?}"
    );
    let left = with_worker(|talk| {
        talk.say(&[
            setup(),
            call(1, "count", &[], CallInput::Stream),
            ToWorker::Shutdown,
        ]);
    });
    assert!(
        matches!(left, Err(ServeError::Unexpected { .. })),
        "{left:?}"
    );
    let left = with_worker(|talk| talk.say(&[ToWorker::ReportMemory]));
    assert!(
        matches!(left, Err(ServeError::Unexpected { .. })),
        "{left:?}"
    );
}

#[test]
fn an_initializer_that_fails_refuses_once() {
    let left = with_worker(|talk| {
        let why = postcard::to_stdvec("no licence").unwrap();
        talk.say(&[ToWorker::Setup(Setup {
            name: "W-1",
            events: false,
            log_level: 0,
            board: None,
            initializer: Some(("panics", &why)),
            sandbox: false,
            lane: None,
            bounds: None,
            spin_us: 0,
        })]);
        talk.hear(|said| {
            let FromWorker::Refused { step, reason } = said else {
                panic!("{said:?}")
            };
            assert_eq!(
                (step, reason),
                (SetupStep::Initializer, "panics: no licence")
            );
        });
    });
    assert!(matches!(left, Err(ServeError::Initializer(_))), "{left:?}");
}
