//! A closure over whatever this process holds, run in forked processes.
//!
//! [`child`] is the life of a forked worker, [`crew`] holds the processes and their pipes, and
//! [`frame`] is what a pipe carries. Indices go in by a shared counter, results come back by a pipe for
//! each child, which the parent alone reads and never writes, so that nobody waits for a reader that
//! waits in turn.

mod child;
mod crew;
mod frame;
mod share;

use crate::{Error, ErrorKind};
use child::Place;
use crew::Crew;
use serde::Serialize;
use serde::de::DeserializeOwned;
use share::STRIDE;
use shmem::Board;

/// Runs `f` on every item in forked copies of this process; gives the results in the order of the
/// items.
///
/// Nothing is encoded on the way in: the children inherit `f`, the items and everything that they
/// refer to, copy-on-write, whatever its type. Only results travel, so `R` is what serde can carry.
/// Idle children take items one by one, or a few at a time where there are very many.
///
/// There is no pool: the children live for this call. They are reaped before it returns, and die with
/// this process. What they change is theirs alone.
///
/// # What forking costs
/// Each child gets a copy of this process's page tables, and its first access to each page is noted in
/// them. With pages of 4 KiB that is about 30 ms for each GB and child, and as much again while the child
/// reads; with huge pages it is negligible. [`vec_in_huge_pages`](crate::vec_in_huge_pages) has them; for
/// memory that others allocate, `GLIBC_TUNABLES=glibc.malloc.hugetlb=1` in the environment asks for them.
///
/// ```
/// let texts = ["a", "bb", "ccc"];
/// let weights = [1, 10, 100];
/// let indexed: Vec<_> = texts.iter().enumerate().collect();
/// # // Doctests run on a thread beside `main`'s only where they are merged; this one is its own program.
/// let weighted = handoff::fork_map(2, &indexed, |&(n, text)| weights[n] * text.len())?;
/// assert_eq!(weighted, [1, 20, 300]);
/// # Ok::<(), handoff::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Unsupported`] where this process has other threads: the copies would have their locks
/// but not them. [`ErrorKind::Panicked`] and [`ErrorKind::Died`] with the item
/// ([`Error::item`]) where `f` panics, or its process ends while it runs; the other children are
/// killed then. [`ErrorKind::Output`] where a result cannot be encoded.
pub fn fork_map<T, R, F>(workers: usize, items: &[T], f: F) -> Result<Vec<R>, Error>
where
    F: Fn(&T) -> R,
    R: Serialize + DeserializeOwned,
{
    refuse_threads()?;
    let workers = workers.clamp(1, crate::MAX_WORKERS).min(items.len());
    if workers == 0 {
        return Ok(Vec::new());
    }
    let system = |text: String| Error::new(ErrorKind::System, text);
    let board = Board::create((workers + 1) * STRIDE).map_err(|error| system(error.to_string()))?;
    let mut crew = Crew::new(&board, items.len());
    for number in 0..workers {
        let place = Place {
            board: &board,
            number,
            workers,
        };
        crew.start(|pipe| child::live(&place, pipe, items, &f))?;
    }
    crew.gather()
}

fn refuse_threads() -> Result<(), Error> {
    let threads = runtime::thread_count()
        .map_err(|error| Error::new(ErrorKind::System, format!("cannot read /proc: {error}")))?;
    if threads == 1 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unsupported,
        format!(
            "fork_map forks this process, which has {threads} threads, and only a single-threaded \
             process can be forked safely: call it before threads are started, or use a Pool"
        ),
    ))
}
