//! From the command line to the rows.

use report::{BenchKey, BenchRow, HandOver, Runner, StartMethod};

use super::choice::Choice;
use super::subject::Subject;
use crate::terms::Terms;

/// A choice that leaves no row of something that was asked for by name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlanError {
    /// The job cannot hand over in this way.
    #[error("{job} has no hand-over {hand_over}, it has: {known}")]
    HandOver {
        /// The job.
        job: String,
        /// What was asked for.
        hand_over: HandOver,
        /// What there is.
        known: String,
    },
    /// `inherit` without `fork`.
    #[error(
        "inherit reads the memory that a child was forked with, so it needs the start method fork: add it \
         to --start-methods, or take inherit out of --hand-overs"
    )]
    InheritWithoutFork,
    /// Two tasks that are handed over in the same way.
    #[error("two tasks are handed over by {0}: measure them one by one")]
    Twice(HandOver),
}

/// The rows of all combinations that can work: of each size the plain loop, threads, then processes.
///
/// # Errors
///
/// [`PlanError`].
pub(crate) fn rows(
    subject: &Subject<'_>,
    terms: &Terms,
    choice: &Choice,
    cores: u32,
) -> Result<Vec<BenchKey>, PlanError> {
    let mut known = subject.hand_overs.clone();
    known.sort_unstable();
    if let Some(twice) = known.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(PlanError::Twice(twice[0]));
    }
    let methods = or(&terms.start_methods, &StartMethod::ALL);
    let by_name = !choice.hand_overs.is_empty();
    for &hand_over in &choice.hand_overs {
        if !known.contains(&hand_over) {
            let names: Vec<&str> = known.iter().map(|known| known.as_str()).collect();
            return Err(PlanError::HandOver {
                job: subject.name.clone(),
                hand_over,
                known: names.join(", "),
            });
        }
        if hand_over == HandOver::Inherit && by_name && !methods.contains(&StartMethod::Fork) {
            return Err(PlanError::InheritWithoutFork);
        }
    }
    let hand_overs = or(&choice.hand_overs, &known);
    // The jobs of the laboratory without data have one size, which is none.
    let sizes = match subject.sizes[..] {
        [0] => vec![0],
        _ => or(&choice.sizes, &subject.sizes),
    };
    let workers = or(&terms.workers, &[1, cores]);

    let mut rows = Vec::new();
    for bytes in sizes {
        rows.extend(
            [(Runner::InProcess, 1), (Runner::Threads, cores)].map(|(runner, workers)| BenchKey {
                bytes,
                runner,
                hand_over: None,
                workers,
                start_method: None,
            }),
        );
        for &hand_over in &hand_overs {
            for &workers in &workers {
                for &method in &methods {
                    if hand_over != HandOver::Inherit || method == StartMethod::Fork {
                        rows.push(BenchKey {
                            bytes,
                            runner: Runner::Processes,
                            hand_over: Some(hand_over),
                            workers,
                            start_method: Some(method),
                        });
                    }
                }
            }
        }
    }
    Ok(rows)
}

/// What was asked for, each once, or else the default.
fn or<T: Copy + PartialEq>(asked: &[T], default: &[T]) -> Vec<T> {
    let all = if asked.is_empty() { default } else { asked };
    let mut once: Vec<T> = Vec::new();
    for item in all {
        if !once.contains(item) {
            once.push(*item);
        }
    }
    once
}

/// A row before its first run.
pub(crate) fn not_run_yet(key: BenchKey) -> BenchRow {
    BenchRow {
        key,
        runs: Vec::new(),
        summary: None,
        failed: None,
        void: None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::jobs;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        terms: Terms,
        #[command(flatten)]
        choice: Choice,
    }

    fn planned(job: &str, line: &str) -> Result<Vec<BenchKey>, PlanError> {
        let words = ["lab"].into_iter().chain(line.split_whitespace());
        let Line { terms, choice } = Line::parse_from(words);
        let subject = Subject::known(jobs::named(job).unwrap());
        rows(&subject, &terms, &choice, 2)
    }

    #[test]
    fn the_plain_rows_are_the_first_of_each_size() {
        let rows = planned("memory", "--sizes 1MiB,16MiB --workers 2,2").unwrap();
        // In-process, threads; four hand-overs by three methods, and inherit by fork.
        assert_eq!(rows.len(), 2 * (2 + 4 * 3 + 1));
        for part in rows.chunks(rows.len() / 2) {
            let plain = part.iter().filter(|row| row.is_plain()).count();
            assert_eq!(plain, 2);
            assert_eq!(part[0].runner, Runner::InProcess);
            assert_eq!((part[1].runner, part[1].workers), (Runner::Threads, 2));
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        assert_eq!(
            planned("memory", "--hand-overs inherit --start-methods spawn"),
            Err(PlanError::InheritWithoutFork)
        );
        let error = planned("tiny", "--hand-overs array").unwrap_err();
        assert_eq!(
            error.to_string(),
            "tiny has no hand-over array, it has: bytes, inherit"
        );
        // Nobody asked for inherit, so nothing is missing.
        assert_eq!(planned("cpu", "--start-methods spawn").unwrap().len(), 4);
    }
}
