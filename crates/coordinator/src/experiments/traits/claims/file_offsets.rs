//! Whether a child that reads a file moves its parent's place in it.

use crate::experiments::traits::claim::{Claim, Methods, Parent, ours};
use report::TraitStatement;
use serde::{Deserialize, Serialize};
use std::io::{Seek, Write};

pub(in super::super) struct FileOffsets;

/// What the child read, and where the parent was after that; bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Seen {
    read: u64,
    moved: u64,
}

impl Claim for FileOffsets {
    const NAME: &'static str = "file-offsets";
    const TITLE: &'static str = "File offsets";
    const MEASURED: &'static str = "the parent opens a file as its stdin and stays at its start; \
        the child reads a few bytes from its own stdin; then the parent asks for its own offset";
    type Ask = ();
    /// Bytes that were read.
    type Answer = u64;
    type Seen = Seen;

    fn probe(parent: &mut Parent<Self>) -> anyhow::Result<Seen> {
        let mut file = tempfile::tempfile()?;
        file.write_all(&[b'x'; 4096])?;
        file.rewind()?;
        nix::unistd::dup2_stdin(&file)?;
        let read = parent.child(&())?;
        Ok(Seen {
            read,
            moved: file.stream_position()?,
        })
    }

    fn child((): ()) -> anyhow::Result<u64> {
        Ok(nix::unistd::read(std::io::stdin(), &mut [0; 10])? as u64)
    }

    fn cell(seen: &Seen) -> String {
        format!(
            "the child reads {} bytes of the parent's stdin, whose offset moves by {}",
            seen.read, seen.moved
        )
    }

    fn judge(seen: &Methods<Seen>) -> Vec<TraitStatement> {
        let shared = |seen: &Seen| seen.read > 0 && seen.moved == seen.read;
        vec![
            ours(
                "what a forked child reads is gone for its parent: they share the offset",
                shared(&seen.fork),
            ),
            ours(
                "so it is with a spawned child, for descriptors that are handed on",
                shared(&seen.spawn),
            ),
            ours(
                "a forkserver's child does not move the parent's offset",
                seen.forkserver.moved == 0,
            ),
        ]
    }
}
