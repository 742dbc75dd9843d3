//! The jobs that the laboratory brings along beside the sum over a file: each is one kind of work that
//! programs hand to workers, with the same kernel for all who run it.
//!
//! | job | its tasks | what it shows |
//! | --- | --- | --- |
//! | `memory` | sum parts of an array in the caller's memory | what handing over input costs |
//! | `cpu` | compute, some sixteen times as long as others | what isolation costs where nothing is handed over |
//! | `results` | make parts of a large result | what getting output back costs |
//! | `tiny` | add one | what a task costs |

mod cpu;
mod kernels;
mod memory;
mod results;
mod tiny;

use report::HandOver;

use crate::job::Job;

/// A job by its name.
pub(crate) struct Known {
    /// The name.
    pub(crate) name: &'static str,
    /// One sentence on it.
    pub(crate) about: &'static str,
    /// Bytes of its data, where nobody says how many.
    pub(crate) sizes: &'static [u64],
    /// How its data can be handed over.
    pub(crate) hand_overs: &'static [HandOver],
    /// Makes it, with this number of bytes.
    pub(crate) make: fn(u64) -> anyhow::Result<Job>,
}

/// Sizes that show where fixed costs end and the costs of each byte begin.
const SIZES: &[u64] = &[1 << 20, 16 << 20, 256 << 20];

/// All of them.
pub(crate) const ALL: [Known; 4] = [
    Known {
        name: "memory",
        about: "Each of 16 tasks sums a part of an array that is in the caller's memory.",
        sizes: SIZES,
        hand_overs: &HandOver::ALL,
        make: memory::job,
    },
    Known {
        name: "cpu",
        about: "256 tasks that compute, the longest 16 times as long as the shortest; a few bytes go in \
                and out.",
        sizes: &[0],
        hand_overs: &[HandOver::Bytes, HandOver::Inherit],
        make: cpu::job,
    },
    Known {
        name: "results",
        about: "Each of 16 tasks makes a part of a large result, which the caller reads once.",
        sizes: SIZES,
        hand_overs: &HandOver::ALL,
        make: results::job,
    },
    Known {
        name: "tiny",
        about: "100,000 tasks that add one to a number.",
        sizes: &[0],
        hand_overs: &[HandOver::Bytes, HandOver::Inherit],
        make: tiny::job,
    },
];

/// The job of this name.
pub(crate) fn named(name: &str) -> Option<&'static Known> {
    ALL.iter().find(|known| known.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::By;

    /// What is run without a pool; the others are run by the tests of the program.
    #[test]
    fn threads_and_the_loop_agree_and_a_job_has_every_way_that_it_names() {
        for known in &ALL {
            let mut job = (known.make)(known.sizes[0].min(1 << 20)).unwrap();
            let mut results = [By::Loop, By::Threads(2)].map(|mut by| {
                job.plain.fill().unwrap();
                job.plain.run(&mut by).unwrap()().unwrap()
            });
            assert_eq!(results[0], results[1], "{}", known.name);
            job.plain.fill().unwrap();
            results[1] = job.plain.run(&mut By::Loop).unwrap()().unwrap();
            assert_eq!(results[0], results[1], "{}: again", known.name);
            let ways: Vec<HandOver> = job.ways.iter().map(|(hand_over, _)| *hand_over).collect();
            assert_eq!(ways, known.hand_overs, "{}", known.name);
        }
    }
}
