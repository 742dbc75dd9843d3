//! Single figures within a sentence.
//!
//! | name | figure |
//! | --- | --- |
//! | `wall mmap spawn 8` | a median of a cell: `wall`, `total`, `load`, `share`, `start`, `run`, `other` |
//! | `records`, `size`, `date`, `name` | of the record |
//! | `best wall`, `best name` | of the fastest cell |
//! | `threads` | the wall time of threads |
//! | `ratio wall serde spawn 8 / wall bytes spawn 8` | of two of them |
//! | `speed-up mmap fork 8` | one worker's start + run over that of the cell |
//! | `job tiny task` | what one task costs a pool that is there |
//! | `job memory fill array 256MiB`, `reused` in place of `fill` | filling fresh memory, and memory used before |

use anyhow::bail;
use harness::grid::{seconds, size, times};
use report::{Bench, HandOver, StartMethod, Transport};

use super::record::{Missing, Record};
use crate::stats::float;
use crate::values;

/// A figure by its name.
///
/// # Errors
///
/// Where there is no such name; what the record does not have is said in place of the figure.
pub(crate) fn figure(record: &Record, name: &str) -> anyhow::Result<String> {
    match written(record, name) {
        Err(error) if error.is::<Missing>() => Ok("(not measured)".to_owned()),
        figure => figure,
    }
}

fn written(record: &Record, name: &str) -> anyhow::Result<String> {
    if let Some((one, other)) = name
        .strip_prefix("ratio ")
        .and_then(|rest| rest.split_once(" / "))
    {
        return Ok(times(value(record, one)? / value(record, other)?));
    }
    let words: Vec<&str> = name.split_whitespace().collect();
    Ok(match words[..] {
        ["records"] => (record.matrix.dataset.records / 1_000_000).to_string() + " million",
        ["size"] => size(record.matrix.dataset.bytes),
        ["date"] => record.matrix.date.chars().take(10).collect(),
        ["name"] => record.name.clone(),
        ["best", "name"] => best(record)?.0,
        ["speed-up", transport, method, workers] => {
            let cell = record.cell(transport.parse()?, method.parse()?, workers.parse()?)?;
            times(cell.speed_up.ok_or_else(|| missing("single worker"))?)
        }
        _ => seconds(value(record, name)?),
    })
}

fn missing(what: &str) -> Missing {
    Missing(what.to_owned())
}

/// A time by its name, in seconds.
fn value(record: &Record, name: &str) -> anyhow::Result<f64> {
    let words: Vec<&str> = name.split_whitespace().collect();
    Ok(match words[..] {
        ["best", "wall"] => best(record)?.1,
        ["threads"] => {
            let plain = record.matrix.plain.iter();
            let threads = plain.max_by_key(|plain| plain.threads);
            let wall = threads.and_then(|threads| threads.wall);
            wall.ok_or_else(|| missing("threads"))?.median
        }
        ["job", "tiny", "task"] => tiny(record.job("tiny")?)?,
        ["job", job, what, hand_over, bytes] => {
            let bytes = values::bytes(bytes).map_err(anyhow::Error::msg)?;
            let hand_over = hand_over.parse().map_err(anyhow::Error::msg)?;
            of_job(record.job(job)?, what, hand_over, bytes)?
        }
        [what, transport, method, workers] => {
            let (transport, method): (Transport, StartMethod) =
                (transport.parse()?, method.parse()?);
            let cell = record.cell(transport, method, workers.parse()?)?;
            let spread = match what {
                "wall" => &cell.wall,
                "total" => &cell.total,
                "load" => &cell.load,
                "share" => &cell.share,
                "start" => &cell.start,
                "run" => &cell.run,
                "other" => cell.other.as_ref().ok_or_else(|| missing("rest"))?,
                _ => bail!("no figure is called {what}"),
            };
            spread.median
        }
        _ => bail!("no figure is called {name}"),
    })
}

/// The fastest cell: its name and its wall time.
fn best(record: &Record) -> anyhow::Result<(String, f64)> {
    let best = Transport::ALL
        .into_iter()
        .filter_map(|transport| record.best(transport))
        .min_by(|(_, one), (_, other)| one.wall.median.total_cmp(&other.wall.median));
    let (cell, summary) = best.ok_or_else(|| missing("cell"))?;
    let cell = cell.cell;
    let name = format!(
        "{}, {} × {}",
        cell.transport, cell.start_method, cell.workers
    );
    Ok((name, summary.wall.median))
}

/// What a task of a pool that is there costs, by the fastest row.
fn tiny(bench: &Bench) -> anyhow::Result<f64> {
    let pooled = bench.rows.iter();
    let pooled = pooled.filter(|row| row.key.hand_over == Some(HandOver::Bytes));
    let each = pooled.filter_map(|row| Some(row.summary.as_ref()?.run_again.median));
    let least = each.min_by(f64::total_cmp);
    let least = least.ok_or_else(|| missing("tiny tasks"))?;
    Ok(least / float(bench.job.tasks.max(1)))
}

fn of_job(bench: &Bench, what: &str, hand_over: HandOver, bytes: u64) -> anyhow::Result<f64> {
    let row = bench
        .rows
        .iter()
        .filter(|row| row.key.bytes == bytes && row.key.hand_over == Some(hand_over))
        .max_by_key(|row| {
            let spawned = row.key.start_method == Some(StartMethod::Spawn);
            (spawned, row.key.workers)
        });
    let summary = row.and_then(|row| row.summary.as_ref());
    let summary = summary.ok_or_else(|| Missing(format!("{} {hand_over}", bench.job.name)))?;
    Ok(match what {
        "fill" => summary.fill.median,
        "reused" => summary.fill_reused.median,
        "run" => summary.run.median,
        "again" => summary.run_again.median,
        "wall" => summary.wall.median,
        _ => bail!("no figure is called {what}"),
    })
}
