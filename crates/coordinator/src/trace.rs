//! A run as a trace that Perfetto and chrome://tracing open: one track a process.
//!
//! The format is "Trace Event Format" (Google, catapult project), its JSON object form. Every event
//! of the report is an instant at its own time; between events of one batch or one start lies a
//! complete span. Times are microseconds since the coordinator started. Tracks of a run over several
//! machines are grouped by rank, which says its machine.

use anyhow::Context;
use guardian::Guardian;
use nix::unistd::{AccessFlags, access};
use report::{Activity, Coordinator, Event, Phase, Seconds, Span, Sum, What, Worker};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Checks that a trace could be written to `path`, and leaves what is there unchanged: called before a
/// run that would end without it.
///
/// # Errors
/// Where it could not.
pub fn check_writable(path: &Path) -> anyhow::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let checked = match File::options().append(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            access(directory, AccessFlags::W_OK | AccessFlags::X_OK).map_err(io::Error::from)
        }
        opened => opened.map(drop),
    };
    checked.with_context(|| {
        format!(
            "--trace: cannot write {}; name a file in a directory that is there and can be written",
            path.display()
        )
    })
}

/// Writes the trace of a run to `path`.
///
/// # Errors
/// Where that cannot be done.
pub fn write(path: &Path, sum: &Sum) -> anyhow::Result<()> {
    write_whole(path, &trace(sum).to_string())
        .with_context(|| format!("cannot write {} (see --trace)", path.display()))
}

/// Writes a file under another name and moves it to its own, so that a run that is killed leaves the
/// old one or the new one. What cannot be replaced so is written in place.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let replaceable = match fs::symlink_metadata(path) {
        Ok(found) => found.is_file(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    // A pipe, a device, a link: to be written to, not to be replaced.
    if replaceable {
        match replace(path, text) {
            Err(error) if is_irreplaceable(&error) => {}
            done => return done,
        }
    }
    Ok(fs::write(path, text)?)
}

fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(partial);
    let _guarded = Guardian::join()?.path(&partial)?;
    let written = fs::write(&partial, text).and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    Ok(written?)
}

/// Whether a file may well be written to although it cannot be replaced: a mount of its own (a file
/// that a container has from its host), a directory that nothing can be created in, a file of somebody
/// else's in a sticky directory, a name that leaves no room for a longer one.
fn is_irreplaceable(error: &anyhow::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    let kind = error.downcast_ref().map(io::Error::kind);
    matches!(
        kind,
        Some(ResourceBusy | PermissionDenied | ReadOnlyFilesystem | InvalidFilename)
    )
}

/// The whole trace of a run.
pub fn trace(sum: &Sum) -> Value {
    let mut events = Vec::new();
    if sum.ranks.is_empty() {
        let track = |pid| Track { pid, tid: pid };
        let whole = track(sum.coordinator.pid);
        events.extend(whole.process("MainProcess", 0));
        for (number, worker) in sum.workers.iter().enumerate() {
            events.extend(track(worker.pid).process(&worker.name, number + 1));
        }
        let workers: Vec<&Worker> = sum.workers.iter().collect();
        events.extend(pool(
            &sum.coordinator,
            &sum.seconds,
            &workers,
            sum.plan.workers,
            track,
        ));
    }
    for rank in &sum.ranks {
        // Ids of processes may be the same on two machines: the rank's number is the group's.
        let track = |tid| Track {
            pid: rank.rank + 1,
            tid,
        };
        let main = track(rank.coordinator.pid);
        let name = format!("machine {}, rank {}", rank.machine, rank.rank);
        events.extend(main.process(&name, rank.rank as usize));
        events.push(main.thread("MainProcess"));
        let workers = sum.workers.iter();
        let workers: Vec<&Worker> = workers
            .filter(|worker| worker.rank == Some(rank.rank))
            .collect();
        events.extend(
            workers
                .iter()
                .map(|worker| track(worker.pid).thread(&worker.name)),
        );
        events.extend(pool(
            &rank.coordinator,
            &rank.seconds,
            &workers,
            rank.workers,
            track,
        ));
    }
    json!({
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {
            "version": sum.version,
            "start_method": sum.plan.start_method,
            "transport": sum.plan.transport,
            "workers": sum.plan.workers,
            "batches": sum.plan.batches,
            "records": sum.dataset.records,
        },
    })
}

