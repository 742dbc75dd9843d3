//! Where the time goes: a bar a cell, its phases one after the other.

use report::{CellReport, Seconds, Transport};

use super::axis::Axis;
use super::canvas::{Figure, Frame, Key, Mark};
use super::palette::{BLUE, INK, PURPLE, VERMILION, YELLOW};
use super::row_name;
use crate::grid::seconds;
use crate::stats::spread;

const ROW: u32 = 24;

const LEGEND: [Key; 5] = [
    bar("load", YELLOW),
    bar("share", PURPLE),
    bar("start", VERMILION),
    bar("run", BLUE),
    Key {
        mark: Mark::Whisker,
        colour: INK,
        means: "least – greatest sum",
    },
];

const fn bar(means: &'static str, colour: plotters::style::RGBColor) -> Key {
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
    let x = Axis::linear("time of the phases", most * 1.22, seconds);
    let y = Axis::rows(&names);
    let frame = Frame {
        name: format!("phases-{transport}"),
        title: format!("{transport}: load, share, start, run"),
        height: ROW * u32::try_from(cells.len())?,
        left: 100,
        x: &x,
        y: &y,
        legend: &LEGEND,
    };
    Figure::draw(frame, |canvas| {
        for (row, cell) in cells.iter().enumerate() {
            let Some(summary) = &cell.summary else {
                continue;
            };
            let middle = Axis::row(row, cells.len());
            let phases = [&summary.load, &summary.share, &summary.start, &summary.run];
            let mut from = 0.0;
            for (phase, key) in phases.into_iter().zip(LEGEND) {
                let to = from + phase.median;
                if to > from {
                    canvas.block(key.colour, [(from, middle - 0.36), (to, middle + 0.36)])?;
                }
                from = to;
            }
            let sums = cell.runs.iter().filter(|run| !run.seconds.void);
            if let Some(sums) = spread(sums.map(|run| sum(&run.seconds))) {
                canvas.line(INK, 2, vec![(sums.min, middle), (sums.max, middle)])?;
                for end in [sums.min, sums.max] {
                    canvas.line(INK, 2, vec![(end, middle - 0.2), (end, middle + 0.2)])?;
                }
                let label = seconds(sums.median);
                canvas.text(&label, (sums.max.max(from), middle))?;
            }
        }
        Ok(())
    })
}

fn sum(seconds: &Seconds) -> f64 {
    seconds.load + seconds.share + seconds.start + seconds.run
}
