//! Pools that advance by themselves.

use handoff::{Background, ErrorKind, Pending, Pool, Shutdown, StartMethod, What, task};
use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

#[task]
fn add(a: u64, b: u64) -> u64 {
    a + b
}

#[task]
fn sleep_ms(millis: u64) -> u64 {
    thread::sleep(Duration::from_millis(millis));
    millis
}

/// Ends once there is this file.
#[task]
pub(crate) fn wait_for_file(path: String) {
    while !std::path::Path::new(&path).exists() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// A directory, and a file in it that is not there yet.
pub(crate) fn file() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let path = path.to_str().unwrap().to_owned();
    (directory, path)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Unpark>) {
        self.0.unpark();
    }
}

/// The smallest executor.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

pub(crate) fn pools(bound: usize) -> impl Iterator<Item = Background> {
    let methods = [
        StartMethod::Spawn,
        StartMethod::ForkServer,
        StartMethod::InProcess,
    ];
    methods.into_iter().map(move |method| {
        let builder = Pool::builder().start_method(method).workers(2);
        builder.queue_bound(bound).background().unwrap()
    })
}

pub(crate) fn handles_are_futures() {
    for pool in pools(usize::MAX) {
        let sum = block_on(async {
            let pending: Vec<_> = (0..100).map(|n| pool.submit(add(n, 1)).unwrap()).collect();
            let mut sum = 0;
            for one in pending {
                sum += one.await?;
            }
            Ok::<_, handoff::Error>(sum + pool.run(add(1, 1)).await?)
        });
        assert_eq!(sum.unwrap(), 5052);
    }
}

pub(crate) fn waiting_for_room_blocks_no_executor() {
    for pool in pools(2) {
        let (_directory, path) = file();
        let held = || pool.submit(wait_for_file(path.clone())).unwrap();
        let pending = [held(), held()];
        assert_eq!(
            pool.try_submit(add(1, 1)).unwrap_err().kind(),
            ErrorKind::Full
        );
        let mut third = pin!(pool.submit_async(add(1, 2)));
        let mut context = Context::from_waker(Waker::noop());
        assert!(
            third.as_mut().poll(&mut context).is_pending(),
            "it was polled, not blocked"
        );
        std::fs::write(&path, "").unwrap();
        assert_eq!(block_on(async { third.await?.await }).unwrap(), 3);
        for one in pending {
            one.wait().unwrap();
        }
    }
}

pub(crate) fn a_dropped_future_cancels_its_task() {
    for pool in pools(usize::MAX).take(2) {
        let hang = pool.submit(sleep_ms(600_000)).unwrap().cancel_on_drop();
        let other = pool.submit(sleep_ms(600_000)).unwrap();
        drop(hang);
        other.cancel();
        assert_eq!(other.wait().unwrap_err().kind(), ErrorKind::Cancelled);
        // Both workers are free again, or replaced.
        let both: Vec<_> = (0..2).map(|_| pool.submit(sleep_ms(1)).unwrap()).collect();
        for one in both {
            assert_eq!(one.wait().unwrap(), 1);
        }
    }
}

pub(crate) fn handles_can_be_polled_and_waited_for() {
    for pool in pools(usize::MAX) {
        let mut quick = pool.submit(add(1, 2)).unwrap();
        let (_directory, path) = file();
        let slow = pool.submit(wait_for_file(path.clone())).unwrap();
        assert_ne!(quick.id(), slow.id());
        let slow = slow.wait_for(Duration::from_millis(1)).unwrap_err();
        std::fs::write(&path, "").unwrap();
        slow.wait().unwrap();
        while !quick.is_done() {
            thread::yield_now();
        }
        assert_eq!(quick.try_take().unwrap().unwrap(), 3);
        assert!(quick.try_take().is_none());
        let quick = quick.wait_for(Duration::MAX).unwrap();
        assert_eq!(quick.unwrap_err().kind(), ErrorKind::Misuse);
        let mut quick = pool.submit(add(1, 2)).unwrap();
        while quick.try_take().is_none() {
            thread::yield_now();
        }
        assert_eq!(quick.wait().unwrap_err().kind(), ErrorKind::Misuse);
    }
}

