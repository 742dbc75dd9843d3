//! What huge pages bring, tried on private memory: any program may have them there, while those of
//! segments hang on a setting that only root changes.

use crate::exit::Failure;
use report::{PerPages, Trial};
use shmem::PrivateMemory;
use std::hint::black_box;
use std::time::Instant;

/// Large enough for caches not to matter, small enough for any machine.
const BYTES: u64 = 256 << 20;
/// Each size of pages is tried so often, in turns; the best counts, since others only disturb.
const ROUNDS: usize = 3;

/// Tries both.
pub(super) fn run() -> Result<Trial, Failure> {
    let mut small: Vec<Times> = Vec::new();
    let mut huge: Vec<Times> = Vec::new();
    for _ in 0..ROUNDS {
        small.push(once(false)?);
        huge.push(once(true)?);
    }
    let both = |of: fn(&Times) -> f64| {
        let rate = |times: &[Times]| {
            BYTES as f64 / 1e9 / times.iter().map(of).fold(f64::INFINITY, f64::min)
        };
        PerPages {
            small: rate(&small),
            huge: rate(&huge),
        }
    };
    Ok(Trial {
        bytes: BYTES,
        huge_bytes: huge.iter().map(|times| times.huge_bytes).max().unwrap_or(0),
        fill: both(|times| times.fill),
        read: both(|times| times.read),
    })
}

/// Its result, as the end of a sentence about segments.
pub(super) fn in_words(trial: &Result<Option<Trial>, Failure>) -> String {
    match trial {
        Ok(None) => "`coordinator doctor --try` measures what huge pages bring here".to_owned(),
        Err(failure) => format!("what they bring could not be tried ({})", failure.message().unwrap_or_default()),
        Ok(Some(trial)) if trial.huge_bytes < trial.bytes / 2 => {
            "what huge pages bring could not be tried: the kernel gives none to private memory either".to_owned()
        }
        Ok(Some(Trial { bytes, fill, read, .. })) => format!(
            "tried on {} MiB of private memory, which may have huge pages here, as a stand-in: filled at \
             {:.1} GB/s in small pages and {:.1} GB/s in huge ones ({:.1} times as fast), then read at {:.1} \
             and {:.1} GB/s",
            bytes >> 20,
            fill.small,
            fill.huge,
            fill.huge / fill.small,
            read.small,
            read.huge,
        ),
    }
}

struct Times {
    fill: f64,
    read: f64,
    huge_bytes: u64,
}

fn once(huge: bool) -> Result<Times, Failure> {
    let mut memory = PrivateMemory::zeroed(BYTES)?;
    if !huge {
        memory.in_small_pages()?;
    }
    let began = Instant::now();
    memory.as_mut_slice().fill(1);
    let fill = began.elapsed().as_secs_f64();
    let began = Instant::now();
    // A search for what is not there reads everything, as fast in a debug build as in a release.
    black_box(memory.slice(0, BYTES)?.contains(&black_box(2)));
    let read = began.elapsed().as_secs_f64();
    let huge_bytes = memory.huge_bytes()?;
    Ok(Times {
        fill,
        read,
        huge_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stand_in_is_told_as_such() {
        let rates = PerPages {
            small: 2.0,
            huge: 5.0,
        };
        let trial = Trial {
            bytes: BYTES,
            huge_bytes: BYTES,
            fill: rates,
            read: rates,
        };
        let said = in_words(&Ok(Some(trial.clone())));
        for word in ["private memory", "stand-in", "2.5 times", "256 MiB"] {
            assert!(said.contains(word), "{said}");
        }
        assert!(in_words(&Ok(None)).contains("--try"));
        let none = Trial {
            huge_bytes: 0,
            ..trial
        };
        assert!(in_words(&Ok(Some(none))).contains("could not be tried"));
    }
}
