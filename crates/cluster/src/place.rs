//! Which ranks share a machine, its processors and its clock.

use crate::comm::Comm;
use serde::{Deserialize, Serialize};
use std::fs;

/// What a rank knows of where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// The machine's name.
    pub(crate) host: String,
    /// Which start of which kernel, and which time namespace: ranks that agree in both read one
    /// monotonic clock.
    pub(crate) clock: (String, String),
    /// The processors that the rank may use, as the kernel writes them.
    pub(crate) cpus: String,
    /// How many that are, and what a quota leaves of them.
    pub(crate) cores: u32,
    /// How many the machine has.
    pub(crate) cores_online: u32,
}

/// Where a rank runs, beside which others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Its machine, counted from 0 in the order of ranks.
    pub(crate) machine: u32,
    /// Whether it reads the same clock as rank 0.
    pub(crate) clock_of_rank_0: bool,
    /// Its share of the processors that it may use, at least 1.
    pub(crate) cores: u32,
    /// Ranks on the machine.
    pub(crate) neighbours: u32,
}

impl Facts {
    /// Those of this rank.
    pub(crate) fn gather(comm: &Comm) -> Facts {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let status = read("/proc/self/status");
        let cpus = status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
            .unwrap_or_default();
        let time = fs::read_link("/proc/self/ns/time").unwrap_or_default();
        Facts {
            host: comm.host().to_owned(),
            clock: (
                read("/proc/sys/kernel/random/boot_id").trim().to_owned(),
                time.to_string_lossy().into_owned(),
            ),
            cpus: cpus.trim().to_owned(),
            cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
            cores_online: nix::unistd::sysconf(nix::unistd::SysconfVar::_NPROCESSORS_ONLN)
                .ok()
                .flatten()
                .map_or(1, |cores| cores as u32),
        }
    }

    fn same_machine(&self, other: &Facts) -> bool {
        (&self.host, &self.clock.0) == (&other.host, &other.clock.0)
    }
}

/// The places of all ranks, from their facts in order.
pub(crate) fn places(facts: &[Facts]) -> Vec<Place> {
    let mut machines: Vec<&Facts> = Vec::new();
    facts
        .iter()
        .map(|mine| {
            let machine = machines
                .iter()
                .position(|machine| machine.same_machine(mine))
                .unwrap_or_else(|| {
                    machines.push(mine);
                    machines.len() - 1
                });
            let neighbours = facts.iter().filter(|other| mine.same_machine(other));
            let sharers = neighbours
                .clone()
                .filter(|other| other.cpus == mine.cpus)
                .count() as u32;
            Place {
                machine: machine as u32,
                clock_of_rank_0: facts[0].clock == mine.clock,
                cores: (mine.cores / sharers).max(1),
                neighbours: neighbours.count() as u32,
            }
        })
        .collect()
}

/// What to say where the launcher has tied a rank to fewer processors than its share.
pub(crate) fn bound_too_tight(facts: &Facts, place: &Place) -> Option<String> {
    let share = facts.cores_online / place.neighbours;
    (facts.cores < share).then(|| {
        format!(
            "The launcher has bound a rank to {} of {} processors: `mpirun --bind-to none` (srun \
             --cpu-bind=none) gives it all.",
            facts.cores, facts.cores_online
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(host: &str, cpus: &str, cores: u32) -> Facts {
        Facts {
            host: host.to_owned(),
            clock: (host.to_owned(), "time:[1]".to_owned()),
            cpus: cpus.to_owned(),
            cores,
            cores_online: 8,
        }
    }

    #[test]
    fn ranks_of_a_machine_share_its_processors() {
        let of = places(&[
            facts("a", "0-7", 8),
            facts("b", "0-3", 4),
            facts("a", "0-7", 8),
            facts("b", "4-7", 4),
        ]);
        let machines: Vec<u32> = of.iter().map(|place| place.machine).collect();
        assert_eq!(machines, [0, 1, 0, 1]);
        let cores: Vec<u32> = of.iter().map(|place| place.cores).collect();
        assert_eq!(cores, [4, 4, 4, 4]);
        assert!(of[2].clock_of_rank_0 && !of[1].clock_of_rank_0);
        let crowded = places(&vec![facts("a", "0", 1); 4]);
        assert!(crowded.iter().all(|place| place.cores == 1));
    }

    #[test]
    fn a_rank_on_one_core_is_told_of() {
        let alone = facts("a", "0", 1);
        let place = &places(std::slice::from_ref(&alone))[0];
        assert!(bound_too_tight(&alone, place).unwrap().contains("1 of 8"));
        let free = facts("a", "0-7", 8);
        let place = &places(std::slice::from_ref(&free))[0];
        assert_eq!(bound_too_tight(&free, place), None);
    }
}