/// Asks its pool something where it is woken, as executors do that poll at once.
struct AsksAtOnce {
    pool: Background,
    woken: std::sync::mpsc::SyncSender<()>,
}

impl Wake for AsksAtOnce {
    fn wake(self: Arc<AsksAtOnce>) {
        self.woken.send(()).unwrap();
        // By then another thread waits to end the pool.
        thread::sleep(Duration::from_millis(100));
        self.pool.counters();
    }
}

pub(crate) fn who_is_woken_may_ask_a_pool_that_ends() {
    for pool in pools(usize::MAX) {
        let (_directory, path) = file();
        let held = [&path; 2].map(|path| pool.submit(wait_for_file(path.clone())).unwrap());
        let mut queued = pin!(pool.submit(add(1, 2)).unwrap());
        let (woken, wakes) = std::sync::mpsc::sync_channel(1);
        let asks = AsksAtOnce {
            pool: pool.clone(),
            woken,
        };
        let waker = Waker::from(Arc::new(asks));
        assert!(
            queued
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        thread::scope(|scope| {
            let (pool, path) = (&pool, &path);
            scope.spawn(move || {
                wakes.recv().unwrap();
                std::fs::write(path, "").unwrap();
                pool.shutdown(Shutdown::Drain).unwrap();
            });
            queued.as_ref().get_ref().cancel();
        });
        for one in held {
            one.wait().unwrap();
        }
    }
}

pub(crate) fn a_watcher_does_not_wait_for_its_pool() {
    // Waiting for room, and for a result.
    for bound in [1, usize::MAX] {
        let (own, (tell, told)) = (Arc::<OnceLock<Background>>::default(), channel());
        let builder = Pool::builder().start_method(StartMethod::Spawn).workers(1);
        let builder = builder.queue_bound(bound).watch({
            let (own, mut asked) = (Arc::clone(&own), false);
            // The task's place is not free before it has its result.
            move |event| {
                if let (What::Answered { .. }, Some(pool), false) = (&event.what, own.get(), asked)
                {
                    asked = true;
                    let ran = pool.submit(add(1, 2)).and_then(Pending::wait);
                    let ran = ran.map(drop).unwrap_err().kind();
                    let broadcast = pool.broadcast(add(1, 2)).map(drop).unwrap_err().kind();
                    tell.send([ran, broadcast]).unwrap();
                    pool.shutdown(Shutdown::Drain).unwrap();
                }
            }
        });
        let pool = builder.background().unwrap();
        assert!(own.set(pool.clone()).is_ok());
        assert_eq!(pool.submit(add(1, 2)).unwrap().wait().unwrap(), 3);
        assert_eq!(told.recv().unwrap(), [ErrorKind::Misuse; 2]);
        let ended = pool.submit(add(1, 2)).map(drop).unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::ShutDown);
    }
}

/// Drops its pool where it is woken.
struct Drops(Mutex<Option<Background>>);

impl Wake for Drops {
    fn wake(self: Arc<Drops>) {
        drop(self.0.lock().unwrap().take());
    }
}

pub(crate) fn the_last_clone_may_be_dropped_where_it_is_woken() {
    for pool in pools(usize::MAX) {
        let (_directory, path) = file();
        let mut pending = pin!(pool.submit(wait_for_file(path.clone())).unwrap());
        let drops = Arc::new(Drops(Mutex::new(Some(pool))));
        let waker = Waker::from(Arc::clone(&drops));
        let polled = pending.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        std::fs::write(&path, "").unwrap();
        while drops.0.lock().unwrap().is_some() {
            thread::sleep(Duration::from_millis(1));
        }
        block_on(pending).unwrap();
    }
}

pub(crate) fn shutdown_is_for_all_clones() {
    for pool in pools(usize::MAX) {
        let clone = pool.clone();
        let pending = pool.submit(sleep_ms(20)).unwrap();
        clone.shutdown(Shutdown::Drain).unwrap();
        assert_eq!(pending.wait().unwrap(), 20);
        assert_eq!(
            pool.submit(add(1, 1)).unwrap_err().kind(),
            ErrorKind::ShutDown
        );
        pool.shutdown(Shutdown::Now).unwrap();
    }
}
