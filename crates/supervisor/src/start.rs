//! Start methods: how a worker is started. One method, one file.

mod ends;
mod error;
mod fork;
mod forkserver;
mod listen;
mod method;
mod spawn;
mod surroundings;

pub(crate) use ends::{WorkerEnds, connected_ends};
pub use error::StartError;
pub(crate) use forkserver::{Server, ServerSaid};
pub use listen::ListenError;
pub(crate) use listen::{External, Listener};
pub use method::{Program, StartMethod};
pub use surroundings::FIRST_INHERITED;

use crate::process::Process;
use guardian::{GuardedGroup, Guardian};
use runtime::Inherited;
use task::Registry;

/// What starting needs of the pool.
pub(crate) struct Starter {
    pub method: StartMethod,
    pub registry: Registry,
    pub inherited: Inherited,
    pub threads_allowed: bool,
    pub guardian: Guardian,
    /// The forkserver, once it runs.
    pub server: Option<Server>,
}

/// A worker that has been started, or has been asked for.
pub(crate) enum Started {
    Now(Process),
    /// The forkserver will tell of it by the number of the request. Then it is to be guarded.
    Soon(GuardedGroup),
}

impl Starter {
    /// Starts a worker on `ends`. `request` names it to a forkserver.
    pub(crate) fn start(&mut self, ends: WorkerEnds, request: u64) -> Result<Started, StartError> {
        let group = self.guardian.group()?;
        match &self.method {
            StartMethod::Fork => {
                let parts = (&self.registry, &self.inherited);
                fork::start(ends, group, parts, self.threads_allowed).map(Started::Now)
            }
            StartMethod::Spawn(program) => spawn::start(program, ends, group).map(Started::Now),
            StartMethod::ForkServer(program) => {
                let server = match &mut self.server {
                    Some(server) => server,
                    none => none.insert(Server::start(program, self.guardian.group()?)?),
                };
                server.ask(ends, request)?;
                Ok(Started::Soon(group))
            }
            StartMethod::Listen(_) => unreachable!("listen pools start no workers"),
        }
    }
}
