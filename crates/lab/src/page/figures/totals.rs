//! Total time by number of workers: a figure a transport, a line a start method, the limit dashed.

use plotters::style::RGBColor;
use report::{CellReport, CellSummary, Matrix, StartMethod, Transport};

use super::axis::Axis;
use super::canvas::{Canvas, Figure, Frame, Key, Mark};
use super::cells::measured;
use super::palette::{BLUE, GREEN, INK, VERMILION};
use harness::grid::seconds;

/// One figure for each transport, all on the same scale.
pub(crate) fn figures(matrix: &Matrix) -> anyhow::Result<Vec<Figure>> {
    let mut workers: Vec<u32> = matrix.cells.iter().map(|cell| cell.cell.workers).collect();
    workers.sort_unstable();
    workers.dedup();
    let shown = matrix
        .cells
        .iter()
        .filter_map(|cell| cell.summary.as_ref())
        .flat_map(|summary| {
            [
                Some(summary.total.min),
                Some(summary.total.max),
                limit(summary),
            ]
        })
        .flatten()
        .filter(|seconds| *seconds > 0.0);
    let (least, most) = shown.fold((f64::INFINITY, 0.0_f64), |(least, most), seconds| {
        (least.min(seconds), most.max(seconds))
    });
    if most == 0.0 {
        return Ok(Vec::new());
    }
    let x = Axis::counts("workers", &workers);
    let y = Axis::log("start + run", least, most, seconds);
    Transport::ALL
        .into_iter()
        .map(|transport| (transport, measured(matrix, transport)))
        .filter(|(_, cells)| !cells.is_empty())
        .map(|(transport, cells)| figure(transport, &cells, &x, &y))
        .collect()
}

fn figure(
    transport: Transport,
    cells: &[&CellReport],
    x: &Axis,
    y: &Axis,
) -> anyhow::Result<Figure> {
    let methods: Vec<StartMethod> = StartMethod::ALL
        .into_iter()
        .filter(|method| cells.iter().any(|cell| cell.cell.start_method == *method))
        .collect();
    let limits = limits(cells);
    let mut legend: Vec<Key> = methods.iter().map(|method| key(*method)).collect();
    if !limits.is_empty() {
        legend.push(Key {
            mark: Mark::Dashes,
            colour: INK,
            means: "reference",
        });
    }
    let frame = Frame {
        name: format!("total-{transport}"),
        title: format!("{transport}: start + run"),
        height: 230,
        left: 72,
        x,
        y,
        legend: &legend,
    };
    Figure::draw(frame, |canvas| {
        let limits: Vec<(f64, f64)> = limits
            .iter()
            .map(|(workers, seconds)| (x.at(f64::from(*workers)), y.at(*seconds)))
            .collect();
        match limits[..] {
            // One number of workers: a line as wide as the figure.
            [(_, at)] => canvas.dashes(INK, &[(x.from, at), (x.to, at)], x)?,
            _ => canvas.dashes(INK, &limits, x)?,
        }
        for method in methods {
            let of_it: Vec<_> = cells
                .iter()
                .filter(|cell| cell.cell.start_method == method)
                .filter_map(|cell| Some((cell.cell.workers, cell.summary.as_ref()?)))
                .collect();
            draw(canvas, method, &of_it, x, y)?;
        }
        Ok(())
    })
}

fn draw(
    canvas: &mut Canvas<'_, '_>,
    method: StartMethod,
    cells: &[(u32, &CellSummary)],
    x: &Axis,
    y: &Axis,
) -> anyhow::Result<()> {
    let Key { mark, colour, .. } = key(method);
    // Side by side, so that one does not hide another.
    let width = x.to - x.from;
    let aside = match method {
        StartMethod::Fork => -0.022,
        StartMethod::Spawn => 0.0,
        StartMethod::ForkServer => 0.022,
    } * width;
    let place = |workers: u32| x.at(f64::from(workers)) + aside;
    let medians = cells
        .iter()
        .map(|(workers, summary)| (place(*workers), y.at(summary.total.median)))
        .collect();
    canvas.line(colour, 2, medians)?;
    for (workers, summary) in cells {
        let (at, total) = (place(*workers), &summary.total);
        let (low, high) = (y.at(total.min), y.at(total.max));
        canvas.line(colour, 2, vec![(at, low), (at, high)])?;
        for end in [low, high] {
            let half = width * 0.008;
            canvas.line(colour, 2, vec![(at - half, end), (at + half, end)])?;
        }
        canvas.mark(mark, colour, (at, y.at(total.median)))?;
    }
    Ok(())
}

fn key(method: StartMethod) -> Key {
    let (mark, colour): (Mark, RGBColor) = match method {
        StartMethod::Fork => (Mark::Disc, BLUE),
        StartMethod::Spawn => (Mark::Triangle, VERMILION),
        StartMethod::ForkServer => (Mark::Square, GREEN),
    };
    Key {
        mark,
        colour,
        means: method.as_str(),
    }
}

/// The limit of each number of workers, in seconds.
fn limits(cells: &[&CellReport]) -> Vec<(u32, f64)> {
    let mut limits: Vec<(u32, f64)> = cells
        .iter()
        .filter_map(|cell| Some((cell.cell.workers, limit(cell.summary.as_ref()?)?)))
        .collect();
    limits.sort_by_key(|(workers, _)| *workers);
    limits.dedup_by_key(|(workers, _)| *workers);
    limits
}

/// The seconds that the machine itself needs: the cell's time over its multiple.
fn limit(summary: &CellSummary) -> Option<f64> {
    let (what, _) = summary.limit.as_ref()?.split_once(" / ")?;
    let time = match what {
        "wall" => &summary.wall,
        "total" => &summary.total,
        "run" => &summary.run,
        _ => return None,
    };
    Some(time.median / summary.limit_multiple?)
}
