//! The run of chaos as a table, and one line while it goes on.

use report::{Chaos, ChaosRounds, format_count};

use harness::grid::{Grid, seconds};

/// The whole of it, for a terminal.
pub(crate) fn terminal(chaos: &Chaos) -> String {
    let rounds = &chaos.rounds;
    let head = [
        "fault",
        "planned",
        "done",
        "then right",
        "clear error",
        "signalled",
        "failed",
    ];
    let mut faults = Grid::new(&head, 1);
    for fault in &chaos.faults {
        let figures = [
            fault.planned,
            fault.done,
            fault.right,
            fault.clear_error,
            fault.signalled,
            fault.failed,
        ];
        let mut row = vec![fault.kind.clone()];
        row.extend(figures.map(format_count));
        faults.rows.push(row);
    }
    let count = |kinds: &[&str]| {
        let of_kind = |kind: &str| kinds.contains(&kind);
        let broken = chaos.failures.iter();
        broken.filter(|broken| of_kind(&broken.kind)).count()
    };
    let mut ends = Grid::new(&["rounds", ""], 1);
    for (name, figure) in [
        ("all", format_count(rounds.all)),
        ("answered, bit-identical", format_count(rounds.right)),
        (
            "of those, with faults",
            format_count(rounds.right_under_harm),
        ),
        ("one clear error", format_count(rounds.clear_error)),
        ("ended by its signal", format_count(rounds.signalled)),
        ("violated a guarantee", format_count(rounds.failed)),
        ("wrong answers", count(&["wrong-answer"]).to_string()),
        (
            "unclear or unprovoked errors, panics",
            count(&["unclear-error", "unprovoked-error", "panic"]).to_string(),
        ),
        ("hangs", count(&["hang"]).to_string()),
        (
            "leftovers after 10 s",
            count(&["left-process", "left-segment", "left-file"]).to_string(),
        ),
        ("slowest round", seconds(rounds.slowest_seconds)),
        ("slowest cleanup", seconds(rounds.slowest_cleanup_seconds)),
    ] {
        ends.rows.push(vec![name.to_owned(), figure]);
    }
    let (seed, took) = (chaos.seed, seconds(chaos.seconds));
    format!(
        "\n{}\n{}\nseed {seed}, {took}\n",
        faults.for_terminal(),
        ends.for_terminal()
    )
}

/// One line while it goes on.
pub(crate) fn line(rounds: &ChaosRounds) -> String {
    format!(
        "{} rounds: {} right, {} clear errors, {} signalled, {} failed",
        rounds.all, rounds.right, rounds.clear_error, rounds.signalled, rounds.failed
    )
}
