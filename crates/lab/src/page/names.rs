//! Names of the files of a report, and counts as its text names them.

use report::format_count;

/// The page of a matrix.
pub(crate) const MATRIX_PAGE: &str = "report.html";
/// The page of start methods.
pub(crate) const TRAITS_PAGE: &str = "traits.html";
/// The folder of the figures.
pub(crate) const FIGURES: &str = "figures";
/// The file of the runs' timelines.
pub(crate) const TIMELINES: &str = "timelines.json";
/// The file that `cluster sum --format json` was saved in, if one was put there.
pub(crate) const CLUSTER: &str = "cluster.json";

/// The file of the timelines of a job's rows.
pub(crate) fn job_timelines_file(name: &str) -> String {
    format!("timelines-job-{name}.json")
}

/// The file of a job.
pub(crate) fn job_file(name: &str) -> String {
    format!("job-{name}.json")
}

/// A count as people write it: `200 million`, `1.5 million`, `12 000`.
pub(crate) fn people(count: u64) -> String {
    match count {
        millions if millions >= 1_000_000 && millions.is_multiple_of(100_000) => {
            let (whole, tenth) = (millions / 1_000_000, millions / 100_000 % 10);
            match tenth {
                0 => format!("{whole} million"),
                _ => format!("{whole}.{tenth} million"),
            }
        }
        _ => format_count(count).replace('_', "\u{202f}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_written_for_people() {
        assert_eq!(people(200_000_000), "200 million");
        assert_eq!(people(1_500_000), "1.5 million");
        assert_eq!(people(12_345), "12\u{202f}345");
    }
}
