//! A cell's timeline: one lane a process, what it was busy with and when.

use plotters::style::RGBColor;
use report::{CellReport, CellRun, Event, What};

use super::axis::Axis;
use super::canvas::{Canvas, Figure, Frame, Key, Mark};
use super::palette::{BLUE, GREEN, GREY, PURPLE, VERMILION, YELLOW};
use crate::grid::seconds;
use crate::page::timelines::{Doing, Span, Timeline, spans, typical};
use crate::page::words;

const ROW: u32 = 22;

const LEGEND: [(Doing, Key); 8] = [
    (Doing::Load, key(Mark::Bar, YELLOW, "load")),
    (Doing::Share, key(Mark::Bar, PURPLE, "share")),
    (Doing::Start, key(Mark::Bar, VERMILION, "start")),
    (Doing::Run, key(Mark::Bar, GREY, "run")),
    (
        Doing::Starting,
        key(Mark::LowBar, VERMILION, "worker starts"),
    ),
    (
        Doing::Receiving,
        key(Mark::LowBar, BLUE, "batch on its way"),
    ),
    (Doing::Computing, key(Mark::Bar, BLUE, "computes")),
    (
        Doing::Answering,
        key(Mark::LowBar, GREEN, "answer on its way"),
    ),
];

const fn key(mark: Mark, colour: RGBColor, means: &'static str) -> Key {
    Key {
        mark,
        colour,
        means,
    }
}

/// The timelines of a transport's cells, of each the run nearest to its median.
pub(crate) fn figures(
    cells: &[&CellReport],
    timelines: &[Timeline],
) -> anyhow::Result<Vec<Figure>> {
    cells
        .iter()
        .filter_map(|cell| Some((cell, typical(cell, timelines)?)))
        .map(|(cell, (run, timeline))| figure(cell, run, timeline))
        .collect()
}

fn figure(cell: &CellReport, run: &CellRun, timeline: &Timeline) -> anyhow::Result<Figure> {
    let mut names = vec!["coordinator".to_owned()];
    names.extend(timeline.workers.iter().map(|worker| worker.name.clone()));
    let x = Axis::linear(
        "since the coordinator started",
        timeline.end().max(run.seconds.end_to_end),
        seconds,
    );
    let y = Axis::rows(&names);
    let busy: Vec<(usize, Span)> = timeline
        .phases(&run.seconds)
        .into_iter()
        .map(|phase| (0, phase))
        .chain((1..).zip(&timeline.workers).flat_map(|(row, worker)| {
            let spans = spans(worker, &timeline.coordinator).into_iter();
            spans.map(move |span| (row, span))
        }))
        .collect();
    // What is too short to be seen needs no word.
    let seen = |span: &Span| span.to - span.from > x.to / 400.0;
    let legend: Vec<Key> = LEGEND
        .iter()
        .filter(|(doing, _)| {
            let mut spans = busy.iter().map(|(_, span)| span);
            spans.any(|span| span.doing == *doing && seen(span))
        })
        .map(|(_, key)| *key)
        .collect();
    let frame = Frame {
        name: format!(
            "timeline-{}-{}-{}",
            cell.cell.transport, cell.cell.start_method, cell.cell.workers
        ),
        title: words::name(cell),
        height: ROW * u32::try_from(names.len())?,
        left: 140,
        x: &x,
        y: &y,
        legend: &legend,
    };
    Figure::draw(frame, |canvas| {
        let middle = Axis::row(0, names.len());
        canvas.line(
            GREY,
            1,
            vec![(0.0, middle), (x.at(run.seconds.end_to_end), middle)],
        )?;
        for (row, worker) in timeline.workers.iter().enumerate() {
            let middle = Axis::row(row + 1, names.len());
            if let Some((from, to)) = life(&worker.events) {
                canvas.line(GREY, 1, vec![(x.at(from), middle), (x.at(to), middle)])?;
            }
            if let Some(end) = worker.events.iter().find(|event| event.what == What::Ended) {
                let at = x.at(end.t);
                canvas.line(GREY, 2, vec![(at, middle - 0.3), (at, middle + 0.3)])?;
            }
        }
        for (row, span) in busy {
            let middle = Axis::row(row, names.len());
            draw(canvas, span.doing, (x.at(span.from), x.at(span.to)), middle)?;
        }
        Ok(())
    })
}

fn draw(
    canvas: &mut Canvas<'_, '_>,
    doing: Doing,
    (from, to): (f64, f64),
    middle: f64,
) -> anyhow::Result<()> {
    let (_, key) = LEGEND
        .iter()
        .find(|(of, _)| *of == doing)
        .expect("everything has its key");
    let half = if key.mark == Mark::LowBar { 0.14 } else { 0.36 };
    canvas.block(key.colour, [(from, middle - half), (to, middle + half)])
}

fn life(events: &[Event]) -> Option<(f64, f64)> {
    let times = || events.iter().map(|event| event.t);
    Some((
        times().min_by(f64::total_cmp)?,
        times().max_by(f64::total_cmp)?,
    ))
}
