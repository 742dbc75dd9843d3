//! What a child can learn of its parent.

use crate::experiments::traits::claim::{Claim, Methods, Parent, VARIABLE, ours, study};
use report::TraitStatement;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read;
use std::os::unix::fs::FileExt;

pub(in super::super) struct Security;

/// The secret, disguised, so that asking for it does not hand it over.
type Disguised = [u8; 32];

/// What a child found.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Found {
    /// The secret, in its own memory.
    secret: bool,
    /// A variable that its parent's environment has.
    variable: bool,
    /// Where its code is.
    code: u64,
}

/// What a child found, beside its parent.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Seen {
    /// The secret in its parent's heap.
    secret: bool,
    /// Its parent's environment.
    environment: bool,
    /// Its parent's address layout.
    layout: bool,
}

/// Bytes of memory that are searched at once.
const BLOCK: usize = 1 << 20;

impl Claim for Security {
    const NAME: &'static str = "security";
    const TITLE: &'static str = "Security";
    const MEASURED: &'static str = "the parent holds a random secret on its heap; the child \
        searches all of its own writable memory for it, looks for a variable of its parent's \
        environment, and says where its code is";
    type Ask = Disguised;
    type Answer = Found;
    type Seen = Seen;

    fn probe(parent: &mut Parent<Self>) -> anyhow::Result<Seen> {
        let mut secret = vec![0; 32];
        File::open("/dev/urandom")?.read_exact(&mut secret)?;
        let mut disguised = Disguised::default();
        for (disguised, byte) in disguised.iter_mut().zip(&secret) {
            *disguised = !byte;
        }
        let found = parent.child(&disguised)?;
        black_box(&secret);
        Ok(Seen {
            secret: found.secret,
            environment: found.variable,
            layout: found.code == code(),
        })
    }

    fn child(disguised: Disguised) -> anyhow::Result<Found> {
        Ok(Found {
            secret: search(&disguised)?,
            variable: std::env::var_os(VARIABLE).is_some(),
            code: code(),
        })
    }

    fn cell(seen: &Seen) -> String {
        let word = |is: bool, yes: &'static str, no: &'static str| if is { yes } else { no };
        format!(
            "secret of the parent's heap {}; parent's environment {}; address layout {}",
            word(seen.secret, "found", "not found"),
            word(seen.environment, "seen", "not seen"),
            word(seen.layout, "the parent's", "another")
        )
    }

    fn judge(seen: &Methods<Seen>) -> Vec<TraitStatement> {
        vec![
            study(
                "a forked child can read a secret that its parent's heap held",
                seen.fork.secret,
            ),
            study(
                "a spawned child cannot read what its parent's heap held",
                !seen.spawn.secret,
            ),
            ours(
                "a spawned child sees its parent's environment, and the secrets in it",
                seen.spawn.environment,
            ),
            ours(
                "who knows the addresses of one knows those of the other: parent and forked child \
                 share their layout",
                seen.fork.layout,
            ),
            ours(
                "a spawned child has a layout of its own",
                !seen.spawn.layout,
            ),
            ours(
                "children of one forkserver cannot read what the parent's heap held either",
                !seen.forkserver.secret,
            ),
        ]
    }
}

/// Where this program's code is.
fn code() -> u64 {
    search as *const () as usize as u64
}

/// Whether the secret is anywhere in this process's writable memory.
fn search(disguised: &Disguised) -> anyhow::Result<bool> {
    let memory = File::open("/proc/self/mem")?;
    let mut block = vec![0; BLOCK];
    for line in fs::read_to_string("/proc/self/maps")?.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(access)) = (words.next(), words.next()) else {
            continue;
        };
        let Some((start, end)) = range.split_once('-') else {
            continue;
        };
        if !access.starts_with("rw") {
            continue;
        }
        let (mut at, end) = (
            u64::from_str_radix(start, 16)?,
            u64::from_str_radix(end, 16)?,
        );
        while at < end {
            let len = (end - at).min(BLOCK as u64) as usize;
            // What cannot be read holds no secret.
            let read = memory.read_at(&mut block[..len], at).unwrap_or(0);
            if read == 0 {
                break;
            }
            if contains(&block[..read], disguised) {
                return Ok(true);
            }
            // A secret that lies across two blocks is whole in the next.
            at += match read > disguised.len() && at + (read as u64) < end {
                true => (read - disguised.len()) as u64,
                false => read as u64,
            };
        }
    }
    Ok(false)
}

/// Compares without ever writing the secret down.
fn contains(memory: &[u8], disguised: &Disguised) -> bool {
    let candidates = memory.windows(disguised.len());
    candidates
        .filter(|window| window[0] == !disguised[0])
        .any(|window| {
            window
                .iter()
                .zip(disguised)
                .all(|(byte, hidden)| *byte == !hidden)
        })
}
