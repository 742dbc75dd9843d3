//! One suite, instantiated for every start method and transport that go together.

use crate::fixtures::{assert_answer, facts};
use crate::programs::{fixture, sum};
use crate::soundness::{Asked, report_of};

/// Every number of workers gives a bit-identical result; so do more batches, and repetitions.
fn conforms(start_method: &str, transport: &str) {
    let facts = facts();
    let name = "study_layout.npy";
    let run = |workers: usize, batches: Option<u64>, repeat: u64| {
        let workers_text = workers.to_string();
        let mut arguments = vec!["--field", "val", "--format", "json"];
        arguments.extend(["--start-method", start_method, "--transport", transport]);
        arguments.extend(["--workers", &workers_text]);
        let batches_text = batches.unwrap_or_default().to_string();
        if batches.is_some() {
            arguments.extend(["--batches", &batches_text]);
        }
        let repeat_text = repeat.to_string();
        if repeat > 1 {
            arguments.extend(["--repeat", &repeat_text]);
        }
        let asked = Asked {
            start_method,
            transport,
            workers,
            batches: batches.unwrap_or(workers as u64).min(10_007),
            repeat,
        };
        assert_answer(
            &report_of(&sum(&fixture(name), &arguments), asked),
            &facts[name],
        );
    };
    for workers in [1, 4, 8] {
        run(workers, None, 1);
    }
    run(4, Some(101), 3);
}

/// More batches than records, each of one record; and no record at all.
fn conforms_at_the_edges(start_method: &str, transport: &str) {
    let facts = facts();
    let small = tempfile::tempdir().unwrap();
    let three = small.path().join("three.npy");
    // The header says how many records there are in a fixed width, so that it can be changed.
    let whole = std::fs::read(fixture("study_layout.npy")).unwrap();
    let data = whole.len() - 10_007 * 24;
    let header = std::str::from_utf8(&whole[10..data])
        .unwrap()
        .replacen("(10007,)", "(3,)    ", 1);
    let file = [&whole[..10], header.as_bytes(), &whole[data..data + 72]].concat();
    std::fs::write(&three, file).unwrap();

    for (path, records) in [(three, 3), (fixture("empty.npy"), 0)] {
        let mut arguments = vec!["--field", "val", "--format", "json"];
        arguments.extend(["--start-method", start_method, "--transport", transport]);
        arguments.extend(["--workers", "4", "--batches", "1_000"]);
        let asked = Asked {
            start_method,
            transport,
            workers: 4,
            batches: u64::max(records, 1),
            repeat: 1,
        };
        let report = report_of(&sum(&path, &arguments), asked);
        assert_eq!(report.result.count + report.result.nan_count, records);
        if records == 0 {
            assert_answer(&report, &facts["empty.npy"]);
        }
    }
}

macro_rules! conformance {
    ($($name:ident: $start_method:literal, $transport:literal;)*) => {$(
        mod $name {
            #[test]
            fn conforms() {
                super::conforms($start_method, $transport);
            }

            #[test]
            fn conforms_at_the_edges() {
                super::conforms_at_the_edges($start_method, $transport);
            }
        }
    )*};
}

conformance! {
    fork_bytes: "fork", "bytes";
    fork_serde: "fork", "serde";
    fork_shm: "fork", "shm";
    fork_mmap: "fork", "mmap";
    fork_inherit: "fork", "inherit";
    spawn_bytes: "spawn", "bytes";
    spawn_serde: "spawn", "serde";
    spawn_shm: "spawn", "shm";
    spawn_mmap: "spawn", "mmap";
    forkserver_bytes: "forkserver", "bytes";
    forkserver_serde: "forkserver", "serde";
    forkserver_shm: "forkserver", "shm";
    forkserver_mmap: "forkserver", "mmap";
}
