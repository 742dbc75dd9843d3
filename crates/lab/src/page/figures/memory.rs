//! Memory per process: a row a cell, a mark for each process of each run.

use report::{CellReport, Memory, Transport};

use super::axis::Axis;
use super::canvas::{Figure, Frame, Key, Mark};
use super::cells::row_name;
use super::palette::{BLUE, GRID, VERMILION};

const ROW: u32 = 28;
/// Less is shown as this much: a logarithm needs an end.
const LEAST: f64 = 10_000.0;

const COORDINATOR_HEAP: Key = Key {
    mark: Mark::Square,
    colour: VERMILION,
    means: "coordinator, peak heap",
};
const COORDINATOR_PRIVATE: Key = Key {
    mark: Mark::Box,
    colour: VERMILION,
    means: "private",
};
const WORKER_HEAP: Key = Key {
    mark: Mark::Disc,
    colour: BLUE,
    means: "worker, peak heap",
};
const WORKER_PRIVATE: Key = Key {
    mark: Mark::Ring,
    colour: BLUE,
    means: "private",
};

/// The memory of all processes of a transport's cells.
pub(crate) fn figure(transport: Transport, cells: &[&CellReport]) -> anyhow::Result<Figure> {
    let names: Vec<String> = cells.iter().map(|cell| row_name(cell)).collect();
    let (least, most) = cells
        .iter()
        .flat_map(|cell| marks(cell))
        .fold((f64::INFINITY, LEAST * 10.0), |(least, most), mark| {
            (least.min(mark.2), most.max(mark.2))
        });
    let x = Axis::log("memory of one process", least.min(most / 10.0), most, size);
    let y = Axis::rows(&names);
    let frame = Frame {
        name: format!("memory-{transport}"),
        title: format!("{transport}: memory of each process"),
        height: ROW * u32::try_from(cells.len())?,
        left: 100,
        x: &x,
        y: &y,
        legend: &[
            COORDINATOR_HEAP,
            COORDINATOR_PRIVATE,
            WORKER_HEAP,
            WORKER_PRIVATE,
        ],
    };
    Figure::draw(frame, |canvas| {
        for (row, cell) in cells.iter().enumerate() {
            let middle = Axis::row(row, cells.len());
            canvas.line(GRID, 1, vec![(x.from, middle - 0.5), (x.to, middle - 0.5)])?;
            for (key, aside, bytes) in marks(cell) {
                canvas.mark(key.mark, key.colour, (x.at(bytes), middle + aside))?;
            }
        }
        Ok(())
    })
}

/// The marks of a cell, each with its place beside the middle of the row. What many processes share
/// is drawn once.
fn marks(cell: &CellReport) -> Vec<(Key, f64, f64)> {
    let mut marks: Vec<(Key, f64, f64)> = Vec::new();
    for run in cell.runs.iter().filter(|run| !run.seconds.void) {
        let mut add = |memory: &Memory, heap: Key, private: Key, aside: f64| {
            marks.push((heap, aside, clamped(memory.heap_peak)));
            marks.push((private, aside, clamped(memory.private)));
        };
        add(
            &run.memory.coordinator,
            COORDINATOR_HEAP,
            COORDINATOR_PRIVATE,
            0.2,
        );
        for worker in &run.memory.workers {
            add(worker, WORKER_HEAP, WORKER_PRIVATE, -0.2);
        }
    }
    marks.sort_by(|one, other| {
        let colour = |mark: &(Key, f64, f64)| (mark.0.mark as u8, mark.2);
        colour(one).partial_cmp(&colour(other)).expect("numbers")
    });
    // Marks less than a hundredth apart look the same.
    marks.dedup_by(|next, kept| next.0.mark == kept.0.mark && next.2 < kept.2 * 1.01);
    marks
}

#[expect(clippy::cast_precision_loss, reason = "no memory has 2^53 bytes")]
fn clamped(bytes: u64) -> f64 {
    (bytes as f64).max(LEAST)
}

fn size(bytes: f64) -> String {
    match bytes {
        b if b < 1e6 => format!("{} kB", b / 1e3),
        b if b < 1e9 => format!("{} MB", b / 1e6),
        b => format!("{} GB", b / 1e9),
    }
}
