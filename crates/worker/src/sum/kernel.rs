//! Which vector instructions to sum with: what this CPU has, and a file for each set.

mod scalar;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(avx512)]
#[clippy::msrv = "1.89"]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

use std::fmt;

use super::simd::{Simd, Work};

/// A set of instructions that the sums exist for. The results of all are bit-identical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// What every CPU of the architecture has.
    Scalar,
    /// Four doubles at a time (x86-64).
    Avx2,
    /// Eight doubles at a time (x86-64).
    Avx512,
    /// Two doubles at a time (aarch64).
    Neon,
}

impl Kernel {
    /// All kernels, fastest first.
    const ALL: [Kernel; 4] = [Kernel::Avx512, Kernel::Avx2, Kernel::Neon, Kernel::Scalar];

    /// The fastest kernel for this CPU.
    pub fn detect() -> Kernel {
        Kernel::available().next().unwrap_or(Kernel::Scalar)
    }

    /// The kernels that this CPU can run, fastest first.
    pub fn available() -> impl Iterator<Item = Kernel> {
        Kernel::ALL
            .into_iter()
            .filter(|kernel| kernel.run(LaneCount).is_some())
    }

    /// Does `work` with these instructions; `None` where the CPU lacks them.
    pub(super) fn run<W: Work>(self, work: W) -> Option<W::Output> {
        match self {
            Kernel::Scalar => Some(scalar::Scalar.run(work)),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => Some(avx2::Avx2::detect()?.run(work)),
            #[cfg(not(target_arch = "x86_64"))]
            Kernel::Avx2 => None,
            #[cfg(avx512)]
            Kernel::Avx512 => Some(avx512::Avx512::detect()?.run(work)),
            // Not on this architecture, or with a compiler that is too old (`build.rs`).
            #[cfg(not(avx512))]
            Kernel::Avx512 => None,
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => Some(neon::Neon.run(work)),
            #[cfg(not(target_arch = "aarch64"))]
            Kernel::Neon => None,
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Kernel::Scalar => "scalar",
            Kernel::Avx2 => "avx2",
            Kernel::Avx512 => "avx512",
            Kernel::Neon => "neon",
        })
    }
}

/// Asks how many doubles are summed at a time.
pub(super) struct LaneCount;

impl Work for LaneCount {
    type Output = usize;

    #[inline(always)]
    fn work<S: Simd>(self, _: S) -> usize {
        S::LANES
    }
}
