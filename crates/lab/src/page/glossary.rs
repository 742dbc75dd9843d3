//! The words of the page, for a reader who knows none of them.

use maud::{Markup, html};

const WORDS: [(&str, &str); 21] = [
    (
        "task",
        "a function call that can run anywhere: in a loop, on a thread, in a worker process",
    ),
    (
        "worker",
        "a process that runs tasks; if it crashes, only its task fails",
    ),
    (
        "isolation",
        "what processes give and threads do not: a crash, a leak or a hang of one task leaves the others alone",
    ),
    (
        "start method",
        "how a worker process is created: fork, spawn or forkserver",
    ),
    (
        "fork",
        "a copy of the calling process, with its memory copied when it is written to; unsafe beside other threads",
    ),
    ("spawn", "the program is started anew for each worker"),
    (
        "forkserver",
        "the program is started once, early, and forks the workers on request",
    ),
    (
        "bytes",
        "data is written into a socket, or into the message of a call, and read by the worker",
    ),
    ("serde", "as bytes, but each record is encoded and decoded"),
    (
        "shm",
        "data is copied once into a segment of shared memory, which workers map",
    ),
    (
        "mmap, file",
        "the data is in a file, and workers map it: its pages are those of the system's file cache",
    ),
    (
        "inherit",
        "workers are forked from a process that has the data, and read its memory",
    ),
    (
        "array",
        "data in shared memory that nobody changes: copied there once, then read by any worker",
    ),
    (
        "in-place",
        "shared memory is handed to a worker, which may write it and gives it back",
    ),
    ("wall", "time from the start of everything to its end"),
    (
        "load, fill",
        "reading data into memory; copying it to where workers can read it",
    ),
    (
        "start, run, stop",
        "until workers are ready; until the last result is there; until no worker is left",
    ),
    (
        "fresh, reused",
        "memory that the process did not have before; memory that it has, and uses a second time",
    ),
    (
        "reference",
        "a plain program that moves the same bytes, measured next to each run; no limit: something else may be faster",
    ),
    (
        "interval",
        "the range that contains the true median with a probability of 95 %",
    ),
    (
        "tied",
        "the intervals meet: these runs do not show which is faster",
    ),
];

/// The table.
pub(crate) fn section() -> Markup {
    html! {
        section {
            h2 #glossary { "Glossary" }
            dl.words {
                @for (word, meaning) in WORDS { div { dt { (word) } dd { (meaning) } } }
            }
        }
    }
}
