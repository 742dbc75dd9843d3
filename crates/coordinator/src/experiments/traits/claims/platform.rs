//! What this build and this kernel offer.

use crate::experiments::traits::claim::{Claim, Methods, Parent, study};
use machine::machine;
use nix::sys::memfd::{MFdFlags, memfd_create};
use report::TraitStatement;
use serde::{Deserialize, Serialize};
use std::path::Path;

pub(in super::super) struct Platform;

/// What a child says of where it runs.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Place {
    /// The process; another than its parent, or it was not started.
    pid: u32,
    os: String,
    /// The family that Rust counts the system to: `unix`.
    family: String,
    arch: String,
    kernel: String,
    /// Whether memory files can be made, which `shm` may use.
    memfd: bool,
    /// Whether there is a file system for named segments.
    dev_shm: bool,
    /// Settings of huge pages for private and for shared memory.
    huge_pages: [Option<String>; 2],
}

impl Claim for Platform {
    const NAME: &'static str = "platform";
    const TITLE: &'static str = "Platform support";
    const MEASURED: &'static str = "a child is started by each method and says what system it runs \
        on; of other systems a run can say nothing";
    type Ask = ();
    type Answer = Place;
    /// None where no other process answered.
    type Seen = Option<Place>;

    fn probe(parent: &mut Parent<Self>) -> anyhow::Result<Option<Place>> {
        let place = parent.child(&())?;
        Ok((place.pid != std::process::id()).then_some(place))
    }

    fn child((): ()) -> anyhow::Result<Place> {
        let machine = machine();
        Ok(Place {
            pid: std::process::id(),
            os: std::env::consts::OS.to_owned(),
            family: std::env::consts::FAMILY.to_owned(),
            arch: machine.arch,
            kernel: machine.kernel,
            memfd: memfd_create(c"handoff-traits", MFdFlags::MFD_CLOEXEC).is_ok(),
            dev_shm: Path::new("/dev/shm").is_dir(),
            huge_pages: [machine.huge_pages.enabled, machine.huge_pages.shmem_enabled],
        })
    }

    fn cell(seen: &Option<Place>) -> String {
        let Some(place) = seen else {
            return "does not work here".to_owned();
        };
        let word = |there: bool| if there { "yes" } else { "no" };
        let setting = |index: usize| place.huge_pages[index].as_deref().unwrap_or("none");
        format!(
            "works here ({} {}, {}); memfd {}, /dev/shm {}, huge pages {}, for shared memory {}",
            place.os,
            place.kernel,
            place.arch,
            word(place.memfd),
            word(place.dev_shm),
            setting(0),
            setting(1)
        )
    }

    fn judge(seen: &Methods<Option<Place>>) -> Vec<TraitStatement> {
        let on_unix = |place: &Place| place.family == "unix";
        vec![
            study(
                "fork works on a Unix-like system",
                seen.fork.as_ref().is_some_and(on_unix),
            ),
            study("spawn works on a Unix-like system as well", {
                seen.spawn.as_ref().is_some_and(on_unix)
            }),
        ]
    }
}
