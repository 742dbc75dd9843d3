//! What this process may take: the limits that `ulimit` shows.

use super::finding::{Fix, bad, better, good, size};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use report::Finding;

/// Descriptors that the coordinator has open for a worker: its socket, its stderr, its process.
const DESCRIPTORS_PER_WORKER: u64 = 3;
/// Those that it has open besides, and a few to spare.
const OTHER_DESCRIPTORS: u64 = 32;
/// As many workers as a user would start by accident.
const MANY_WORKERS: u64 = 256;

pub(super) fn findings(dataset: Option<u64>) -> Vec<Finding> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let limit = |resource| {
        getrlimit(resource)
            .ok()
            .map(|(soft, hard)| Limit { soft, hard })
    };
    [
        limit(Resource::RLIMIT_NOFILE).map(|limit| descriptors(limit, cores)),
        limit(Resource::RLIMIT_NPROC).map(|limit| processes(limit, cores)),
        limit(Resource::RLIMIT_AS).map(|limit| address_space(limit, dataset)),
        limit(Resource::RLIMIT_FSIZE).map(|limit| file_size(limit, dataset)),
        limit(Resource::RLIMIT_MEMLOCK).map(locked),
        limit(Resource::RLIMIT_CORE).map(core),
        Some(arenas(cores as usize)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What each worker's arrays may take, in a pool with a worker for each processor.
fn arenas(cores: usize) -> Finding {
    let topic = "arenas of arrays";
    // Those of the process itself are two.
    let bytes = shmem::default_arena_size(cores + 2);
    let limits = shmem::arena_limits();
    let limiting = limits.iter().skip(1).filter(|(_, limit)| limit.is_some());
    let names: Vec<&str> = limiting.map(|(name, _)| *name).collect();
    let means = format!("of each of {cores} workers");
    match limits[0].1 {
        Some(memory) if bytes < memory / 2 && !names.is_empty() => {
            let means = format!(
                "{means}: {} leave less than the machine's memory",
                names.join(", ")
            );
            better(topic, size(bytes), means).fix("ulimit -v unlimited; ulimit -f unlimited")
        }
        _ => good(topic, size(bytes), means),
    }
}

/// The limit that holds, and how far it can be raised without being root.
#[derive(Clone, Copy)]
struct Limit {
    soft: u64,
    hard: u64,
}

impl Limit {
    fn number(self) -> String {
        match self.soft {
            RLIM_INFINITY => "unlimited".to_owned(),
            soft => soft.to_string(),
        }
    }

    fn bytes(self) -> String {
        match self.soft {
            RLIM_INFINITY => "unlimited".to_owned(),
            soft => size(soft),
        }
    }

    /// `ulimit` where that is enough, else what root does.
    fn raised(self, flag: &str, name: &str, to: u64) -> String {
        if self.hard >= to {
            format!("ulimit -{flag} {to}")
        } else {
            format!("sudo prlimit --pid $$ --{name}={to}:{to}")
        }
    }

    /// The same without a limit.
    fn lifted(self, flag: &str, name: &str) -> String {
        if self.hard == RLIM_INFINITY {
            format!("ulimit -{flag} unlimited")
        } else {
            format!("sudo prlimit --pid $$ --{name}=unlimited:unlimited")
        }
    }
}

fn descriptors(limit: Limit, cores: u64) -> Finding {
    let topic = "open files (ulimit -n)";
    let workers = limit.soft.saturating_sub(OTHER_DESCRIPTORS) / DESCRIPTORS_PER_WORKER;
    let enough = MANY_WORKERS.max(cores) * DESCRIPTORS_PER_WORKER + OTHER_DESCRIPTORS;
    let means = format!("enough for about {workers} workers");
    if workers < cores {
        bad(
            topic,
            limit.number(),
            format!("{means}, fewer than the {cores} processors"),
        )
        .fix(limit.raised("n", "nofile", enough.next_power_of_two()))
    } else if limit.soft < enough {
        better(topic, limit.number(), means).fix(limit.raised(
            "n",
            "nofile",
            enough.next_power_of_two(),
        ))
    } else if limit.soft == RLIM_INFINITY {
        good(topic, limit.number(), "enough for any number of workers")
    } else {
        good(topic, limit.number(), means)
    }
}

fn processes(limit: Limit, cores: u64) -> Finding {
    let topic = "processes of this user (ulimit -u)";
    let means = "all of this user's processes and threads count, those of other programs too";
    if limit.soft < cores + 2 {
        bad(
            topic,
            limit.number(),
            format!("too few for a worker on each processor; {means}"),
        )
        .fix(limit.raised("u", "nproc", 4096))
    } else if limit.soft < MANY_WORKERS {
        better(topic, limit.number(), means).fix(limit.raised("u", "nproc", 4096))
    } else {
        good(topic, limit.number(), "enough for many workers")
    }
}

fn address_space(limit: Limit, dataset: Option<u64>) -> Finding {
    let topic = "address space (ulimit -v)";
    match dataset {
        _ if limit.soft == RLIM_INFINITY => {
            good(topic, limit.number(), "a dataset of any size can be mapped")
        }
        // What programs map besides is hundreds of megabytes at most.
        Some(needed) if limit.soft < needed + (1 << 28) => bad(
            topic,
            limit.bytes(),
            format!(
                "the dataset's {} cannot be mapped (mmap, shm, inherit); bytes maps nothing",
                size(needed)
            ),
        )
        .fix(limit.lifted("v", "as")),
        _ => better(
            topic,
            limit.bytes(),
            "larger datasets cannot be mapped (mmap, shm, inherit)",
        )
        .fix(limit.lifted("v", "as")),
    }
}

fn file_size(limit: Limit, dataset: Option<u64>) -> Finding {
    let topic = "size of a file (ulimit -f)";
    match dataset {
        _ if limit.soft == RLIM_INFINITY => {
            good(topic, limit.number(), "a segment may have any size")
        }
        Some(needed) if limit.soft < needed => bad(
            topic,
            limit.bytes(),
            format!(
                "a segment for the dataset's {} is refused (transport shm)",
                size(needed)
            ),
        )
        .fix(limit.lifted("f", "fsize")),
        _ => better(
            topic,
            limit.bytes(),
            "datagen and segments (transport shm) stop there",
        )
        .fix(limit.lifted("f", "fsize")),
    }
}

fn locked(limit: Limit) -> Finding {
    let topic = "locked memory (ulimit -l)";
    good(
        topic,
        limit.bytes(),
        "nothing is locked here, so any limit will do",
    )
}

fn core(limit: Limit) -> Finding {
    let topic = "core dumps (ulimit -c)";
    match limit.soft {
        0 => good(topic, "none", "a worker that crashes is gone, and replaced, at once"),
        _ => better(
            topic,
            limit.bytes(),
            "a worker that crashes writes its memory to the disk before it is replaced (datasets and segments \
             are left out of that)",
        )
        .fix("ulimit -c 0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use report::Grade;

    fn limit(soft: u64) -> Limit {
        Limit {
            soft,
            hard: 1 << 20,
        }
    }

    #[test]
    fn descriptors_are_counted_in_workers() {
        assert_eq!(descriptors(limit(64), 64).grade, Grade::Bad);
        let few = descriptors(limit(256), 8);
        assert_eq!(few.grade, Grade::CouldBeBetter);
        assert!(few.means.contains("74 workers"), "{}", few.means);
        assert_eq!(few.fix.unwrap(), "ulimit -n 1024");
        assert_eq!(descriptors(limit(1024), 8).grade, Grade::Good);
        assert_eq!(descriptors(limit(RLIM_INFINITY), 8).grade, Grade::Good);
        let fixed = Limit {
            soft: 256,
            hard: 256,
        };
        assert!(
            descriptors(fixed, 8)
                .fix
                .unwrap()
                .starts_with("sudo prlimit --pid $$ --nofile=")
        );
    }

    #[test]
    fn other_limits() {
        assert_eq!(processes(limit(3), 8).grade, Grade::Bad);
        assert_eq!(processes(limit(100), 8).grade, Grade::CouldBeBetter);
        assert_eq!(processes(limit(4096), 8).grade, Grade::Good);
        assert_eq!(
            address_space(limit(1 << 30), Some(1 << 30)).grade,
            Grade::Bad
        );
        assert_eq!(
            address_space(limit(1 << 40), Some(1 << 30)).grade,
            Grade::CouldBeBetter
        );
        assert_eq!(address_space(limit(RLIM_INFINITY), None).grade, Grade::Good);
        assert_eq!(file_size(limit(1 << 20), Some(1 << 30)).grade, Grade::Bad);
        assert_eq!(core(limit(0)).grade, Grade::Good);
        assert_eq!(core(limit(1)).grade, Grade::CouldBeBetter);
    }
}
