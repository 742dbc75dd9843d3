//! The floating-point environment that the sums are computed in, whatever the process has set.
//!
//! Any library of the process may change how the CPU rounds, have it flush subnormals to zero or trap
//! on an exception: one that was linked with `-ffast-math` does so when it is loaded, and threads and
//! forked children inherit it. Rust's arithmetic is defined for the default environment alone, and so
//! are the error-free transformations of the kernels. Integer code needs nothing of this.

/// Runs `work` in the default floating-point environment (rounding to nearest, subnormals kept, no
/// traps), and restores the thread's own after it.
pub(super) fn in_default<T>(work: impl FnOnce() -> T) -> T {
    let _restored_on_drop = Replaced::with_default();
    not_inlined(work)
}

/// A call that the compiler does not inline: arithmetic of `work` cannot move across the changes
/// of the environment around it.
#[inline(never)]
fn not_inlined<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// The thread's own environment, which is restored on drop, unless it was the default anyway.
struct Replaced(Option<control::Word>);

impl Replaced {
    fn with_default() -> Replaced {
        let own = control::read();
        if control::is_default(own) {
            return Replaced(None);
        }
        control::write(control::DEFAULT);
        Replaced(Some(own))
    }
}

impl Drop for Replaced {
    fn drop(&mut self) {
        if let Some(own) = self.0 {
            control::write(own);
        }
    }
}

/// MXCSR: the control and status word of SSE and AVX.
#[cfg(target_arch = "x86_64")]
mod control {
    use std::arch::asm;

    pub(super) type Word = u32;

    /// All exceptions masked, rounding to nearest, neither FTZ (bit 15) nor DAZ (bit 6).
    pub(super) const DEFAULT: Word = 0x1f80;

    /// Which exceptions occurred so far, which changes no result.
    const STATUS: Word = 0x3f;

    pub(super) fn is_default(word: Word) -> bool {
        word & !STATUS == DEFAULT
    }

    pub(super) fn read() -> Word {
        let mut word: Word = 0;
        // SAFETY: writes the four bytes that the pointer leads to, and nothing else.
        unsafe {
            asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack, preserves_flags));
        }
        word
    }

    pub(super) fn write(word: Word) {
        // SAFETY: `word` is the default, which Rust's arithmetic assumes, or what the thread had when
        // it called: no reserved bit is set, and the caller finds what it left.
        unsafe {
            asm!("ldmxcsr [{}]", in(reg) &raw const word, options(nostack));
        }
    }
}

/// FPCR: the control register of NEON; its status is in another one.
#[cfg(target_arch = "aarch64")]
mod control {
    use std::arch::asm;

    pub(super) type Word = u64;

    /// No traps, rounding to nearest, neither FZ (bit 24) nor any other alternative behaviour.
    pub(super) const DEFAULT: Word = 0;

    pub(super) fn is_default(word: Word) -> bool {
        word == DEFAULT
    }

    pub(super) fn read() -> Word {
        let word: Word;
        // SAFETY: reads a register that every program may read.
        unsafe { asm!("mrs {}, fpcr", out(reg) word, options(nostack, preserves_flags)) };
        word
    }

    pub(super) fn write(word: Word) {
        // SAFETY: `word` is the default, which Rust's arithmetic assumes, or what the thread had when
        // it called.
        unsafe { asm!("msr fpcr, {}", in(reg) word, options(nostack)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sum::{Kernel, Summer, oracle};
    use dataset::{Column, Kind, Order, Scalar};

    /// Environments that other code may leave: subnormals flushed, every other rounding, traps.
    #[cfg(target_arch = "x86_64")]
    const OTHERS: [control::Word; 5] = [0x9fc0, 0x3f80, 0x5f80, 0x7f80, 0x1000];
    #[cfg(target_arch = "aarch64")]
    const OTHERS: [control::Word; 4] = [1 << 24, 1 << 22, 2 << 22, 3 << 22];

    /// What `work` gives in another environment, and the environment that it leaves.
    fn with<T>(other: control::Word, work: impl FnOnce() -> T) -> (T, control::Word) {
        control::write(other);
        let result = not_inlined(work);
        let left = control::read();
        control::write(control::DEFAULT);
        (result, left)
    }

    /// Values of which each needs another property of the default environment, for every position
    /// in a group of records and in the tail after it.
    fn values() -> Vec<f64> {
        let once = [
            5e-324,
            1e-40,
            2f64.powi(-1022),
            0.1,
            1e16,
            -0.3,
            f64::NAN,
            -5e-324,
            1.0,
        ];
        let mut values = once.repeat(50);
        values.extend([5e-324; 2001]);
        values.extend([1e-40; 2001]);
        values
    }

    fn bytes(values: &[f64], kind: Kind) -> Vec<u8> {
        let of = |&value: &f64| match kind {
            Kind::F4 => (value as f32).to_le_bytes().to_vec(),
            // Of most a subnormal, as the low bits of any number.
            Kind::F2 => ((value as f32).to_bits() as u16 & 0x83ff | 1)
                .to_le_bytes()
                .to_vec(),
            _ => value.to_le_bytes().to_vec(),
        };
        values.iter().flat_map(of).collect()
    }

    #[test]
    fn every_kernel_sums_exactly_in_any_environment_and_restores_it() {
        for kind in [Kind::F8, Kind::F4, Kind::F2] {
            let scalar = Scalar::new(kind, Order::Little);
            let column = Column {
                offset: 0,
                stride: scalar.size(),
                scalar,
            };
            let subnormals = bytes(&[5e-324, 1e-40].repeat(5000), kind);
            for records in [bytes(&values(), kind), subnormals] {
                let expected = oracle::sum(&records, &column).value.to_bits();
                for kernel in Kernel::available() {
                    for other in OTHERS {
                        let (bits, left) = with(other, || {
                            let mut summer = Summer::with_kernel(&column, kernel).unwrap();
                            summer.add(&records);
                            summer.finish().value().to_bits()
                        });
                        assert_eq!(bits, expected, "{kind:?} on {kernel} in {other:#x}");
                        assert_eq!(left, other, "{kind:?} on {kernel}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_oracle_does_not_depend_on_it_either() {
        let scalar = Scalar::new(Kind::F4, Order::Little);
        let column = Column {
            offset: 0,
            stride: 4,
            scalar,
        };
        let records = bytes(&[-1e-40; 3], Kind::F4);
        let expected = oracle::sum(&records, &column).value.to_bits();
        for other in OTHERS {
            let (bits, _) = with(other, || oracle::sum(&records, &column).value.to_bits());
            assert_eq!(bits, expected, "{other:#x}");
        }
    }

    #[test]
    fn a_panic_restores_it_too() {
        let (caught, left) = with(OTHERS[0], || {
            std::panic::catch_unwind(|| in_default(|| panic!("on purpose")))
        });
        assert!(caught.is_err());
        assert_eq!(left, OTHERS[0]);
    }
}
