//! Which of several rows to recommend.

use report::{Spread, StartMethod};

/// Of the rows that cannot be distinguished from the fastest by a figure, the one with the safest start method,
/// then with the smallest median.
pub(super) fn chosen<T: Copy>(
    rows: &[T],
    figure: impl Fn(T) -> Spread,
    method: impl Fn(T) -> Option<StartMethod>,
) -> Option<T> {
    let median = |row: T| figure(row).median;
    let by_median = |one: &T, other: &T| median(*one).total_cmp(&median(*other));
    let best = rows.iter().copied().min_by(by_median)?;
    let end = figure(best).ends()[1];
    let tied = rows
        .iter()
        .copied()
        .filter(|row| figure(*row).ends()[0] <= end);
    tied.min_by(|one, other| {
        let safer = safety(method(*one)).cmp(&safety(method(*other)));
        safer.then(by_median(one, other))
    })
}

/// The safest first: a program of its own shares nothing with its parent, a fork everything.
fn safety(method: Option<StartMethod>) -> u8 {
    match method {
        Some(StartMethod::Spawn) => 0,
        Some(StartMethod::ForkServer) => 1,
        Some(StartMethod::Fork) | None => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_safest_of_those_that_are_tied_and_else_the_fastest() {
        let spread = |median: f64| Spread::of(median, median * 0.9, median * 1.1);
        let chosen = |rows: &[(f64, StartMethod)]| {
            chosen(rows, |row| spread(row.0), |row| Some(row.1))
                .unwrap()
                .1
        };
        let (fork, spawn) = (StartMethod::Fork, StartMethod::Spawn);
        assert_eq!(chosen(&[(1.0, fork), (1.1, spawn)]), spawn);
        assert_eq!(chosen(&[(1.0, fork), (2.0, spawn)]), fork);
        assert_eq!(
            chosen(&[(1.0, fork), (1.05, StartMethod::ForkServer), (1.1, spawn)]),
            spawn
        );
    }
}
