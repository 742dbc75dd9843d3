//! What starting a child costs by what its parent holds: a line a start method, for `fork` one in
//! base pages and one in huge ones.

use plotters::style::RGBColor;

use super::axis::Axis;
use super::canvas::{Canvas, Figure, Frame, Key, Mark};
use super::palette::{BLUE, GREEN, PURPLE, VERMILION};
use crate::page::start_cost::{Line, Start, StartCost};
use harness::grid::{binary_size, tick};

/// The figure; none where no parent had any memory to speak of.
pub(crate) fn figure(cost: &StartCost) -> anyhow::Result<Option<Figure>> {
    let starts = || cost.lines.iter().flat_map(|line| &line.starts);
    let parents = cost.parents();
    let Some(least) = parents.iter().copied().find(|parent| *parent > 0) else {
        return Ok(None);
    };
    let x = Axis::named(
        "memory that the parent holds",
        parents
            .iter()
            .map(|&parent| (place(parent, least), binary_size(parent))),
    );
    let (shortest, longest) = starts().fold((f64::INFINITY, 0.0_f64), |(short, long), start| {
        (short.min(start.seconds.min), long.max(start.seconds.max))
    });
    let y = Axis::log("time to the first answer", shortest, longest, tick);
    let legend: Vec<Key> = cost.lines.iter().map(key).collect();
    let frame = Frame {
        name: "start-latency".to_owned(),
        title: "Starting one child".to_owned(),
        height: 250,
        left: 72,
        x: &x,
        y: &y,
        legend: &legend,
    };
    Figure::draw(frame, |canvas| {
        // Side by side, so that one does not hide another.
        for (aside, line) in [-0.09, -0.03, 0.03, 0.09].into_iter().zip(&cost.lines) {
            let at = |start: &Start| x.at(place(start.parent, least)) + aside;
            draw(canvas, line, at, &y)?;
        }
        Ok(())
    })
    .map(Some)
}

fn draw(
    canvas: &mut Canvas<'_, '_>,
    line: &Line,
    at: impl Fn(&Start) -> f64,
    y: &Axis,
) -> anyhow::Result<()> {
    let Key { mark, colour, .. } = key(line);
    let medians = line.starts.iter();
    let medians = medians.map(|start| (at(start), y.at(start.seconds.median)));
    canvas.line(colour, 2, medians.collect())?;
    for start in &line.starts {
        let (at, spread) = (at(start), &start.seconds);
        let ends = [y.at(spread.min), y.at(spread.max)];
        canvas.line(colour, 2, ends.map(|end| (at, end)).to_vec())?;
        for end in ends {
            canvas.line(colour, 2, vec![(at - 0.03, end), (at + 0.03, end)])?;
        }
        canvas.mark(mark, colour, (at, y.at(spread.median)))?;
    }
    Ok(())
}

/// Where a parent's size stands; one that holds nothing a step before the least of the others.
#[expect(clippy::cast_precision_loss, reason = "no memory has 2^53 bytes")]
fn place(parent: u64, least: u64) -> f64 {
    match parent {
        0 => least as f64 / 4.0,
        _ => parent as f64,
    }
}

fn key(line: &Line) -> Key {
    let (mark, colour): (Mark, RGBColor) = match line.name {
        "fork" => (Mark::Disc, BLUE),
        "fork, huge pages" => (Mark::Box, PURPLE),
        "spawn" => (Mark::Triangle, VERMILION),
        _ => (Mark::Square, GREEN),
    };
    Key {
        mark,
        colour,
        means: line.name,
    }
}
