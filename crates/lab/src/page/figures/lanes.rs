//! A cell's timeline: one lane a process, what it was busy with and when.

use plotters::style::RGBColor;
use report::{CellReport, CellRun, Event, Rank, Seconds, Sum, What};

use super::axis::Axis;
use super::canvas::{Canvas, Figure, Frame, Key, Mark, room};
use super::palette::{BLUE, GREEN, GREY, PURPLE, VERMILION, YELLOW};
use crate::page::timelines::{Doing, Span, Timeline, spans, typical};
use crate::page::words;
use harness::grid::tick;

const ROW: u32 = 22;

const LEGEND: [(Doing, Key); 8] = [
    (Doing::Load, key(Mark::Bar, YELLOW, "load")),
    (Doing::Share, key(Mark::Bar, PURPLE, "fill")),
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

/// The timeline of a cell's run that is nearest to its median; none where it was not kept.
pub(crate) fn figure_of(
    cell: &CellReport,
    timelines: &[Timeline],
) -> anyhow::Result<Option<Figure>> {
    typical(cell, timelines)
        .map(|(run, timeline)| figure(cell, run, timeline))
        .transpose()
}

fn figure(cell: &CellReport, run: &CellRun, timeline: &Timeline) -> anyhow::Result<Figure> {
    let name = format!(
        "timeline-{}-{}-{}",
        cell.cell.transport, cell.cell.start_method, cell.cell.workers
    );
    let pool = Pool {
        coordinator: "coordinator".to_owned(),
        timeline,
        seconds: &run.seconds,
    };
    lanes(name, words::name(cell), &[pool])
}

/// The timelines of the ranks of a run over several machines, those of a machine together.
pub(crate) fn machines(sum: &Sum) -> anyhow::Result<Figure> {
    let mut ranks: Vec<(&Rank, Timeline)> = sum
        .ranks
        .iter()
        .map(|rank| (rank, Timeline::of_rank(sum, rank)))
        .collect();
    ranks.sort_by_key(|(rank, _)| (rank.machine, rank.rank));
    let pools: Vec<Pool<'_>> = ranks
        .iter()
        .map(|(rank, timeline)| Pool {
            coordinator: format!("machine {}, rank {}", rank.machine, rank.rank),
            timeline,
            seconds: &rank.seconds,
        })
        .collect();
    let method = sum.plan.start_method.map_or("listen", |it| it.as_str());
    let title = format!("{method} + {}", sum.plan.transport);
    lanes("timeline-cluster".to_owned(), title, &pools)
}

/// A coordinator and its workers.
struct Pool<'a> {
    /// What the coordinator's lane is called.
    coordinator: String,
    timeline: &'a Timeline,
    seconds: &'a Seconds,
}

/// Lanes of these pools, one below the other.
fn lanes(name: String, title: String, pools: &[Pool<'_>]) -> anyhow::Result<Figure> {
    let mut names = Vec::new();
    // Of each pool, its coordinator's row; its workers have the rows below.
    let mut first = Vec::new();
    for pool in pools {
        first.push(names.len());
        names.push(pool.coordinator.clone());
        let workers = pool.timeline.workers.iter();
        names.extend(workers.map(|worker| worker.name.clone()));
    }
    let ends = pools
        .iter()
        .map(|pool| pool.timeline.end().max(pool.seconds.end_to_end));
    let x = Axis::linear(
        "since the coordinator started",
        ends.fold(0.0, f64::max),
        tick,
    );
    let y = Axis::rows(&names);
    let busy = busy(pools, &first);
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
        name,
        title,
        height: ROW * u32::try_from(names.len())?,
        left: room(&names),
        x: &x,
        y: &y,
        legend: &legend,
    };
    Figure::draw(frame, |canvas| {
        for (pool, &row) in pools.iter().zip(&first) {
            lives(canvas, pool, row, names.len(), &x)?;
        }
        for (row, span) in busy {
            let middle = Axis::row(row, names.len());
            draw(canvas, span.doing, (x.at(span.from), x.at(span.to)), middle)?;
        }
        Ok(())
    })
}

/// What each row's process was busy with.
fn busy(pools: &[Pool<'_>], first: &[usize]) -> Vec<(usize, Span)> {
    let mut busy: Vec<(usize, Span)> = Vec::new();
    for (pool, &row) in pools.iter().zip(first) {
        let phases = pool.timeline.phases(pool.seconds);
        busy.extend(phases.into_iter().map(|phase| (row, phase)));
        for (row, worker) in (row + 1..).zip(&pool.timeline.workers) {
            let spans = spans(worker, &pool.timeline.coordinator);
            busy.extend(spans.into_iter().map(|span| (row, span)));
        }
    }
    busy
}

/// A thin line from the start to the end of each process of a pool, whose first row is given.
fn lives(
    canvas: &mut Canvas<'_, '_>,
    pool: &Pool<'_>,
    row: usize,
    rows: usize,
    x: &Axis,
) -> anyhow::Result<()> {
    let middle = Axis::row(row, rows);
    let end = x.at(pool.seconds.end_to_end);
    canvas.line(GREY, 1, vec![(0.0, middle), (end, middle)])?;
    for (row, worker) in (row + 1..).zip(&pool.timeline.workers) {
        let middle = Axis::row(row, rows);
        if let Some((from, to)) = life(&worker.events) {
            canvas.line(GREY, 1, vec![(x.at(from), middle), (x.at(to), middle)])?;
        }
        if let Some(end) = worker.events.iter().find(|event| event.what == What::Ended) {
            let at = x.at(end.t);
            canvas.line(GREY, 2, vec![(at, middle - 0.3), (at, middle + 0.3)])?;
        }
    }
    Ok(())
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
