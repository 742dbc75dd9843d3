//! A run as a trace that Perfetto and chrome://tracing open: one track a process.
//!
//! The format is "Trace Event Format" (Google, catapult project), its JSON object form. Every event
//! of the report is an instant at its own time; between events of one batch or one start lies a
//! complete span. Times are microseconds since the coordinator started. Tracks of a run over several
//! machines are grouped by rank, which says its machine.

use anyhow::Context;
use guardian::Guardian;
use nix::unistd::{AccessFlags, access};
use report::{Coordinator, Event, Seconds, Sum, What, Worker};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Checks that a trace could be written to `path`, and leaves what is there as it is: to be known
/// before a run that would end without it.
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
    let phases = phases(seconds, workers, started).into_iter();
    events.extend(phases.map(|(name, from, to)| main.span(name, "phase", from, to, None)));
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
/// an answer that is still on its way when the worker goes on ends there; its instant tells when it
/// arrived.
fn spans(worker: &Worker) -> Vec<(&'static str, f64, f64, Option<u64>)> {
    let mut spans = Vec::new();
    for (index, event) in worker.events.iter().enumerate() {
        let (name, ends_with) = match event.what {
            What::Started => ("start", What::Ready),
            What::Received => ("compute", What::Computed),
            What::Computed => ("answer", What::Sent),
            What::Ready | What::Sent | What::Ended => continue,
        };
        let later = &worker.events[index + 1..];
        let end = later
            .iter()
            .find(|other| other.what == ends_with && other.batch == event.batch);
        let goes_on = later.iter().find(|other| other.what == What::Received);
        if let Some(end) = end {
            let to = goes_on.map_or(end.t, |next| end.t.min(next.t));
            spans.push((name, event.t, to, event.batch));
        }
    }
    spans
}

/// The coordinator's phases: name, from, to. Only their lengths are measured; their places are those
/// of the workers' events: `start` ends with the last handshake, `run` with the last result.
fn phases(seconds: &Seconds, workers: &[&Worker], started: u32) -> Vec<(&'static str, f64, f64)> {
    let times = |what: What| -> Vec<f64> {
        let events = workers.iter().flat_map(|worker| &worker.events);
        let of_it = events.filter(|event| event.what == what);
        let mut times: Vec<f64> = of_it.map(|event| event.t).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let Seconds {
        load, share, start, ..
    } = *seconds;
    let run = match seconds.repeats.as_slice() {
        [] => seconds.run,
        repeats => repeats.iter().sum(),
    };
    // A worker in place of one that died gets ready during the run.
    let handshakes = times(What::Ready);
    let mut first = handshakes.iter().take(started as usize);
    let ready = first.next_back().copied().unwrap_or(start);
    let done = times(What::Sent).last().copied().unwrap_or(ready + run);
    let start_from = (ready - start).max(0.0);
    let run_from = (done - run).max(0.0);
    let share_from = (run_from - share).max(0.0);
    // `inherit` reads the dataset before its workers start, the others open it after.
    let loaded = if share_from - load >= ready {
        share_from
    } else {
        start_from
    };
    let places = [
        ("load", (loaded - load).max(0.0), loaded),
        ("start", start_from, ready),
        ("share", share_from, run_from),
        ("run", run_from, done),
    ];
    places
        .into_iter()
        .filter(|(_, from, to)| to > from)
        .collect()
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
