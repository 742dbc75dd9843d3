//! The job that this process is a part of: MPI, which is joined once and left at the end of the program.
//!
//! A rank other than 0 serves, and its program does not go on. Rank 0's link to them is here while no pool has
//! it; when the program ends, in whatever way, they receive word to end.

use crate::comm::Comm;
use crate::link::{Link, Message};
use crate::place::{Facts, places};
use crate::protocol::{Down, head};
use crate::serve::Server;
use guardian::Guardian;
use handoff::elsewhere::error;
use handoff::{Error, ErrorKind};
use std::cell::RefCell;
use std::rc::Rc;

/// Variables by which launchers tell a process that it is a rank of a job: Open MPI's, PMIx's, and those of
/// MPICH's Hydra and of Slurm's PMI.
const LAUNCHED: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_SIZE"];

thread_local! {
    static SESSION: RefCell<Option<Session>> = const { RefCell::new(None) };
}

/// What rank 0 has of the job.
struct Session {
    link: Rc<RefCell<Link>>,
    cores: usize,
    has_pool: bool,
    /// Ends what this process has started, if it dies.
    _guardian: Guardian,
}

/// The job, for one pool.
pub(crate) struct Lease {
    pub(crate) link: Rc<RefCell<Link>>,
    /// This rank's share of its machine's processors.
    pub(crate) cores: usize,
}

impl Drop for Lease {
    fn drop(&mut self) {
        // When the program ends there may be none any more.
        let _ = SESSION.try_with(|session| {
            if let Ok(mut session) = session.try_borrow_mut()
                && let Some(session) = session.as_mut()
            {
                session.has_pool = false;
            }
        });
    }
}

/// Whether a launcher has started this process as a rank.
pub(crate) fn is_launched() -> bool {
    LAUNCHED.iter().any(|name| std::env::var_os(name).is_some())
}

/// Joins the job, if there is one. On rank 0 it returns; the others serve until the job ends, and exit.
pub(crate) fn join() -> Result<(), Error> {
    if !is_launched() || SESSION.with_borrow(Option::is_some) {
        return Ok(());
    }
    let failed = |text: String| error(ErrorKind::System, text);
    // Started by forking, which no process may that has memory registered with a network card.
    let guardian = Guardian::join().map_err(|why| failed(why.to_string()))?;
    let comm = Comm::join(None).map_err(|why| failed(why.to_string()))?;
    let facts = Facts::gather(&comm);
    let all = comm.gather(facts);
    let places = comm.broadcast(all.map(|facts| places(&facts)));
    let cores = places[comm.rank() as usize].cores as usize;
    let rank = comm.rank();
    let link = Link::new(Rc::new(comm));
    link.report_errors();
    if rank > 0 {
        Server::new(link, cores).run();
        drop(guardian);
        std::process::exit(0);
    }
    let session = Session {
        link: Rc::new(RefCell::new(link)),
        cores,
        has_pool: false,
        _guardian: guardian,
    };
    SESSION.set(Some(session));
    Ok(())
}

/// The job for a new pool; none where this process is no rank.
pub(crate) fn lease() -> Result<Option<Lease>, Error> {
    join()?;
    SESSION.with_borrow_mut(|session| {
        let Some(session) = session else {
            return Ok(None);
        };
        if std::mem::replace(&mut session.has_pool, true) {
            let text = "there is a pool over all ranks already: drop it, or use handoff::Pool for one of this \
                        machine alone";
            return Err(error(ErrorKind::Misuse, text));
        }
        Ok(Some(Lease {
            link: Rc::clone(&session.link),
            cores: session.cores,
        }))
    })
}

/// The program ends: on the thread that joined, by returning from `main` or by `exit`. On another thread nothing
/// is said, and the launcher ends the other ranks.
impl Drop for Session {
    fn drop(&mut self) {
        // It is in use only where the program ends from inside a call of the pool.
        let Ok(mut link) = self.link.try_borrow_mut() else {
            return;
        };
        let whole = link.is_whole();
        for rank in 1..link.comm().size() as usize {
            link.send(rank, Message::of(head(&Down::End { whole })));
        }
        link.flush(|_, _| {});
        // A pool that is not dropped any more has the link too.
        link.leave();
    }
}
