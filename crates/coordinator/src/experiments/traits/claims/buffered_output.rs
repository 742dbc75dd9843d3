//! How often output is written that the parent had buffered and not written.

use crate::experiments::traits::claim::{Claim, Methods, Parent, ours};
use report::TraitStatement;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};
use std::sync::{Mutex, PoisonError};

pub(in super::super) struct BufferedOutput;

/// The program's buffered output.
static OUTPUT: Mutex<Option<BufWriter<File>>> = Mutex::new(None);

const LINE: &str = "written once\n";

/// What the file then held.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Seen {
    /// How often the line stands in it.
    times: usize,
}

impl Claim for BufferedOutput {
    const NAME: &'static str = "buffered-output";
    const TITLE: &'static str = "Buffered output";
    const MEASURED: &'static str = "the parent buffers a line for a file, starts a child, and both \
        flush what they have, as programs do when they end; then the lines in the file are counted";
    const SETTINGS: &'static [(&'static str, u64)] = &[("flushed", 0)];
    type Ask = ();
    type Answer = ();
    type Seen = Seen;

    fn probe(parent: &mut Parent<Self>) -> anyhow::Result<Seen> {
        let mut file = tempfile::tempfile()?;
        let mut output = BufWriter::new(file.try_clone()?);
        output.write_all(LINE.as_bytes())?;
        if parent.setting("flushed") > 0 {
            output.flush()?;
        }
        *OUTPUT.lock().unwrap_or_else(PoisonError::into_inner) = Some(output);
        parent.child(&())?;
        flush()?;
        let mut written = String::new();
        file.rewind()?;
        file.read_to_string(&mut written)?;
        Ok(Seen {
            times: written.matches(LINE).count(),
        })
    }

    fn child((): ()) -> anyhow::Result<()> {
        Ok(flush()?)
    }

    fn cell(seen: &Seen) -> String {
        match seen.times {
            1 => "the line is written once".to_owned(),
            times => format!("the line is written {times} times"),
        }
    }

    fn judge(seen: &Methods<Seen>) -> Vec<TraitStatement> {
        vec![
            ours(
                "what the parent had buffered at the fork is written twice",
                seen.fork.times == 2,
            ),
            ours(
                "with a spawned child it is written once",
                seen.spawn.times == 1,
            ),
            ours(
                "with a forkserver's child it is written once",
                seen.forkserver.times == 1,
            ),
        ]
    }
}

fn flush() -> std::io::Result<()> {
    let mut output = OUTPUT.lock().unwrap_or_else(PoisonError::into_inner);
    match &mut *output {
        Some(output) => output.flush(),
        None => Ok(()),
    }
}