/// What one coordinator and its workers did.
fn pool(
    coordinator: &Coordinator,
    seconds: &Seconds,
    workers: &[&Worker],
    started: u32,
    track: impl Fn(u32) -> Track,
) -> Vec<Value> {
    let main = track(coordinator.pid);
    let mut events = vec![main.span("sum", "process", 0.0, seconds.end_to_end, None)];
    let phases = report::phases(seconds, workers, started).into_iter();
    events
        .extend(phases.map(|span| main.span(phase(span.what), "phase", span.from, span.to, None)));
    events.extend(coordinator.events.iter().map(|event| main.instant(event)));
    for worker in workers {
        let track = track(worker.pid);
        events.extend(
            spans(worker)
                .into_iter()
                .map(|(name, from, to, batch)| track.span(name, "worker", from, to, batch)),
        );
        events.extend(worker.events.iter().map(|event| track.instant(event)));
    }
    events
}

/// The track of one process: as the trace has it, a thread `tid` of a process `pid`.
struct Track {
    pid: u32,
    tid: u32,
}

impl Track {
    /// Names the process, and the thread as well.
    fn process(&self, name: &str, place: usize) -> [Value; 3] {
        [
            self.metadata("process_name", json!({ "name": name })),
            self.metadata("process_sort_index", json!({ "sort_index": place })),
            self.thread(name),
        ]
    }

    /// Names the thread.
    fn thread(&self, name: &str) -> Value {
        self.metadata("thread_name", json!({ "name": name }))
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "made for it where it is called"
    )]
    fn metadata(&self, what: &str, args: Value) -> Value {
        json!({"name": what, "ph": "M", "pid": self.pid, "tid": self.tid, "args": args})
    }

    fn span(&self, name: &str, kind: &str, from: f64, to: f64, batch: Option<u64>) -> Value {
        json!({
            "name": name, "cat": kind, "ph": "X", "pid": self.pid, "tid": self.tid,
            "ts": from * 1e6, "dur": (to - from) * 1e6, "args": args(batch),
        })
    }

    fn instant(&self, event: &Event) -> Value {
        json!({
            "name": event.what, "cat": "event", "ph": "i", "s": "t", "pid": self.pid, "tid": self.tid,
            "ts": event.t * 1e6, "args": args(event.batch),
        })
    }
}

fn args(batch: Option<u64>) -> Value {
    batch.map_or_else(|| json!({}), |batch| json!({ "batch": batch }))
}

/// What a worker was busy with: name, from, to, batch. Spans of a track may not cross each other, so
/// an answer that is still on its way when the worker goes on ends there; its instant is when it
/// arrived.
fn spans(worker: &Worker) -> Vec<(&'static str, f64, f64, Option<u64>)> {
    let goes_on = |from: f64| {
        let mut received = worker.events.iter().filter(|e| e.what == What::Received);
        received.find(|next| next.t > from).map(|next| next.t)
    };
    let named = report::activities(worker).into_iter().map(|span| {
        let Span {
            what,
            from,
            to,
            batch,
        } = span;
        match what {
            Activity::Start => ("start", from, to, batch),
            Activity::Compute => ("compute", from, to, batch),
            Activity::Answer => {
                let to = goes_on(from).map_or(to, |next| to.min(next));
                ("answer", from, to, batch)
            }
        }
    });
    named.collect()
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Load => "load",
        Phase::Start => "start",
        Phase::Share => "share",
        Phase::Run => "run",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_one_track_never_cross() {
        let event = |t, what, batch| Event { t, what, batch };
        let worker = Worker {
            name: "ForkProcess-1".to_owned(),
            pid: 2,
            rank: None,
            batches: 2,
            ended: None,
            events: vec![
                event(1.0, What::Started, None),
                event(2.0, What::Ready, None),
                event(3.0, What::Received, Some(0)),
                event(4.0, What::Computed, Some(0)),
                event(5.0, What::Received, Some(1)),
                event(6.0, What::Computed, Some(1)),
                event(7.0, What::Sent, Some(0)),
                event(8.0, What::Sent, Some(1)),
            ],
            events_dropped: 0,
        };
        assert_eq!(
            spans(&worker),
            [
                ("start", 1.0, 2.0, None),
                ("compute", 3.0, 4.0, Some(0)),
                ("answer", 4.0, 5.0, Some(0)),
                ("compute", 5.0, 6.0, Some(1)),
                ("answer", 6.0, 8.0, Some(1)),
            ]
        );
    }
}
