//! The traces of a matrix's runs as one, run after run.
//!
//! Each run's trace is the coordinator's own; here only its processes get names that tell the cell,
//! ids that are no other run's, and times after those of the runs before.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Microseconds between two runs.
const GAP: f64 = 1_000.0;

/// The runs so far.
#[derive(Debug)]
pub(crate) struct Trace {
    directory: TempDir,
    events: Vec<Value>,
    processes: u64,
    end: f64,
}

impl Trace {
    /// No run yet.
    ///
    /// # Errors
    ///
    /// Where there is no temporary directory.
    pub(crate) fn new() -> anyhow::Result<Trace> {
        Ok(Trace {
            directory: tempfile::tempdir().context("cannot make a directory for traces")?,
            events: Vec::new(),
            processes: 0,
            end: 0.0,
        })
    }

    /// Where a run has to write its trace.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("run.json")
    }

    /// Takes over the trace that a run wrote, under the run's name.
    ///
    /// # Errors
    ///
    /// Where it is missing, or is no trace.
    pub(crate) fn take(&mut self, name: &str) -> anyhow::Result<()> {
        let path = self.file();
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{name}: no trace in {}", path.display()))?;
        fs::remove_file(&path)?;
        let mut trace: Value = serde_json::from_str(&text)?;
        let events = trace["traceEvents"].as_array_mut();
        let events = events.with_context(|| format!("{name}: a trace without traceEvents"))?;
        self.add(name, std::mem::take(events));
        Ok(())
    }

    fn add(&mut self, name: &str, events: Vec<Value>) {
        let mut ids: BTreeMap<u64, u64> = BTreeMap::new();
        let begin = self.end;
        for mut event in events {
            if let Some(pid) = event["pid"].as_u64() {
                let id = *ids.entry(pid).or_insert_with(|| {
                    self.processes += 1;
                    self.processes
                });
                (event["pid"], event["tid"]) = (json!(id), json!(id));
                match event["name"].as_str() {
                    Some("process_name") => {
                        let process = event["args"]["name"].as_str().unwrap_or_default();
                        event["args"]["name"] = json!(format!("{name}: {process}"));
                    }
                    Some("process_sort_index") => event["args"]["sort_index"] = json!(id),
                    _ => {}
                }
            }
            if let Some(from) = event["ts"].as_f64() {
                event["ts"] = json!(begin + from);
                let length = event["dur"].as_f64().unwrap_or(0.0);
                self.end = self.end.max(begin + from + length + GAP);
            }
            self.events.push(event);
        }
    }

    /// Writes all runs to a file.
    ///
    /// # Errors
    ///
    /// Those of writing it.
    pub(crate) fn save(&self, path: &Path) -> anyhow::Result<()> {
        let trace = json!({ "traceEvents": self.events, "displayTimeUnit": "ms" });
        fs::write(path, trace.to_string())
            .with_context(|| format!("cannot write {} (see --trace)", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_follow_each_other_and_share_no_process() {
        let run = || {
            vec![
                json!({"name": "process_name", "ph": "M", "pid": 7, "tid": 7, "args": {"name": "MainProcess"}}),
                json!({"name": "sum", "ph": "X", "pid": 7, "tid": 7, "ts": 0.0, "dur": 500.0}),
            ]
        };
        let mut trace = Trace::new().unwrap();
        trace.add("first", run());
        trace.add("second", run());
        assert_eq!(trace.events[0]["args"]["name"], "first: MainProcess");
        assert_eq!(trace.events[2]["args"]["name"], "second: MainProcess");
        assert_eq!(trace.events[1]["pid"], 1);
        assert_eq!(trace.events[3]["pid"], 2);
        assert_eq!(trace.events[3]["ts"], 1500.0);
        assert_eq!(trace.events[3]["dur"], 500.0);
    }
}
