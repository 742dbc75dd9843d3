//! The original study's table: a row for each number of workers, a column for each start method, once for data
//! that is sent (`bytes`) and once for data that is shared (`shm`); below each what its times consist of.

use harness::grid::{Grid, megabytes, seconds};
use report::{Cell, CellReport, Matrix, StartMethod, Transport};

use super::status::Status;

/// The numbers of workers.
pub(crate) const WORKERS: [u32; 3] = [1, 4, 8];
/// The transports.
pub(crate) const TRANSPORTS: [Transport; 2] = [Transport::Bytes, Transport::Shm];

/// The start methods, in the order of the original study, which had the first two.
const METHODS: [StartMethod; 3] = [
    StartMethod::Spawn,
    StartMethod::Fork,
    StartMethod::ForkServer,
];

/// The tables for a terminal.
pub(crate) fn terminal(matrix: &Matrix) -> String {
    let mut text = String::new();
    for transport in TRANSPORTS {
        let title = match transport {
            Transport::Bytes => "Each worker is sent its part of the data",
            _ => "All workers share the data in one segment of shared memory",
        };
        text += &format!("\n{title} ({transport}): total time\n");
        text += &totals(matrix, transport).for_terminal();
        text += &phases(matrix, transport).for_terminal();
    }
    text + "\nMedians. Total is start + run, as in the original study; load and fill happen once, before any \
            worker runs; wall is the whole command.\n"
}

fn totals(matrix: &Matrix, transport: Transport) -> Grid {
    let mut grid = Grid::new(&["", "Spawn", "Fork", "Forkserver"], 1);
    for workers in WORKERS {
        let plural = if workers == 1 { "" } else { "s" };
        let mut row = vec![format!("{workers} Worker{plural}")];
        row.extend(METHODS.map(|method| {
            let cell = find(matrix, transport, method, workers);
            match cell.map(Status::of) {
                Some(Status::Measured(summary)) => format!("{:.2}s", summary.total.median),
                Some(status) => status.word().to_owned(),
                None => "–".to_owned(),
            }
        }));
        grid.rows.push(row);
    }
    grid
}

fn find(
    matrix: &Matrix,
    transport: Transport,
    start_method: StartMethod,
    workers: u32,
) -> Option<&CellReport> {
    let wanted = Cell {
        transport,
        workers,
        start_method,
    };
    matrix.cells.iter().find(|cell| cell.cell == wanted)
}

fn phases(matrix: &Matrix, transport: Transport) -> Grid {
    let head = [
        "start method",
        "workers",
        "load + fill",
        "start",
        "run",
        "total",
        "wall",
        "coordinator memory",
        "worker memory",
    ];
    let mut grid = Grid::new(&head, 2);
    for method in METHODS {
        for workers in WORKERS {
            let Some(cell) = find(matrix, transport, method, workers) else {
                continue;
            };
            let mut row = vec![method.to_string(), workers.to_string()];
            match Status::of(cell) {
                Status::Measured(summary) => row.extend([
                    seconds(summary.load.median + summary.share.median),
                    seconds(summary.start.median),
                    seconds(summary.run.median),
                    seconds(summary.total.median),
                    seconds(summary.wall.median),
                    megabytes(summary.coordinator_heap_peak),
                    megabytes(summary.worker_heap_peak),
                ]),
                status => row.push(status.word().to_owned()),
            }
            row.resize(head.len(), String::new());
            grid.rows.push(row);
        }
    }
    grid
}

#[cfg(test)]
mod tests {
    use super::super::{sample, summary};
    use super::*;

    #[test]
    fn the_table_is_that_of_the_original_study() {
        let mut matrix = sample::matrix(&WORKERS);
        sample::add_runs(&mut matrix.cells[0], &[12.05]);
        sample::add_runs(&mut matrix.cells[1], &[6.97]);
        summary::summarise(&mut matrix);
        let rows = totals(&matrix, Transport::Shm).rows;
        assert_eq!(
            rows,
            [
                ["1 Worker", "–", "12.05s", "–"],
                ["4 Workers", "–", "6.97s", "–"],
                ["8 Workers", "–", "not run", "–"],
            ]
        );
        let text = terminal(&matrix);
        assert!(text.contains("(bytes): total time") && text.contains("(shm): total time"));
    }
}
