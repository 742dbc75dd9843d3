//! A small matrix for tests.

use report::{
    Cell, CellReport, CellRun, Dataset, HugePages, Machine, Matrix, Memory, MemoryReport, Seconds,
    StartMethod, Transport,
};

/// A machine of two cores.
pub(crate) fn machine() -> Machine {
    Machine {
        cpu: "Example CPU".to_owned(),
        arch: "x86_64".to_owned(),
        cores: 2,
        memory_bytes: 1 << 34,
        kernel: "6.1.0".to_owned(),
        page_size: 4096,
        huge_pages: HugePages::default(),
        dev_shm_bytes: None,
        virtual_machine: None,
        governor: None,
    }
}

/// `fork` with `shm` over these numbers of workers, no run made yet.
pub(crate) fn matrix(workers: &[u32]) -> Matrix {
    Matrix {
        schema: report::SCHEMA,
        version: "0.1.0".to_owned(),
        date: "2026-01-02T03:04:05Z".to_owned(),
        command: Vec::new(),
        machine: machine(),
        dataset: Dataset {
            path: "data/records.npy".to_owned(),
            shards: None,
            records: 100,
            itemsize: 24,
            field: Some("val".to_owned()),
            bytes: 2_400_000_000,
        },
        seed: 42,
        runs: 3,
        adaptive: None,
        baseline: None,
        plain: Vec::new(),
        cells: workers.iter().map(|workers| cell(*workers)).collect(),
        reuse: Vec::new(),
    }
}

/// Adds one run for each `total`; half of it is `start`, half is `run`.
pub(crate) fn add_runs(cell: &mut CellReport, totals: &[f64]) {
    for total in totals {
        cell.runs.push(CellRun {
            position: 0,
            round: None,
            wall_seconds: total + 1.0,
            sum_hex: "0x1.0000000000000p+0".to_owned(),
            count: 60,
            nan_count: 40,
            retries: 0,
            seconds: Seconds {
                load: 0.25,
                share: 0.5,
                start: total / 2.0,
                run: total / 2.0,
                total: *total,
                end_to_end: total + 0.75,
                ..Seconds::default()
            },
            memory: MemoryReport {
                coordinator: Memory {
                    heap_peak: 5_000_000,
                    ..Memory::default()
                },
                workers: vec![Memory {
                    private: 2_000_000,
                    ..Memory::default()
                }],
            },
            beside: Vec::new(),
        });
    }
}

fn cell(workers: u32) -> CellReport {
    super::plan::not_run_yet(Cell {
        transport: Transport::Shm,
        workers,
        start_method: StartMethod::Fork,
    })
}
