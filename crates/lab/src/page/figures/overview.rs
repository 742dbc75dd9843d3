//! The whole command at a glance: the best cell of each transport, its phases and the rest of its
//! wall, beside what the machine needs to read the file at all.

use report::{CellReport, CellSummary, Matrix, Transport};

use super::axis::Axis;
use super::canvas::{Figure, Frame, Key, Mark, room};
use super::cells::{best as best_of, measured};
use super::palette::{GREY, INK};
use super::phases::{self, bar};
use crate::matrix::ranked;
use harness::grid::{seconds, tick};

const ROW: u32 = 30;

/// The figure; none where no cell has figures.
pub(crate) fn figure(matrix: &Matrix) -> anyhow::Result<Option<Figure>> {
    let mut best: Vec<(&CellReport, &CellSummary)> = Transport::ALL
        .into_iter()
        .filter_map(|transport| {
            let cell = best_of(&measured(matrix, transport))?;
            Some((cell, ranked(cell)?))
        })
        .collect();
    best.sort_by(|(_, one), (_, other)| one.wall.median.total_cmp(&other.wall.median));
    let longest = best.iter().map(|(_, summary)| summary.wall.max);
    let Some(longest) = longest.max_by(f64::total_cmp) else {
        return Ok(None);
    };
    let names: Vec<String> = best.iter().map(|(cell, _)| name(cell)).collect();
    // Room for the figure behind the longest bar.
    let x = Axis::linear("from exec to exit", longest * 1.2, tick);
    let y = Axis::rows(&names);
    let limit = limit(&best);
    let mut legend: Vec<Key> = phases::PHASES.to_vec();
    legend.push(bar("exec, exit", GREY));
    legend.push(phases::ENDS);
    legend.extend(limit.map(|_| Key {
        mark: Mark::Dashes,
        colour: INK,
        means: "reference: reading the mapped file",
    }));
    let frame = Frame {
        name: "overview".to_owned(),
        title: "The fastest row of each transport".to_owned(),
        height: ROW * u32::try_from(best.len())?,
        left: room(&names),
        x: &x,
        y: &y,
        legend: &legend,
    };
    Figure::draw(frame, |canvas| {
        for (row, (_, summary)) in best.iter().enumerate() {
            let middle = Axis::row(row, best.len());
            let phases = phases::stack(canvas, summary, middle)?;
            let wall = &summary.wall;
            if wall.median > phases {
                let corners = [(phases, middle - 0.36), (wall.median, middle + 0.36)];
                canvas.block(GREY, corners)?;
            }
            canvas.whisker(wall, middle)?;
            canvas.text(&seconds(wall.median), (wall.max, middle))?;
        }
        if let Some(limit) = limit {
            canvas.dashed_rise(INK, x.at(limit), &y)?;
        }
        Ok(())
    })
    .map(Some)
}

/// `mmap, spawn × 8`.
fn name(cell: &CellReport) -> String {
    let cell = cell.cell;
    format!(
        "{}, {} × {}",
        cell.transport, cell.start_method, cell.workers
    )
}

/// What the machine needs to read the mapped file: the wall of a cell over its multiple of that.
fn limit(best: &[(&CellReport, &CellSummary)]) -> Option<f64> {
    best.iter().find_map(|(_, summary)| {
        let of_wall = summary.limit.as_ref()?.starts_with("wall / ");
        Some(summary.wall.median / summary.limit_multiple?).filter(|_| of_wall)
    })
}
