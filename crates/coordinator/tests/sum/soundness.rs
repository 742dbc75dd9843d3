//! What every report has to be, whatever was run.

use crate::processes::{assert_gone, segments};
use crate::programs::Ended;
use report::{Sum, What};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a run was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) start_method: &'a str,
    pub(crate) transport: &'a str,
    pub(crate) workers: usize,
    /// Batches that there are to be: as many as were asked for, but none without a record.
    pub(crate) batches: u64,
    pub(crate) repeat: u64,
}

/// The report of a run that went well: exactly one JSON object on stdout, and nothing wrong in it.
pub(crate) fn report_of(ended: &Ended, asked: Asked<'_>) -> Sum {
    let context = format!("{asked:?}\n{}\n{}", ended.stderr, ended.stdout);
    assert_eq!(ended.code(), Some(0), "{context}");
    let object: Value = serde_json::from_str(&ended.stdout).expect("one JSON object");
    assert_keys(&object);
    let report: Sum = serde_json::from_value(object).unwrap();
    assert_eq!(report.coordinator.pid, ended.pid, "{context}");
    assert_eq!(
        report.plan.start_method.unwrap().as_str(),
        asked.start_method
    );
    assert_eq!(report.plan.transport.as_str(), asked.transport);
    assert_eq!(report.plan.workers as usize, asked.workers);
    assert_eq!(report.plan.batches, asked.batches, "{context}");
    assert_seconds(&report, asked);
    assert_workers(&report, asked);
    assert_events(&report, asked);
    assert_timeline(&ended.stderr, &report);
    let pids: Vec<u32> = report.workers.iter().map(|worker| worker.pid).collect();
    assert_gone(&pids);
    assert_eq!(segments(ended.pid), Vec::<String>::new());
    report
}

/// The keys that programs outside this repository rely on.
fn assert_keys(report: &Value) {
    let memory = ["heap", "heap_peak", "rss", "rss_peak", "pss", "private"];
    let keys: [(&str, &[&str]); 8] = [
        (
            "",
            &[
                "schema",
                "version",
                "protocol",
                "machine",
                "dataset",
                "plan",
                "result",
                "retries",
                "seconds",
                "memory",
                "coordinator",
                "workers",
            ],
        ),
        (
            "/dataset",
            &["path", "records", "itemsize", "field", "bytes"],
        ),
        (
            "/plan",
            &["start_method", "transport", "workers", "batches"],
        ),
        ("/result", &["sum", "sum_hex", "count", "nan_count"]),
        (
            "/seconds",
            &["load", "share", "start", "run", "total", "end_to_end"],
        ),
        ("/memory", &["coordinator", "workers"]),
        ("/memory/coordinator", &memory),
        ("/coordinator", &["pid", "events"]),
    ];
    for (place, expected) in keys {
        has_keys(report.pointer(place).unwrap(), expected, place);
    }
    for worker in report["workers"].as_array().unwrap() {
        has_keys(worker, &["name", "pid", "batches", "ended", "events"], "W");
        for event in worker["events"].as_array().unwrap() {
            has_keys(event, &["t", "what", "batch"], "E");
        }
    }
    for worker in report["memory"]["workers"].as_array().unwrap() {
        has_keys(worker, &memory, "M");
    }
}

fn has_keys(value: &Value, expected: &[&str], place: &str) {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("{place}: {value}"));
    for key in expected {
        assert!(object.contains_key(*key), "no {key:?} in {place}: {value}");
    }
}

fn assert_seconds(report: &Sum, asked: Asked<'_>) {
    let seconds = &report.seconds;
    let phases = [seconds.load, seconds.share, seconds.start, seconds.run];
    assert!(
        phases
            .iter()
            .all(|&phase| phase >= 0.0 && phase.is_finite()),
        "{seconds:?}"
    );
    assert!((seconds.total - (seconds.start + seconds.run)).abs() < 1e-9);
    // Phases do not overlap, so together they are no longer than the whole.
    assert!(
        phases.iter().sum::<f64>() <= seconds.end_to_end,
        "{seconds:?}"
    );
    assert_eq!(seconds.share > 0.0, asked.transport == "shm", "{seconds:?}");
    assert!(seconds.load > 0.0 && seconds.start > 0.0 && seconds.run > 0.0);
    assert!(!seconds.void);
    if asked.repeat > 1 {
        assert_eq!(seconds.repeats.len() as u64, asked.repeat);
        assert_eq!(seconds.repeats[0], seconds.run);
    } else {
        assert!(seconds.repeats.is_empty());
    }
}

