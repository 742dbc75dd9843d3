//! Pools of external workers, honest ones and others.
//!
//! The honest are threads of this process that serve as a worker program does; nothing forks here.

use pool::{Pool, PoolError, Shutdown, StartMethod, TaskFailure};
use runtime::{Endpoint, EndpointError};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use task::{Input, Registry, Task, TaskError};
use wire::{FromWorker, Hello, SetupStep, ToWorker};

/// Past this, something hangs.
const DEADLINE: Duration = Duration::from_secs(60);

struct Double;
impl Task for Double {
    const NAME: &'static str = "double";
    type Args = u64;
    type Output = u64;
    fn run(number: u64, _: Input<'_>) -> Result<u64, TaskError> {
        Ok(2 * number)
    }
}

/// A place for a socket, and a pool that is to listen there.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o700)).unwrap();
        Place { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    fn builder(&self, workers: usize) -> pool::Builder {
        Pool::builder(StartMethod::Listen(self.path()))
            .workers(workers)
            .start_timeout(DEADLINE)
            .grace(Duration::from_secs(2))
    }

    /// Connects as soon as somebody listens.
    fn connect(path: &Path) -> UnixStream {
        let began = Instant::now();
        loop {
            match UnixStream::connect(path) {
                Ok(socket) => {
                    socket.set_read_timeout(Some(DEADLINE)).unwrap();
                    return socket;
                }
                Err(error) => assert!(began.elapsed() < DEADLINE, "{error}"),
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Serves as a worker program does.
    fn honest(&self) -> JoinHandle<Result<(), EndpointError>> {
        let path = self.path();
        thread::spawn(move || {
            let registry = Registry::new().with::<Double>();
            let began = Instant::now();
            loop {
                match runtime::run_at(&Endpoint::Connect(path.clone()), None, &registry) {
                    Err(EndpointError::Connect { .. }) if began.elapsed() < DEADLINE => {}
                    served => return served,
                }
                thread::sleep(Duration::from_millis(2));
            }
        })
    }

    /// Does what it likes with a connection.
    fn other<T: Send + 'static>(
        &self,
        what: impl FnOnce(Peer) -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let path = self.path();
        thread::spawn(move || what(Peer(Place::connect(&path))))
    }
}

/// A peer that speaks for itself.
struct Peer(UnixStream);

impl Peer {
    fn say(&mut self, message: &impl serde::Serialize) {
        let mut frame = Vec::new();
        wire::encode(message, &mut frame).unwrap();
        self.0.write_all(&frame).unwrap();
    }

    fn get_ready(&mut self) {
        self.say(&Hello::ours());
        self.say(&FromWorker::Ready {
            tasks: vec![],
            build: 0,
            lane: false,
        });
    }

    /// Waits for a call and gives its number.
    fn next_call(&mut self) -> u64 {
        let mut body = Vec::new();
        loop {
            assert!(wire::read_frame(&mut self.0, &mut body).unwrap());
            if let Ok(ToWorker::Call(call)) = wire::decode(&body) {
                return call.id;
            }
        }
    }

    /// Waits until it is disconnected; gives the bytes that came.
    fn end(mut self) -> usize {
        let mut bytes = Vec::new();
        match self.0.read_to_end(&mut bytes) {
            Ok(count) => count,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                bytes.len()
            }
        }
    }
}

fn assert_works(pool: &mut Pool) {
    let handles: Vec<_> = (0..50u64)
        .map(|number| pool.submit::<Double>(&number, ()).unwrap())
        .collect();
    for (number, handle) in (0..).zip(handles) {
        assert_eq!(pool.wait(handle).unwrap(), 2 * number);
    }
}

#[test]
fn guests_do_the_work_and_are_sent_home() {
    let place = Place::new();
    let externals = [place.honest(), place.honest()];
    let mut pool = place.builder(2).start().unwrap();
    assert_eq!(pool.counters().workers, 2);
    assert_works(&mut pool);
    // One more is welcome at any time.
    let late = place.honest();
    while pool.counters().workers < 3 {
        pool.drive(Some(Duration::from_millis(20))).unwrap();
    }
    assert_works(&mut pool);
    assert_eq!(pool.memory().unwrap().len(), 3);
    pool.shutdown(Shutdown::Drain).unwrap();
    for external in externals.into_iter().chain([late]) {
        external.join().unwrap().unwrap();
    }
    assert!(!place.path().exists());
}

#[test]
fn peers_that_say_nothing_hold_nobody_up() {
    let place = Place::new();
    let silent: Vec<_> = (0..150).map(|_| place.other(|peer| peer)).collect();
    let babbling = place.other(|mut peer| {
        peer.0.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        peer.end()
    });
    let half = place.other(|mut peer| {
        peer.0.write_all(&[9, 0, 0, 0, b'h']).unwrap();
        peer
    });
    let path = place.path();
    let pool = thread::spawn(move || {
        // The door has to be open for them all before the honest one comes.
        let silent: Vec<Peer> = silent.into_iter().map(|it| it.join().unwrap()).collect();
        let half = half.join().unwrap();
        let registry = Registry::new().with::<Double>();
        let served = runtime::run_at(&Endpoint::Connect(path), None, &registry);
        (silent, half, served)
    });
    let began = Instant::now();
    let mut driven = place.builder(1).start().unwrap();
    assert_works(&mut driven);
    assert!(driven.counters().refused >= 80, "the oldest had to go");
    assert_eq!(driven.counters().failed, 0);
    // The rest have a deadline.
    while driven.counters().refused < 152 {
        assert!(began.elapsed() < DEADLINE, "they are still there");
        driven.drive(Some(Duration::from_millis(100))).unwrap();
    }
    driven.shutdown(Shutdown::Drain).unwrap();
    let (_silent, _half, served) = pool.join().unwrap();
    served.unwrap();
    assert!(babbling.join().unwrap() > 0, "it was greeted all the same");
}

#[test]
fn a_guest_that_leaves_costs_a_retry() {
    let place = Place::new();
    let leaver = place.other(|mut peer| {
        peer.get_ready();
        peer.next_call()
    });
    let honest = place.honest();
    let mut pool = place.builder(2).start().unwrap();
    assert_works(&mut pool);
    let left = leaver.join().unwrap();
    assert!(left < 50);
    let counters = pool.counters();
    assert_eq!(
        (counters.retried, counters.died, counters.failed),
        (1, 1, 0)
    );
    pool.shutdown(Shutdown::Drain).unwrap();
    honest.join().unwrap().unwrap();
}

#[test]
fn a_guest_that_stalls_mid_frame_is_disconnected() {
    let place = Place::new();
    let staller = place.other(|mut peer| {
        peer.get_ready();
        peer.next_call();
        peer.0.write_all(&[100, 0, 0, 0, 4]).unwrap();
        peer.end()
    });
    let honest = place.honest();
    let limit = Duration::from_millis(300);
    let mut pool = place.builder(2).task_timeout(limit).start().unwrap();
    let handles: Vec<_> = (0..50u64)
        .map(|number| pool.submit::<Double>(&number, ()).unwrap())
        .collect();
    let mut late = 0;
    for (number, handle) in (0..).zip(handles) {
        match pool.wait(handle) {
            Ok(doubled) => assert_eq!(doubled, 2 * number),
            Err(TaskFailure::TimedOut(_)) => late += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(late, 1);
    staller.join().unwrap();
    assert_works(&mut pool);
    pool.shutdown(Shutdown::Now).unwrap();
    let _ = honest.join().unwrap();
}

#[test]
fn nobody_is_waited_for_for_ever() {
    let place = Place::new();
    let soon = Duration::from_millis(300);
    let refusing = place.other(|mut peer| {
        peer.say(&Hello::ours());
        peer.say(&FromWorker::Refused {
            step: SetupStep::Initializer,
            reason: "no licence",
        });
        peer.end()
    });
    let Err(error) = place.builder(2).start_timeout(soon).start() else {
        panic!("it started");
    };
    let text = error.to_string();
    assert!(matches!(error, PoolError::NotReady(_)), "{text}");
    let path = place.path().display().to_string();
    for word in ["0 of 2", &path, "--connect", "no licence"] {
        assert!(text.contains(word), "no {word} in {text}");
    }
    refusing.join().unwrap();
    assert!(!place.path().exists());
}

#[test]
fn when_all_have_left_another_may_come_in_time() {
    let place = Place::new();
    let only = place.other(|mut peer| {
        peer.get_ready();
        peer.next_call();
    });
    let soon = Duration::from_secs(5);
    let mut pool = place.builder(1).start_timeout(soon).start().unwrap();
    let handle = pool.submit::<Double>(&21, ()).unwrap();
    pool.drive(Some(Duration::ZERO)).unwrap();
    only.join().unwrap();
    let next = place.other(|mut peer| {
        peer.get_ready();
        peer.next_call();
    });
    match pool.wait(handle) {
        Err(TaskFailure::Pool(PoolError::NotReady(why))) => {
            assert!(why.contains("0 of 1"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    next.join().unwrap();
}

/// Another user gets through neither directory nor socket; and if both are opened, gets nothing.
#[test]
fn a_stranger_gets_nothing() {
    // SAFETY: takes no pointers.
    if unsafe { libc::geteuid() } != 0 {
        eprintln!("only root can be somebody else: not tested");
        return;
    }
    let place = Place::new();
    let (path, above) = (place.path(), place.directory.path().to_owned());
    let other_user = thread::spawn(move || {
        drop(Place::connect(&path));
        // The system call itself changes this thread alone.
        // SAFETY: takes no pointers.
        let changed = unsafe { libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) };
        assert_eq!(changed, 0);
        let error = UnixStream::connect(&path).unwrap_err();
        (path, error.kind())
    });
    let open = thread::spawn(move || {
        let (path, kind) = other_user.join().unwrap();
        assert_eq!(kind, std::io::ErrorKind::PermissionDenied);
        std::fs::set_permissions(&above, PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
        let other_user = thread::spawn(move || {
            // SAFETY: takes no pointers.
            let changed = unsafe { libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) };
            assert_eq!(changed, 0);
            Peer(Place::connect(&path)).end()
        });
        assert_eq!(
            other_user.join().unwrap(),
            0,
            "bytes for an unauthorized peer"
        );
    });
    let limit = Duration::from_millis(1500);
    let started = place.builder(1).start_timeout(limit).start();
    assert!(matches!(started, Err(PoolError::NotReady(_))));
    open.join().unwrap();
}
