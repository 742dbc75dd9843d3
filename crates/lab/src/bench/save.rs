//! A job as files: everything as JSON, one row a run as CSV, the tables as Markdown.

use anyhow::Context;
use harness::results::Results;
use report::Bench;

use super::table;
use crate::page;

const HEAD: [&str; 15] = [
    "bytes",
    "runner",
    "hand_over",
    "start_method",
    "workers",
    "round",
    "position",
    "wall_s",
    "start_s",
    "fill_s",
    "run_s",
    "fill_again_s",
    "run_again_s",
    "stop_s",
    "digest",
];

/// Saves all three.
///
/// # Errors
///
/// Those of writing the files.
pub(crate) fn bench(bench: &Bench, results: &Results) -> anyhow::Result<()> {
    let name = page::job_file(&bench.job.name);
    let stem = name.trim_end_matches(".json");
    results.json(&name, bench)?;
    results.text(&format!("{stem}.csv"), &csv(bench)?)?;
    results.text(&format!("{stem}.md"), &table::markdown(bench))
}

fn csv(bench: &Bench) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEAD)?;
    for row in &bench.rows {
        let key = row.key;
        for run in &row.runs {
            let mut record = vec![
                key.bytes.to_string(),
                table::runner(key.runner).to_owned(),
                key.hand_over.map_or("", |it| it.as_str()).to_owned(),
                key.start_method.map_or("", |it| it.as_str()).to_owned(),
                key.workers.to_string(),
                run.round.to_string(),
                run.position.to_string(),
            ];
            let seconds = [
                run.wall_seconds,
                run.start,
                run.first.fill,
                run.first.run,
                run.again.fill,
                run.again.run,
                run.stop,
            ];
            record.extend(seconds.map(|seconds| seconds.to_string()));
            record.push(run.digest.clone());
            writer.write_record(record)?;
        }
    }
    let bytes = writer.into_inner().context("cannot finish the CSV")?;
    Ok(String::from_utf8(bytes)?)
}