fn assert_workers(report: &Sum, asked: Asked<'_>) {
    let stem = match asked.start_method {
        "fork" => "ForkProcess",
        "spawn" => "SpawnProcess",
        _ => "ForkServerProcess",
    };
    let expected: Vec<String> = (1..=asked.workers).map(|n| format!("{stem}-{n}")).collect();
    let mut names: Vec<&str> = Vec::new();
    let mut pids = Vec::new();
    for worker in &report.workers {
        names.push(&worker.name);
        pids.push(worker.pid);
        assert_eq!(worker.ended, Some(report::Ended::Exit(0)), "{worker:?}");
    }
    assert_eq!(names, expected);
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), asked.workers, "every worker is its own process");
    assert!(!pids.contains(&report.coordinator.pid) && !pids.contains(&0));
    let batches: u64 = report.workers.iter().map(|worker| worker.batches).sum();
    assert_eq!(batches, asked.batches * asked.repeat);
    assert_eq!(report.retries, 0);
    assert_eq!(report.memory.workers.len(), asked.workers);
    for memory in report
        .memory
        .workers
        .iter()
        .chain([&report.memory.coordinator])
    {
        assert!(memory.rss > 0 && memory.rss_peak >= memory.rss && memory.heap_peak >= memory.heap);
        assert!(
            memory.pss > 0 && memory.pss <= memory.rss_peak,
            "{memory:?}"
        );
    }
}

/// Every batch is received, computed and sent once in every repetition, in that order; every worker
/// starts, gets ready and ends once.
fn assert_events(report: &Sum, asked: Asked<'_>) {
    let mut seen: BTreeMap<u64, Vec<What>> = BTreeMap::new();
    for worker in &report.workers {
        let life: Vec<What> = worker
            .events
            .iter()
            .filter(|event| event.batch.is_none())
            .map(|event| event.what)
            .collect();
        assert_eq!(
            life,
            [What::Started, What::Ready, What::Ended],
            "{}",
            worker.name
        );
        for (before, event) in worker.events.iter().zip(&worker.events[1..]) {
            assert!(
                before.t <= event.t,
                "{}: {before:?}, {event:?}",
                worker.name
            );
        }
        for event in &worker.events {
            assert!(
                (0.0..=report.seconds.end_to_end).contains(&event.t),
                "{event:?}"
            );
            if let Some(batch) = event.batch {
                seen.entry(batch).or_default().push(event.what);
            }
        }
    }
    let each: Vec<What> =
        [What::Received, What::Computed, What::Sent].repeat(asked.repeat as usize);
    for batch in 0..asked.batches {
        let mut whats = seen.remove(&batch).unwrap_or_default();
        // Repetitions of a batch may be different workers'.
        whats.sort_by_key(|what| *what as u8);
        let mut each = each.clone();
        each.sort_by_key(|what| *what as u8);
        assert_eq!(whats, each, "batch {batch}");
    }
    assert!(seen.is_empty(), "unknown batches {seen:?}");
    let own = &report.coordinator.events;
    assert_eq!(own[0].what, What::Started);
    assert_eq!(own.last().map(|event| event.what), Some(What::Ended));
    for batch in 0..asked.batches {
        for what in [What::Sent, What::Received] {
            let times = own
                .iter()
                .filter(|event| event.batch == Some(batch) && event.what == what)
                .count();
            assert_eq!(times as u64, asked.repeat, "{what:?} of batch {batch}");
        }
    }
}

/// `   ForkProcess-1 [ 0.02s] text`, of processes that the report knows.
fn assert_timeline(stderr: &str, report: &Sum) {
    let mut last = 0.0;
    for line in stderr.lines() {
        let (name, rest) = line
            .split_once(" [")
            .unwrap_or_else(|| panic!("no time in {line:?}"));
        let (time, text) = rest.split_once("s] ").unwrap_or_else(|| panic!("{line:?}"));
        assert!(
            name.len() >= 16 && time.len() >= 5 && !text.is_empty(),
            "{line:?}"
        );
        let known = match name.strip_suffix("     ") {
            Some("MainProcess") => true,
            _ => report
                .workers
                .iter()
                .any(|worker| format!("{:>16}", worker.name) == name),
        };
        assert!(known, "{line:?}");
        let (_, decimals) = time.split_once('.').unwrap();
        assert_eq!(decimals.len(), 2, "{line:?}");
        let time: f64 = time.trim_start().parse().unwrap();
        if name.starts_with("Main") {
            assert!(time >= last, "{line:?} after {last}");
            last = time;
        }
    }
    let records = report::format_count(report.dataset.records);
    let megabytes = report.dataset.bytes / (1024 * 1024);
    let loaded = format!("Loaded {megabytes} MB of data. {records} records");
    assert!(stderr.contains(&loaded), "{stderr}");
    assert!(
        stderr.contains(" Received data. heap ") && stderr.contains(" MB (peak "),
        "{stderr}"
    );
}
