//! Where the time goes: a bar a cell, its phases one after the other.

use report::{CellReport, CellSummary, Seconds, Transport};

use super::axis::Axis;
use super::canvas::{Canvas, Figure, Frame, Key, Mark, room};
use super::cells::row_name;
use super::palette::{BLUE, INK, PURPLE, VERMILION, YELLOW};
use crate::stats::spread;
use harness::grid::{seconds, tick};

const ROW: u32 = 24;

/// The phases in their order.
pub(crate) const PHASES: [Key; 4] = [
    bar("load", YELLOW),
    bar("fill", PURPLE),
    bar("start", VERMILION),
    bar("run", BLUE),
];
/// What a whisker means.
pub(crate) const ENDS: Key = Key {
    mark: Mark::Whisker,
    colour: INK,
    means: "min–max",
};

/// A bar in a legend.
pub(crate) const fn bar(means: &'static str, colour: plotters::style::RGBColor) -> Key {
    Key {
        mark: Mark::Bar,
        colour,
        means,
    }
}

/// The phases of a transport's cells.
pub(crate) fn figure(transport: Transport, cells: &[&CellReport]) -> anyhow::Result<Figure> {
    let names: Vec<String> = cells.iter().map(|cell| row_name(cell)).collect();
    let most = cells
        .iter()
        .flat_map(|cell| &cell.runs)
        .filter(|run| !run.seconds.void)
        .map(|run| sum(&run.seconds))
        .fold(0.0, f64::max);
    // Room for the figure behind the longest bar.
    let x = Axis::linear("time of the phases", most * 1.22, tick);
    let y = Axis::rows(&names);
    let mut legend = PHASES.to_vec();
    legend.push(ENDS);
    let frame = Frame {
        name: format!("phases-{transport}"),
        title: format!("{transport}: load, fill, start, run"),
        height: ROW * u32::try_from(cells.len())?,
        left: room(&names),
        x: &x,
        y: &y,
        legend: &legend,
    };
    Figure::draw(frame, |canvas| {
        for (row, cell) in cells.iter().enumerate() {
            let Some(summary) = &cell.summary else {
                continue;
            };
            let middle = Axis::row(row, cells.len());
            let end = stack(canvas, summary, middle)?;
            let sums = cell.runs.iter().filter(|run| !run.seconds.void);
            if let Some(sums) = spread(sums.map(|run| sum(&run.seconds))) {
                canvas.whisker(&sums, middle)?;
                let label = seconds(sums.median);
                canvas.text(&label, (sums.max.max(end), middle))?;
            }
        }
        Ok(())
    })
}

/// The medians of the phases, one after the other; where the last one ends.
pub(crate) fn stack(
    canvas: &mut Canvas<'_, '_>,
    summary: &CellSummary,
    middle: f64,
) -> anyhow::Result<f64> {
    let phases = [&summary.load, &summary.share, &summary.start, &summary.run];
    let mut from = 0.0;
    for (phase, key) in phases.into_iter().zip(PHASES) {
        let to = from + phase.median;
        if to > from {
            canvas.block(key.colour, [(from, middle - 0.36), (to, middle + 0.36)])?;
        }
        from = to;
    }
    Ok(from)
}

fn sum(seconds: &Seconds) -> f64 {
    seconds.load + seconds.share + seconds.start + seconds.run
}
