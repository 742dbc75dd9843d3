//! The timeline of a job's row: a lane for the caller, one for each worker.

use super::axis::Axis;
use super::canvas::{Canvas, Figure, Frame, Key, Mark, room};
use super::palette::{BLUE, GREEN, GREY, PURPLE, VERMILION, YELLOW};
use crate::job_timeline::{JobTimeline, Lane, Phase, Step};
use harness::grid::tick;

const ROW: u32 = 22;

const START: Key = bar(Mark::Bar, VERMILION, "start");
const FILL: Key = bar(Mark::Bar, PURPLE, "fill");
const RUN: Key = bar(Mark::Bar, GREY, "run");
const STOP: Key = bar(Mark::Bar, YELLOW, "stop");
const STARTING: Key = bar(Mark::LowBar, VERMILION, "worker starts");
const BUSY: Key = bar(Mark::Bar, BLUE, "has a task");
const ANSWER: Key = bar(Mark::LowBar, GREEN, "answers");

const fn bar(mark: Mark, colour: plotters::style::RGBColor, means: &'static str) -> Key {
    Key {
        mark,
        colour,
        means,
    }
}

/// The figure.
///
/// # Errors
///
/// Those of the drawing library.
pub(crate) fn figure(job: &str, timeline: &JobTimeline) -> anyhow::Result<Figure> {
    let hand_over = timeline.key.hand_over.map_or("none", |it| it.as_str());
    let mut names = vec!["caller".to_owned()];
    names.extend(timeline.lanes.iter().map(|lane| lane.name.clone()));
    let end = timeline
        .caller
        .iter()
        .map(|phase| phase.to)
        .fold(0.0, f64::max);
    let x = Axis::linear("since the row began", end, tick);
    let y = Axis::rows(&names);
    let frame = Frame {
        name: format!("timeline-job-{job}-{hand_over}"),
        title: timeline.key.to_string(),
        height: ROW * u32::try_from(names.len())?,
        left: room(&names),
        x: &x,
        y: &y,
        legend: &[START, FILL, RUN, STOP, STARTING, BUSY, ANSWER],
    };
    Figure::draw(frame, |canvas| {
        let middle = |row| Axis::row(row, names.len());
        for phase in &timeline.caller {
            block(canvas, of(*phase), (phase.from, phase.to), middle(0))?;
        }
        for (row, worker) in (1..).zip(&timeline.lanes) {
            lane(canvas, worker, end, middle(row))?;
        }
        Ok(())
    })
}

fn of(phase: Phase) -> Key {
    match phase.what {
        Step::Start => START,
        Step::Fill => FILL,
        Step::Run => RUN,
        Step::Stop => STOP,
    }
}

/// A thin line for a worker's life, and what it did.
fn lane(canvas: &mut Canvas<'_, '_>, worker: &Lane, end: f64, middle: f64) -> anyhow::Result<()> {
    if let Some(started) = worker.started {
        let until = worker.ended.unwrap_or(end).min(end);
        canvas.line(GREY, 1, vec![(started, middle), (until, middle)])?;
        if let Some(ready) = worker.ready {
            block(canvas, STARTING, (started, ready), middle)?;
        }
    }
    // The answer's mark separates tasks that follow each other without a gap.
    let mark = end / 400.0;
    for busy in &worker.busy {
        block(canvas, BUSY, (busy.from, busy.to), middle)?;
        let from = (busy.to - mark).max(busy.from);
        block(canvas, ANSWER, (from, busy.to), middle)?;
    }
    Ok(())
}

fn block(
    canvas: &mut Canvas<'_, '_>,
    key: Key,
    (from, to): (f64, f64),
    middle: f64,
) -> anyhow::Result<()> {
    let half = if key.mark == Mark::LowBar { 0.14 } else { 0.36 };
    canvas.block(key.colour, [(from, middle - half), (to, middle + half)])
}
